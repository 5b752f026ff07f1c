import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { builtInRoles } from '../../src/access/permission.ts';
import { tools } from '../../src/tools/catalog.ts';
import { FakeIdp } from '../auth/fake-idp.ts';
import { during, ended, execute, executionsOf, expectInnocent, saveFlows, writes } from '../harness/kestra.ts';
import { newFolder, type Outcome, Program, settings } from '../harness/program.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { flow, hello, versions } from '../tools/setting.ts';
import { leastRole, lists, ownAffairs, uses } from './calls.ts';
import { type Company, found, namespaces, places } from './company.ts';

/** The last one is a viewer in one namespace and may stop executions in another: never both in both. */
const policy = `grants:
  - match: { groups: [one] }
    roles: [kestra-admin]
    namespaces: [acme.data]
  - match: { groups: [two] }
    roles: [kestra-admin]
    namespaces: [acme.data, acme.ops]
  - match: { groups: [mixed] }
    roles: [kestra-viewer]
    namespaces: [acme.data]
  - match: { groups: [mixed] }
    permissions: [kestra.execution.write, kestra.flow.execute]
    namespaces: [acme.ops]
  - match: { groups: [runner] }
    permissions: [kestra.flow.execute, kestra.execution.read]
    namespaces: [acme.data]
`;
const groups = { one: ['acme.data'], two: ['acme.data', 'acme.ops'] } as const;

const catalogue = tools.map(({ name }) => name);
/** One credential serves everybody here, so nobody is told to register one. */
const listable = catalogue.filter((tool) => tool !== 'register_kestra_token');
const allowed = (role: string, tool: string): boolean => {
  const least = leastRole[tool];
  const ranks: readonly string[] = ['nothing', ...builtInRoles];
  return least === undefined || ranks.indexOf(role) >= ranks.indexOf(least);
};

test('every tool of the catalogue has its cases', () => {
  expect([...new Set([...Object.keys(uses), ...Object.keys(lists), ...ownAffairs])].sort()).toEqual([...catalogue].sort());
  expect(Object.keys(leastRole).sort()).toEqual([...catalogue].sort());
});

describe.each(versions)('A16, A37 who may do what, on Kestra Enterprise %s', (version) => {
  const idp = new FakeIdp();
  const tokens = new Map<string, string>();
  let kestra: Kestra;
  let company: Company;
  let program: Program;

  beforeAll(async () => {
    await idp.start();
    kestra = await startKestra({ version, edition: 'EE' });
    company = await found(kestra);
    const file = join(newFolder(), 'policy.yaml');
    writeFileSync(file, policy);
    const env = {
      ...(await settings({ kestra, idp })),
      KESTRA_MCP_POLICY: file,
      KESTRA_CREDENTIALS: 'shared',
      KESTRA_API_TOKEN: 'kestra-admin-token',
    };
    program = await Program.start(env, idp);
    const clientId = await program.client.reg();
    const people = {
      nothing: { roles: ['editor'], groups: ['kestra-admin'] },
      ...Object.fromEntries(builtInRoles.map((role) => [role, { roles: [role] }])),
      ...Object.fromEntries(['one', 'two', 'mixed', 'runner'].map((group) => [group, { groups: [group] }])),
    };
    for (const [user, claims] of Object.entries(people)) {
      idp.users.set(user, { sub: `sub-${user}`, claims });
      tokens.set(user, (await program.client.signIn({ user, clientId })).tokens.access_token);
    }
  });
  afterAll(async () => {
    await expectInnocent(kestra);
    await program.stop();
    await kestra.close();
    await idp.stop();
  });

  const as = (who: string): string => tokens.get(who) ?? '';
  const call = (who: string, tool: string, args: Record<string, unknown> = {}) => during(kestra, () => program.call(as(who), tool, args));

  const expectUnknown = ({ result, requests }: { result: Outcome; requests: readonly unknown[] }, tool: string): void => {
    expect(result.error).toMatchObject({ code: -32602, message: expect.stringContaining(`Tool "${tool}" not found`) });
    expect(requests).toEqual([]);
  };

  describe.each(['nothing', ...builtInRoles])('with the role %s', (role) => {
    test('the tools that it allows are listed, and no others', async () => {
      expect((await program.list(as(role))).sort()).toEqual(listable.filter((tool) => allowed(role, tool)).sort());
    });

    test.each(Object.keys(uses))('%s', async (tool) => {
      const outcome = await call(role, tool, await uses[tool]?.on(company, 'other.team'));
      if (!allowed(role, tool)) return expectUnknown(outcome, tool);
      expect(outcome.result, outcome.result.text).toMatchObject({ error: undefined, isError: false });
    });

    test.each([...Object.keys(lists), ...ownAffairs])('%s without a namespace', async (tool) => {
      const outcome = await call(role, tool);
      if (!allowed(role, tool)) return expectUnknown(outcome, tool);
      expect(outcome.result, outcome.result.text).toMatchObject({ error: undefined, isError: false });
    });
  });

  describe.each(Object.entries(groups))('limited to %s: %o', (who, roots) => {
    const within = (namespace: string): boolean => roots.some((root) => namespace === root || namespace.startsWith(`${root}.`));
    const elsewhere = namespaces.filter((namespace) => !within(namespace) && namespace !== 'acme');
    const expectNothingFromElsewhere = ({ text }: Outcome): void => {
      for (const namespace of elsewhere) expect(text).not.toContain(namespace);
    };

    test('the tools that can be limited are listed', async () => {
      const listed = listable.filter((tool) => lists[tool] !== 'only for all');
      expect((await program.list(as(who))).sort()).toEqual([...listed].sort());
    });

    describe.each(Object.keys(uses))('%s', (tool) => {
      test.each(Object.entries(places))('%s', async (_, namespace) => {
        const use = uses[tool];
        const args = (await use?.on(company, namespace)) ?? {};
        const executions = kestra.state.executions.size;
        const { result, requests, asked } = await call(who, tool, args);
        expect(result.error).toBeUndefined();
        if (within(namespace)) {
          expect(result.isError, result.text).toBe(false);
          return expectNothingFromElsewhere(result);
        }
        expect(result.isError).toBe(true);
        expect(result.structured.error).toBe(use?.looksUp ? 'not_found' : 'forbidden');
        expect(writes(requests)).toEqual([]);
        expect(kestra.state.executions.size).toBe(executions);
        if (!use?.looksUp) return expect(asked).toEqual([]);
        // What is known by an id alone is looked up; the answer is that of an id that does not exist.
        expect(asked).toEqual([expect.stringMatching(use.looksUp)]);
        const [name = '', id = ''] = Object.entries(args)[0] as [string, string];
        const madeUp = (await program.call(as(who), tool, { [name]: 'none' })).text;
        expect(result.text.replaceAll(id, 'none')).toBe(madeUp);
      });
    });

    test.each(Object.keys(lists))('%s without a namespace shows nothing from elsewhere, and totals count nothing of it', async (tool) => {
      const outcome = await call(who, tool);
      if (lists[tool] === 'only for all') return expectUnknown(outcome, tool);
      const { structured } = outcome.result;
      const rows = (structured.namespaces ?? structured.triggers) as readonly (string | { namespace: string })[];
      const seen = rows.map((row) => (typeof row === 'string' ? row : row.namespace));
      expect([...new Set(seen)].sort()).toEqual(namespaces.filter(within).sort());
      expect(structured.total).toBe(rows.length);
      expectNothingFromElsewhere(outcome.result);
      const pages = await Promise.all([1, 2, 9].map((page) => program.call(as(who), tool, { page, size: 1 })));
      for (const page of pages) expectNothingFromElsewhere(page);
      expect(pages.map(({ structured }) => structured.total).slice(0, 2)).toEqual([rows.length, rows.length]);
    });

    test.each([
      ['list_flows', { namespace: 'acme.data', query: 'no such text' }],
      ['get_flow', { namespace: 'acme.data', flow_id: 'none' }],
      ['execute_flow', { namespace: 'acme.data', flow_id: 'none' }],
      ['list_executions', { namespace: 'acme.data', flow_id: 'none' }],
      ['search_triggers', { namespace: 'acme.data', flow_id: 'none' }],
      ['search_namespaces', { query: 'other' }],
      ['search_namespaces', { query: 'database' }],
    ])('%s that finds nothing says so of what may be seen: %o', async (tool, args) => {
      const { result } = await call(who, tool, args);
      expect(['not_found', undefined]).toContain(result.structured.error);
      const own = kestra.state.latestFlows().filter(({ namespace }) => namespace === 'acme.data' || namespace.startsWith('acme.data.'));
      if (tool !== 'search_namespaces') expect(result.text).toContain(`acme.data and what is below it hold ${own.length} flows`);
      else expect(result.structured.total).toBe(0);
      expectNothingFromElsewhere({ ...result, text: result.text.replace('"database"', '') } as Outcome);
    });
  });

  test('a repeated run_key finds the first run, and starts nothing', async () => {
    const args = { namespace: 'acme.data', flow_id: 'hello', run_key: 'only-once' };
    const first = await program.call(as('one'), 'execute_flow', args);
    const { result, requests } = await call('one', 'execute_flow', args);
    expect(result.structured).toMatchObject({ execution_id: first.structured.execution_id, found: expect.any(String) });
    expect(writes(requests)).toEqual([]);
  });

  describe('why an execution failed', () => {
    const subflow = (namespace: string) =>
      flow(
        'acme.data',
        `calls_${namespace.replaceAll('.', '_')}`,
        'flow.Subflow',
        `namespace: ${namespace}\nflowId: broken\nwait: true\ntransmitFailed: true`,
      );
    const fail = async (namespace: string): Promise<{ parent: string; child: string }> => {
      await saveFlows(kestra, flow(namespace, 'broken', 'execution.Fail', 'errorMessage: broken indeed'), subflow(namespace));
      const parent = await execute(kestra, 'acme.data', `calls_${namespace.replaceAll('.', '_')}`);
      await ended(kestra, parent);
      return { parent, child: executionsOf(kestra, namespace, 'broken').at(-1)?.id ?? '' };
    };

    test('is followed into a subflow of a namespace that may be seen', async () => {
      const { parent, child } = await fail('acme.data.raw');
      const { structured } = (await call('one', 'get_execution', { execution_id: parent })).result;
      expect(structured).toMatchObject({ last_success: expect.any(String), failed_subflows: [{ execution_id: child }] });
      expect(JSON.stringify(structured)).toContain('broken indeed');
    });

    test.each(['other.team', 'acme.database'])('and not into one of %s', async (namespace) => {
      const { parent, child } = await fail(namespace);
      for (const tool of ['get_execution', 'execute_flow']) {
        const args =
          tool === 'get_execution'
            ? { execution_id: parent }
            : { namespace: 'acme.data', flow_id: `calls_${namespace.replaceAll('.', '_')}` };
        const { result, asked } = await call('one', tool, args);
        expect(result.structured).toMatchObject({ state: 'FAILED', failed_tasks: [expect.anything()] });
        expect(result.structured).not.toHaveProperty('failed_subflows');
        expect(result.text).not.toContain('broken indeed');
        expect(result.text).not.toContain(child);
        expect(asked.filter((line) => line.includes(child) || line.includes(namespace))).toEqual([]);
      }
      // Who may see both does see both.
      const { structured } = (await call('kestra-admin', 'get_execution', { execution_id: parent })).result;
      expect(structured).toMatchObject({ failed_subflows: [{ execution_id: child, namespace }] });
    });

    test('of what the roles do not show it says so', async () => {
      const { parent } = await fail('acme.data.raw');
      const { structured } = (await call('runner', 'get_execution', { execution_id: parent })).result;
      expect(structured.not_shown).toEqual(
        expect.arrayContaining([
          'logs: your roles lack kestra.log.read in acme.data',
          'source: your roles lack kestra.flow.read in acme.data',
        ]),
      );
    });
  });

  describe('a file that Kestra keeps goes to a flow only if the caller may read it', () => {
    const run = (who: string, data: string) => call(who, 'execute_flow', { namespace: 'acme.data', flow_id: 'reader', inputs: { data } });

    test.each([
      'kestra:///acme/data/reader/executions/1/inputs/data/a.csv',
      'kestra:///acme/data/raw/hello/executions/1/tasks/say/2/a.csv',
      'nsfile:///a.csv',
      'nsfile://acme.data.raw/a.csv',
    ])('%s', async (address) => {
      expect(writes((await run('one', address)).requests)).toHaveLength(1);
    });

    test.each([
      'kestra:///other/team/hello/executions/1/inputs/data/a.csv',
      'kestra:///acme/database/hello/executions/1/inputs/data/a.csv',
      // The flow `data` of the namespace above.
      'kestra:///acme/data/executions/1/inputs/data/a.csv',
      'kestra:///acme/data/reader/executions/../../../../other/team/a.csv',
      'kestra:///acme/data/reader/executions/%2e%2e/a.csv',
      'kestra://other.team/acme/data/reader/executions/1/a.csv',
      'kestra:///other/team/_files/a.csv',
      'nsfile://other.team/a.csv',
      'nsfile://acme.database/a.csv',
    ])('not %s', async (address) => {
      const { result, requests } = await run('one', address);
      expect(result.structured).toMatchObject({ error: 'forbidden', message: expect.stringContaining('Nothing was started') });
      expect(writes(requests)).toEqual([]);
    });

    test('and who may read everywhere may name any', async () => {
      expect(writes((await run('kestra-admin', 'kestra:///other/team/_files/a.csv')).requests)).toHaveLength(1);
      expect(writes((await run('runner', 'nsfile://acme.data.raw/a.csv')).requests)).toEqual([]);
    });
  });

  describe('each grant counts alone', () => {
    test.each([
      ['get_flow', 'acme.data', true],
      ['get_flow', 'acme.ops', false],
      ['list_executions', 'acme.ops', false],
      ['execute_flow', 'acme.ops', true],
      ['execute_flow', 'acme.data', false],
      ['kill_execution', 'acme.ops', true],
      ['kill_execution', 'acme.data', false],
    ])('%s in %s: %s', async (tool, namespace, may) => {
      const { result, requests } = await call('mixed', tool, await uses[tool]?.on(company, namespace));
      expect(result.isError, result.text).toBe(!may);
      if (!may) expect(writes(requests)).toEqual([]);
    });

    test('what is missing in a namespace is not looked up in its stead', async () => {
      const { result, asked } = await call('mixed', 'execute_flow', { namespace: 'acme.ops', flow_id: 'none' });
      expect(result.structured.message).toContain('Your roles do not let you look whether there is a flow none in acme.ops');
      expect(asked).toEqual(['GET main/flows/acme.ops/none']);
    });
  });

  test('A22 auth_status explains every denial: what is missing, and where', async () => {
    const status = async (who: string) => (await program.call(as(who), 'auth_status')).structured;
    expect(await status('nothing')).toMatchObject({
      roles: [],
      tools: { allowed: ownAffairs, not_allowed: { get_flow: 'needs kestra.flow.read' } },
    });
    expect(await status('kestra-viewer')).toMatchObject({
      roles: [{ name: 'kestra-viewer', from: 'the ID token' }],
      namespaces: 'all',
      tools: { not_allowed: { execute_flow: 'needs kestra.flow.execute', create_app: 'needs kestra.app.write' } },
    });
    expect(await status('two')).toMatchObject({
      roles: [{ name: 'kestra-admin', from: 'the policy, line 5 (groups)' }],
      namespaces: [{ namespaces: ['acme.data', 'acme.ops'] }],
      tools: {
        only_in: { 'acme.data, acme.ops': expect.arrayContaining(['get_flow', 'kill_execution', 'get_app']) },
        not_allowed: { list_apps: 'shows things of every namespace, and your roles are for some' },
      },
    });
    expect(await status('mixed')).toMatchObject({
      tools: { only_in: { 'acme.data': expect.arrayContaining(['get_flow']), 'acme.ops': ['execute_flow', 'kill_execution'] } },
    });
    const denied = await program.call(as('two'), 'get_flow', { namespace: 'other.team', flow_id: 'hello' });
    expect(denied.structured.message).toBe(
      'Your roles allow this in acme.data, acme.ops and below, not in other.team. auth_status shows why.',
    );
  });

  test('P17 each call is in the audit: who, with what, on what and how it was decided, never an argument', async () => {
    const before = program.stderr.length;
    await program.call(as('one'), 'list_flows', { namespace: 'acme.data', query: 'CANARY-argument' });
    await program.call(as('one'), 'get_flow', { namespace: 'other.team', flow_id: 'CANARY-argument' });
    await program.call(as('one'), 'get_execution', { execution_id: company.ended.get('other.team') });
    await program.call(as('nothing'), 'get_flow', { namespace: 'acme.data', flow_id: 'x' });
    const said = program.stderr.slice(before);
    const lines = said.split('\n').flatMap((line) => (line.includes('"audit"') ? [JSON.parse(line) as Record<string, unknown>] : []));
    const user = `${idp.url}|sub-one`;
    expect(lines).toEqual([
      expect.objectContaining({
        user,
        tool: 'list_flows',
        namespace: 'acme.data',
        decision: 'allowed',
        code: 'ok',
        upstream: expect.arrayContaining(['searchFlows 200']),
      }),
      expect.objectContaining({ user, tool: 'get_flow', namespace: 'other.team', decision: 'denied', code: 'forbidden', upstream: [] }),
      expect.objectContaining({ user, execution: company.ended.get('other.team'), code: 'not_found', upstream: ['getExecution 200'] }),
      expect.objectContaining({ user: `${idp.url}|sub-nothing`, tool: 'get_flow', decision: 'denied', code: 'unknown_tool', upstream: [] }),
    ]);
    expect(said).not.toContain('CANARY');
  });

  test('a flow is saved where its source says, however that is written', async () => {
    for (const source of [
      hello('other.team', 'x').replace('namespace: other.team', 'namespace: acme.data\nnamespace: other.team'),
      hello('other.team', 'x').replace('namespace: other.team', '"namespace": "other.team"'),
      `${hello('acme.data', 'x')}---\n${hello('other.team', 'x')}`,
    ]) {
      const { result, asked } = await call('one', 'create_or_update_flow', { source });
      expect(result.isError).toBe(true);
      expect(asked).toEqual([]);
    }
    expect(kestra.state.flow('other.team', 'x')).toBeUndefined();
  });
});
