import { expect, test } from 'vitest';
import { during, saveFlows, writes } from '../harness/kestra.ts';
import { seed } from '../kestra/seed.ts';
import { hello, onEveryKestra } from '../tools/setting.ts';
import { confirmed, facts, refused, runTool } from './run.ts';

const ee = { edition: 'EE' } as const;

onEveryKestra(
  'apps',
  (at) => {
    const only = async () => {
      if (at.kestra.state.apps.size === 0) seed(at.kestra);
      const [app] = [...at.kestra.state.apps.values()];
      if (!app) throw new Error('no app');
      return app;
    };

    test('are updated, with a diff; or only shown', async () => {
      const { uid, source } = await only();
      const app_data = source.replace('Ask for a sales report', 'Ask nicely');
      const { result, requests } = await during(at.kestra, () => runTool(at, 'update_app', { uid, app_data, dry_run: true }));
      expect(result.structured).toMatchObject({ saved: false });
      expect(result.text).toContain('+description: Ask nicely');
      expect(writes(requests)).toEqual([]);
      expect(await facts(at, 'update_app', { uid, app_data })).toMatchObject({ done: 'updated', namespace: 'acme.data' });
      expect(at.kestra.state.apps.get(uid)?.source).toBe(app_data);
      await refused(at, 'update_app', { uid: 'nope', app_data }, /There is no app nope: list_apps/);
    });

    test('are taken out of the catalog and put back', async () => {
      const { uid } = await only();
      expect(await facts(at, 'disable_app', { uid })).toMatchObject({ done: 'disabled', disabled: true });
      expect(await facts(at, 'disable_app', { uid })).toMatchObject({ done: 'nothing: it was so already' });
      expect(await facts(at, 'enable_app', { uid })).toMatchObject({ done: 'enabled', disabled: false });
    });

    test('run their flow, once, and say how it ended', async () => {
      const app = await only();
      await saveFlows(at.kestra, hello('apps', 'greet'));
      at.kestra.state.apps.set('greeting', {
        ...app,
        uid: 'greeting',
        source: 'id: g\nnamespace: apps\ntype: io.kestra.plugin.ee.apps.Execution\nflowId: greet\n',
      });
      const { result, requests } = await during(at.kestra, () => runTool(at, 'execute_app', { uid: 'greeting' }));
      expect(result.structured).toMatchObject({ state: 'SUCCESS', namespace: 'apps', flow_id: 'greet' });
      expect(writes(requests)).toHaveLength(1);
      await refused(at, 'execute_app', { uid: 'greeting', inputs: { no: 1 } }, /The flow has no input/);
      await refused(at, 'execute_app', { uid: 'nope' }, /There is no app nope/);
    });

    test('are deleted when the uid is repeated', async () => {
      const { uid, name } = await only();
      await confirmed(at, 'delete_app', { uid }, uid, new RegExp(`deletes the app .*${name}`));
      expect(at.kestra.state.apps.has(uid)).toBe(false);
    });
  },
  ee,
);

const suite = (description: string) => `id: greets
namespace: tested
flowId: greet
description: ${description}
testCases:
  - id: says_hello
    type: io.kestra.core.tests.flow.UnitTest
    assertions:
      - value: "{{ outputs.say }}"
        equalTo: hello
`;

onEveryKestra(
  'test suites',
  (at) => {
    const named = { namespace: 'tested', test_id: 'greets' };

    test('are validated, saved and found', async () => {
      await saveFlows(at.kestra, hello('tested', 'greet'));
      expect(await facts(at, 'save_test_suite', { source: suite('one'), dry_run: true })).toMatchObject({
        valid: true,
        would: 'create',
        saved: false,
      });
      expect(await facts(at, 'save_test_suite', { source: suite('one') })).toMatchObject({ done: 'created', flow_id: 'greet', cases: 1 });
      expect(await facts(at, 'save_test_suite', { source: suite('two') })).toMatchObject({ done: 'replaced' });
      expect(await facts(at, 'search_test_suites', { namespace: 'tested' })).toMatchObject({
        total: 1,
        test_suites: [{ test_id: 'greets', cases: 1 }],
      });
      const { text } = await runTool(at, 'get_test_suite', named);
      expect(text).toContain('description: two');
      await refused(at, 'save_test_suite', { source: 'id: broken\nnamespace: tested\n' }, /finds the test suite invalid/);
    });

    test('run, and say which case failed and why', async () => {
      expect(await facts(at, 'run_test_suite', named)).toMatchObject({
        state: 'SUCCESS',
        cases: [{ case_id: 'says_hello', state: 'SUCCESS' }],
      });
      await refused(at, 'run_test_suite', { ...named, cases: ['nope'] }, /There is no case nope: says_hello/);
      expect(await facts(at, 'search_test_results', { namespace: 'tested' })).toMatchObject({ total: 1, results: [{ test_id: 'greets' }] });
    });

    test('are deleted when the id is repeated', async () => {
      await confirmed(at, 'delete_test_suite', named, 'greets', /deletes the test suite greets of tested with its 1 cases/);
      await refused(at, 'get_test_suite', named, /There is no test suite greets in tested/);
    });
  },
  ee,
);

onEveryKestra(
  'namespaces of Enterprise',
  (at) => {
    test('are created and changed', async () => {
      const made = await facts(at, 'create_namespace', { namespace: 'fresh', description: 'New', variables: { region: 'eu', gone: null } });
      expect(made).toMatchObject({ done: 'created', namespace: 'fresh', quoted: { description: 'New' } });
      expect(await facts(at, 'update_namespace', { namespace: 'fresh', variables: { zone: 'a', region: null } })).toMatchObject({
        done: 'updated',
        quoted: { description: 'New', variables: ['zone'] },
      });
      await refused(at, 'update_namespace', { namespace: 'nobody', description: 'x' }, /Nobody has created nobody/);
    });
  },
  ee,
);

onEveryKestra('the tools of Enterprise', (at) => {
  test('say on the open-source edition that they are not for it', async () => {
    await refused(at, 'create_namespace', { namespace: 'x' }, /Enterprise/);
    await refused(at, 'search_test_suites', { namespace: 'x' }, /Enterprise/);
    const { structured } = await at.server.call('search_tools', { query: 'test suite' });
    expect(JSON.stringify(structured)).not.toContain('run_test_suite');
  });
});
