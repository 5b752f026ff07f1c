import { describe, expect, test } from 'vitest';
import { tools } from '../../src/tools/catalog.ts';
import { writes } from '../harness/kestra.ts';
import type { Outcome } from '../harness/program.ts';
import { namespacesOf } from '../kestra/routes/namespaces.ts';
import { bulkAnywhere, forEverybody, lists, onlyForAll, ownAffairs, uses } from './calls.ts';
import { namespaces, places } from './company.ts';
import { expectDone, expectUnknown, isDirect, onEnterprise } from './setting.ts';
import type { Arguments } from './uses.ts';

const groups = { one: ['acme.data'], two: ['acme.data', 'acme.ops'] } as const;
const catalogue = tools.map(({ name }) => name);

onEnterprise('A16, A37 a caller of some namespaces', (at) => {
  describe.each(Object.entries(groups))('%s: %o', (who, roots) => {
    const within = (namespace: string): boolean => roots.some((root) => namespace === root || namespace.startsWith(`${root}.`));
    const elsewhere = namespaces.filter((namespace) => !within(namespace) && namespace !== 'acme');
    const expectNothingFromElsewhere = ({ text }: Outcome): void => {
      for (const namespace of elsewhere) expect(text).not.toContain(namespace);
    };
    /** What `one` may do there, `two` may as well. */
    const places = placesFor(who);

    test('is listed, and finds, the tools that can be limited', async () => {
      const limitable = catalogue.filter((tool) => !onlyForAll.includes(tool));
      const listed = limitable.filter((tool) => isDirect(tool) && tool !== 'register_kestra_token');
      expect((await at.program.list(at.as(who))).sort()).toEqual(listed.sort());
      const { structured } = (await at.call(who, 'search_tools')).result;
      const found = Object.values(structured.tools as Record<string, string[]>).flat();
      expect(found.sort()).toEqual(limitable.filter((tool) => !(tool in ownAffairs)).sort());
    });

    test.each(onlyForAll)('has no %s', async (tool) => {
      expectUnknown(await at.call(who, tool, await uses[tool]?.on(at.company, 'acme.data')), tool);
    });

    test.each(Object.entries(forEverybody))('%s shows the same to everybody', async (tool, args) => {
      const { result } = await at.call(who, tool, args);
      expectDone({ result });
      expect(result.text).toBe((await at.call('kestra-admin', tool, args)).result.text);
    });

    describe.each(Object.keys(uses).filter((tool) => !onlyForAll.includes(tool)))('%s', (tool) => {
      const looksUp = uses[tool]?.looksUp;

      test.each(places.filter(([, namespace]) => within(namespace)))('%s, in %s, is done', async (_, namespace) => {
        const done = await at.use(who, tool, namespace);
        expectDone(done);
        expectNothingFromElsewhere(done.result);
      });

      test.each(places.filter(([, namespace]) => !within(namespace)))('%s, in %s, is refused', async (_, namespace) => {
        const args = (await uses[tool]?.on(at.company, namespace)) ?? {};
        const executions = () => [...at.kestra.state.executions.values()].filter((one) => one.namespace === namespace).length;
        const before = executions();
        const { result, requests, asked } = await at.call(who, tool, args);
        expect([result.error, result.isError, result.structured.error]).toEqual([undefined, true, looksUp ? 'not_found' : 'forbidden']);
        expect(writes(requests)).toEqual([]);
        expect(executions()).toBe(before);
        if (!looksUp) return expect(asked).toEqual([]);
        // What is known by an id alone is looked up; the answer is that of an id that does not exist.
        expect(asked).toEqual([expect.stringMatching(looksUp)]);
        const id = String(args.execution_id ?? args.uid);
        const madeUp = JSON.parse(JSON.stringify(args).replaceAll(id, 'none')) as Arguments;
        expect(result.text.replaceAll(id, 'none')).toBe((await at.call(who, tool, madeUp)).result.text);
      });
    });

    test.each(Object.entries(lists))(
      '%s without a namespace shows nothing from elsewhere, and counts nothing of it',
      async (tool, list) => {
        const { result } = await at.call(who, tool, list.args);
        expectDone({ result });
        const seen = list.seen(result);
        const there = tool === 'search_namespaces' ? namespacesOf(at.kestra.state) : namespaces;
        expect([...new Set(seen)].sort()).toEqual(there.filter(within).sort());
        expect(result.structured.total).toBe(seen.length);
        expectNothingFromElsewhere(result);
        if (!list.pages) return;
        for (const page of [1, 2, 99]) {
          const one = (await at.call(who, tool, { ...list.args, page, size: 1 })).result;
          expectNothingFromElsewhere(one);
          if (page < 99) expect(one.structured.total).toBe(seen.length);
        }
      },
    );

    test('execution_statistics without a namespace counts nothing from elsewhere', async () => {
      const { structured } = (await at.call(who, 'execution_statistics')).result;
      const mine = [...at.kestra.state.executions.values()].filter(({ namespace, kind }) => within(namespace) && !kind);
      expect(structured.total).toBe(mine.length);
    });

    test.each(bulkAnywhere)('%s without a namespace finds nothing from elsewhere', async (tool) => {
      const { namespace, flow_id, ...args } = (await uses[tool]?.on(at.company, 'acme.data')) ?? {};
      await uses[tool]?.on(at.company, 'other.team');
      const { result, requests } = await at.call(who, tool, { ...args, start_after: '2000-01-01T00:00:00Z' });
      expectDone({ result });
      const found = Object.entries(result.structured.by_flow as Record<string, number>);
      expect(found.length).toBeGreaterThan(0);
      expect(found.filter(([flow]) => !within(flow.slice(0, flow.lastIndexOf('.'))))).toEqual([]);
      expect(result.structured.matching).toBe(found.reduce((sum, [, count]) => sum + count, 0));
      expect(writes(requests)).toEqual([]);
    });

    test.each([
      ['list_flows', { namespace: 'acme.data', query: 'no such text' }],
      ['get_flow', { namespace: 'acme.data', flow_id: 'none' }],
      ['execute_flow', { namespace: 'acme.data', flow_id: 'none' }],
      ['list_executions', { namespace: 'acme.data', flow_id: 'none' }],
      ['search_triggers', { namespace: 'acme.data', flow_id: 'none' }],
      ['disable_trigger', { namespace: 'acme.data', flow_id: 'none', trigger_id: 'none' }],
      ['list_flow_revisions', { namespace: 'acme.data', flow_id: 'none' }],
      ['search_namespaces', { query: 'other' }],
      ['search_namespaces', { query: 'database' }],
      ['search_flows', { query: 'other.team' }],
      ['search_logs', { query: 'no such text' }],
    ])('%s that finds nothing says so of what may be seen: %o', async (tool, args) => {
      const { result } = await at.call(who, tool, args);
      expect(['not_found', undefined]).toContain(result.structured.error);
      const own = at.kestra.state.latestFlows().filter(({ namespace }) => namespace === 'acme.data' || namespace.startsWith('acme.data.'));
      if ('flow_id' in args || tool === 'list_flows')
        expect(result.text).toContain(`acme.data and what is below it hold ${own.length} flows`);
      else expect(result.structured.total).toBe(0);
      expectNothingFromElsewhere({ ...result, text: result.text.replace(/"(database|other\.team)\\?"/, '') } as Outcome);
    });
  });
});

function placesFor(who: string): [string, string][] {
  const all = Object.entries(places);
  return who === 'one' ? all : all.filter(([, namespace]) => !namespace.startsWith('acme.data') || namespace === 'acme.database');
}
