import { describe, expect, test } from 'vitest';
import { builtInRoles } from '../../src/access/permission.ts';
import { tools } from '../../src/tools/catalog.ts';
import { bulkAnywhere, forEverybody, leastRole, lists, onlyForAll, ownAffairs, uses } from './calls.ts';
import { allowed, expectDone, expectUnknown, isDirect, onEnterprise } from './setting.ts';

const catalogue = tools.map(({ name }) => name);
const roles = ['nothing', ...builtInRoles];

test('every tool of the catalogue has its cases', () => {
  const covered = [uses, lists, forEverybody, ownAffairs].flatMap((cases) => Object.keys(cases));
  expect([...new Set([...covered, ...onlyForAll])].sort()).toEqual([...catalogue].sort());
  expect(Object.keys(leastRole).sort()).toEqual([...catalogue].sort());
  const withoutNamespace = tools.filter(({ input }) => input.shape.namespace?.safeParse(undefined).success && !('source' in input.shape));
  const known = [...Object.keys(lists), ...bulkAnywhere, 'execution_statistics'];
  expect(withoutNamespace.map(({ name }) => name).filter((name) => !known.includes(name))).toEqual([]);
});

onEnterprise('A16 the built-in roles', (at) => {
  /** One credential serves everybody here, so nobody is told to register one. */
  const listable = catalogue.filter((tool) => isDirect(tool) && tool !== 'register_kestra_token');

  test.each(roles)('%s: what it allows is listed, and found, and nothing else', async (role) => {
    expect((await at.program.list(at.as(role))).sort()).toEqual(listable.filter((tool) => allowed(role, tool)).sort());
    const { structured } = (await at.call(role, 'search_tools')).result;
    const found = Object.values(structured.tools as Record<string, string[]>).flat();
    expect(found.sort()).toEqual(catalogue.filter((tool) => allowed(role, tool) && !(tool in ownAffairs)).sort());
  });

  const argumentsOf = async (tool: string) =>
    (await uses[tool]?.on(at.company, 'other.team')) ?? lists[tool]?.args ?? forEverybody[tool] ?? ownAffairs[tool] ?? {};

  describe.each(catalogue)('%s', (tool) => {
    test('is there for the roles that allow it, and for no others', async () => {
      for (const role of roles) {
        if (!allowed(role, tool)) expectUnknown(await at.call(role, tool, await argumentsOf(tool)), tool);
        else if (role === (leastRole[tool] ?? 'nothing'))
          expectDone(uses[tool] ? await at.use(role, tool, 'other.team') : await at.call(role, tool, await argumentsOf(tool)));
        else {
          const { result, requests } = await at.call(role, tool, { no_such_argument: 1 });
          expect([result.structured.error, requests], result.text).toEqual(['invalid_input', []]);
        }
      }
    });
  });

  test('by its own name a tool that is not listed is there like by run_tool', async () => {
    for (const tool of ['list_keys', 'delete_key', 'kill_executions', 'evaluate_expression']) {
      const args = await argumentsOf(tool);
      const byName = await at.program.call(at.as('kestra-admin'), tool, { ...args, size: 'x' });
      expect(byName.text).toBe((await at.call('kestra-admin', tool, { ...args, size: 'x' })).result.text);
      const { error } = await at.program.call(at.as('nothing'), tool, args);
      expect(error).toMatchObject({ code: -32602, message: expect.stringContaining(`Tool "${tool}" not found`) });
    }
  });

  test('the single tool and the one for many need the same', () => {
    // To find the many, they must be listed: that is to read.
    const changing = (name: string) =>
      tools.find((tool) => tool.name === name)?.permissions.filter((permission) => !permission.endsWith('.read'));
    const one = (many: string): string => many.replace(/(execution|flow|trigger)s/, '$1');
    const pairs = catalogue.filter((many) => one(many) !== many && catalogue.includes(one(many)));
    expect(pairs).toHaveLength(bulkAnywhere.length + 5);
    for (const many of pairs) expect(changing(many), many).toEqual(changing(one(many)));
  });
});
