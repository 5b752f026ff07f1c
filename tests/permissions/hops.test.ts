import { describe, expect, test } from 'vitest';
import { ended, execute, executionsOf, saveFlows, writes } from '../harness/kestra.ts';
import { flow, hello } from '../tools/setting.ts';
import { app, suite } from './company.ts';
import { expectDone, onEnterprise } from './setting.ts';

const elsewhere = ['other.team', 'acme.database', 'acme.ops'];

onEnterprise('A16, A37 what leads from one namespace to another', (at) => {
  const subflow = (namespace: string, flowId = 'broken') =>
    flow(
      'acme.data',
      `calls_${namespace.replaceAll('.', '_')}`,
      'flow.Subflow',
      `namespace: ${namespace}\nflowId: ${flowId}\nwait: true\ntransmitFailed: true`,
    );

  describe('why an execution failed', () => {
    const fail = async (namespace: string): Promise<{ parent: string; child: string }> => {
      await saveFlows(at.kestra, flow(namespace, 'broken', 'execution.Fail', 'errorMessage: broken indeed'), subflow(namespace));
      const parent = await execute(at.kestra, 'acme.data', `calls_${namespace.replaceAll('.', '_')}`);
      await ended(at.kestra, parent);
      return { parent, child: executionsOf(at.kestra, namespace, 'broken').at(-1)?.id ?? '' };
    };

    test.each(['get_execution', 'diagnose_execution'])('%s follows it into a subflow of a namespace that may be seen', async (tool) => {
      const { parent, child } = await fail('acme.data.raw');
      const { structured } = (await at.call('one', tool, { execution_id: parent })).result;
      expect(structured).toMatchObject({ last_success: expect.any(String), failed_subflows: [{ execution_id: child }] });
      expect(JSON.stringify(structured)).toContain('broken indeed');
    });

    test.each(['other.team', 'acme.database'])('and not into one of %s', async (namespace) => {
      const { parent, child } = await fail(namespace);
      for (const tool of ['get_execution', 'diagnose_execution', 'execute_flow']) {
        const args =
          tool === 'execute_flow'
            ? { namespace: 'acme.data', flow_id: `calls_${namespace.replaceAll('.', '_')}` }
            : { execution_id: parent };
        const { result, asked } = await at.call('one', tool, args);
        expect(result.structured).toMatchObject({ state: 'FAILED', failed_tasks: [expect.anything()] });
        expect(result.structured).not.toHaveProperty('failed_subflows');
        expect(result.text).not.toContain('broken indeed');
        expect(result.text).not.toContain(child);
        expect(asked.filter((line) => line.includes(child) || line.includes(namespace))).toEqual([]);
      }
      // Who may see both does see both.
      const { structured } = (await at.call('kestra-admin', 'get_execution', { execution_id: parent })).result;
      expect(structured).toMatchObject({ failed_subflows: [{ execution_id: child, namespace }] });
    });

    test('of what the roles do not show it says so', async () => {
      const { parent } = await fail('acme.data.raw');
      const { structured } = (await at.call('runner', 'get_execution', { execution_id: parent })).result;
      expect(structured.not_shown).toEqual(
        expect.arrayContaining([
          'logs: your roles lack kestra.log.read in acme.data',
          'source: your roles lack kestra.flow.read in acme.data',
        ]),
      );
    });
  });

  describe('a file that Kestra keeps goes to a flow only if the caller may read it', () => {
    const run = (who: string, data: string) =>
      at.call(who, 'execute_flow', { namespace: 'acme.data', flow_id: 'reader', inputs: { data } });
    const own = [
      'kestra:///acme/data/reader/executions/1/inputs/data/a.csv',
      'kestra:///acme/data/raw/hello/executions/1/tasks/say/2/a.csv',
      'nsfile:///a.csv',
      'nsfile://acme.data.raw/a.csv',
    ];
    const foreign = [
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
    ];

    test.each(own)('%s', async (address) => {
      expect(writes((await run('one', address)).requests)).toHaveLength(1);
    });

    test.each(foreign)('not %s', async (address) => {
      const { result, requests } = await run('one', address);
      expect(result.structured).toMatchObject({ error: 'forbidden', message: expect.stringContaining('Nothing was started') });
      expect(writes(requests)).toEqual([]);
    });

    test('and who may read everywhere may name any', async () => {
      expect(writes((await run('kestra-admin', 'kestra:///other/team/_files/a.csv')).requests)).toHaveLength(1);
      expect(writes((await run('runner', 'nsfile://acme.data.raw/a.csv')).requests)).toEqual([]);
    });

    test.each(['replay_execution', 'create_backfill'])('by %s too', async (tool) => {
      const trigger = 'triggers:\n  - id: nightly\n    type: io.kestra.plugin.core.trigger.Schedule\n    cron: "0 3 * * *"\n';
      await saveFlows(at.kestra, hello('acme.data', 'dated', `inputs:\n  - id: data\n    type: FILE\n    required: false\n${trigger}`));
      const execution_id = await execute(at.kestra, 'acme.data', 'dated');
      await ended(at.kestra, execution_id);
      const of = { namespace: 'acme.data', flow_id: 'dated', trigger_id: 'nightly', confirm: 'nightly' };
      const args = tool === 'replay_execution' ? { execution_id } : { ...of, start: '2026-03-01T00:00:00Z', end: '2026-03-01T12:00:00Z' };
      for (const data of foreign) {
        const { result, requests } = await at.call('one', tool, { ...args, inputs: { data } });
        expect(result.structured, data).toMatchObject({ error: 'forbidden', message: expect.stringContaining('Nothing was started') });
        expect(writes(requests)).toEqual([]);
      }
      expect(writes((await at.call('one', tool, { ...args, inputs: { data: own[0] } })).requests)).toHaveLength(1);
    });
  });

  describe('what a backfill is given', () => {
    const start = (who: string, given: object) =>
      at.call(who, 'create_backfill', {
        ...at.company.trigger('acme.data'),
        start: '2026-03-01T00:00:00Z',
        end: '2026-03-01T12:00:00Z',
        confirm: 'nightly',
        ...given,
      });

    test.each([
      { inputs: { x: "{{ secret('DEMO') }}" } },
      { inputs: { x: ["{{ kv('color', 'other.team') }}"] } },
      { inputs: { '{{ envs.home }}': 1 } },
      { inputs: { x: '{% if true %}a{% endif %}' } },
      { labels: { x: "{{ secret('DEMO') }}" } },
    ])('is rendered by Kestra, so an expression is for who may write the flow: %o', async (given) => {
      const { result, requests } = await start('watcher', given);
      expect(result.structured).toMatchObject({ error: 'forbidden', message: expect.stringContaining('kestra.flow.write') });
      expect(writes(requests)).toEqual([]);
    });

    test('is what the flow takes', async () => {
      const { result, requests } = await start('one', { inputs: { nope: 1 } });
      expect(result.structured).toMatchObject({ error: 'invalid_input', message: expect.stringContaining('The flow has no input "nope"') });
      expect(writes(requests)).toEqual([]);
    });

    test('may be an expression for an editor', async () => {
      expectDone(await start('one', { labels: { day: '{{ trigger.date }}' } }));
    });
  });

  test.each(['preview_output_file', 'read_output_file'])(
    '%s reads no file of another namespace by way of an own execution',
    async (tool) => {
      const execution_id = at.company.ended('acme.data');
      for (const namespace of elsewhere) {
        const uri = at.company.fileOf(namespace);
        const { result, asked } = await at.call('one', tool, { execution_id, uri });
        expect(result.structured).toMatchObject({ error: 'not_found', message: expect.stringContaining('no file of this execution') });
        expect([...new Set(asked)]).toEqual([`GET main/executions/${execution_id}`]);
      }
      expectDone(await at.call('one', tool, { execution_id, uri: at.company.fileOf('acme.data') }));
    },
  );

  test('list_output_files asks for the size of no file of another namespace', async () => {
    const id = await at.company.execution('acme.data', 'marked', 'SUCCESS');
    const [run] = at.kestra.state.executions.get(id)?.taskRuns ?? [];
    if (run) run.outputs = { uri: at.company.fileOf('other.team') };
    const { result, asked } = await at.call('one', 'list_output_files', { execution_id: id });
    expect(result.structured.files).toEqual([{ from: 'task say', quoted: { uri: at.company.fileOf('other.team') } }]);
    expect(asked.filter((line) => line.includes('/file'))).toEqual([]);
  });

  describe('which flow calls which', () => {
    test('shows a flow of elsewhere without its name, and nothing behind it', async () => {
      await saveFlows(
        at.kestra,
        hello('other.team', 'last'),
        flow('other.team', 'middle', 'flow.Subflow', 'namespace: other.team\nflowId: last'),
        flow('acme.data', 'first', 'flow.Subflow', 'namespace: other.team\nflowId: middle'),
      );
      const args = { namespace: 'acme.data', flow_id: 'first', everything: true };
      const { result } = await at.call('one', 'flow_dependencies', args);
      // 1.x works it out later: the pretence knows none.
      if (at.version === '1.3.25') return expect(result.structured).toMatchObject({ dependencies: [] });
      expect(result.structured).toMatchObject({
        flows: 2,
        dependencies: [{ from: 'acme.data.first', to: '(a flow outside of your namespaces)', by: 'subflow' }],
      });
      expect((await at.call('kestra-viewer', 'flow_dependencies', args)).result.structured).toMatchObject({ flows: 3 });
      const all = (await at.call('one', 'namespace_dependencies', { namespace: 'acme.data' })).result;
      expect(all.structured.dependencies).toContainEqual({
        from: 'acme.data.first',
        to: '(a flow outside of your namespaces)',
        by: 'subflow',
      });
      for (const name of ['other.team', 'middle', 'last']) for (const { text } of [result, all]) expect(text).not.toContain(name);
    });
  });

  test('an app goes neither out of the namespaces of the caller nor into them', async () => {
    for (const namespace of elsewhere) {
      const out = await at.call('one', 'update_app', { uid: at.company.app('acme.data'), app_data: app(namespace) });
      expect([out.result.structured.error, out.asked]).toEqual(['forbidden', []]);
      const uid = at.company.app(namespace);
      const into = await at.call('one', 'update_app', { uid, app_data: app('acme.data') });
      expect([into.result.structured.error, into.asked]).toEqual(['not_found', [`GET main/apps/${uid}`]]);
    }
    expectDone(await at.call('two', 'update_app', { uid: at.company.app('acme.data'), app_data: app('acme.ops') }));
  });

  test.each(['save_test_suite', 'create_or_update_flow', 'validate_flow', 'flow_graph', 'create_app'])(
    '%s goes where its source says, however that is written',
    async (tool) => {
      const source = tool === 'save_test_suite' ? suite : tool === 'create_app' ? app : hello;
      const name = tool === 'create_app' ? 'app_data' : 'source';
      const there = source('other.team', 'x');
      for (const text of [
        there,
        there.replace('namespace: other.team', 'namespace: acme.data\nnamespace: other.team'),
        there.replace('namespace: other.team', '"namespace": "other.team"'),
        there.replace('namespace: other.team', '? namespace\n: other.team'),
        there.replace('namespace: other.team', 'namespace: !!str other.team'),
        `${source('acme.data', 'x')}---\n${there}`,
      ]) {
        const { result, asked } = await at.call('one', tool, { [name]: text });
        expect([result.isError, asked]).toEqual([true, []]);
      }
      const both = await at.call('one', tool, { [name]: there, ...(tool === 'flow_graph' && { namespace: 'acme.data' }) });
      expect([both.result.isError, both.asked]).toEqual([true, []]);
      expect(at.kestra.state.flow('other.team', 'x')).toBeUndefined();
      expect(at.kestra.state.suites.has('other.team/x')).toBe(false);
    },
  );

  test('the names of secrets of a namespace above are for who may see it, and that is said', async () => {
    const mine = (await at.call('one', 'list_secrets', { namespace: 'acme.data.raw' })).result.structured;
    expect(mine).toMatchObject({
      secrets: [
        { name: 'DEMO', from: 'acme.data.raw' },
        { name: 'DEMO', from: 'acme.data' },
      ],
      not_shown: expect.stringContaining('those of acme,'),
    });
    const all = (await at.call('kestra-viewer', 'list_secrets', { namespace: 'acme.data.raw' })).result.structured;
    expect((all.secrets as unknown[]).length).toBe(3);
    expect(all).not.toHaveProperty('not_shown');
  });

  test('a text in sources is looked for in one namespace at a time', async () => {
    const search = (who: string, namespace?: string) =>
      at.call(who, 'search_flows', { query: 'hello', in_source: true, size: 200, ...(namespace && { namespace }) });
    const flows = (await search('one')).result.structured.flows as { namespace: string }[];
    expect([...new Set(flows.map(({ namespace }) => namespace))].sort()).toEqual(['acme.data', 'acme.data.raw']);
    expect((await search('two')).result.structured).toMatchObject({
      error: 'forbidden',
      message: expect.stringContaining('Name a namespace'),
    });
    expectDone(await search('two', 'acme.ops'));
  });

  test.each(['restart_execution', 'replay_execution'])(
    '%s with another revision is still for the namespace of the execution',
    async (tool) => {
      const execution_id = await at.company.execution('other.team', 'failing', 'FAILED');
      const { result, requests } = await at.call('one', tool, { execution_id, revision: 1 });
      expect([result.structured.error, writes(requests)]).toEqual(['not_found', []]);
    },
  );

  test.each([
    ['read_namespace_file', 'kestra:///other/team/_files/a.txt'],
    ['read_namespace_file', 'nsfile://other.team/a.txt'],
    ['read_namespace_file', '//other.team/a.txt'],
    ['read_namespace_file', '/../other.team/a.txt'],
    ['read_namespace_file', '..'],
    ['read_namespace_file', '%2e%2e/a.txt'],
    ['list_namespace_files', '/..'],
    ['delete_namespace_file', '/.'],
    ['delete_namespace_file', '//'],
    ['delete_namespace_file', './'],
    ['delete_namespace_file', 'a/./b'],
    ['write_namespace_file', '/a/../../other.team/a.txt'],
  ])('%s has no such path: %s', async (tool, path) => {
    const more = tool === 'write_namespace_file' ? { content: 'x' } : tool === 'delete_namespace_file' ? { confirm: path } : {};
    const { result, asked } = await at.call('one', tool, { namespace: 'acme.data', path, ...more });
    expect([result.structured.error, asked]).toEqual(['invalid_input', []]);
  });

  test.each([
    ['/', '/x'],
    ['/a.txt', '/'],
    ['/a.txt', '/../../other.team/a.txt'],
    ['nsfile://other.team/a.txt', '/b.txt'],
  ])('move_namespace_file does not go from %s to %s', async (from, to) => {
    at.company.file('acme.data');
    const { result, asked } = await at.call('one', 'move_namespace_file', { namespace: 'acme.data', from, to });
    expect([result.structured.error, asked]).toEqual(['invalid_input', []]);
  });
});
