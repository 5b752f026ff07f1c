import { expect, test } from 'vitest';
import { ended, execute, executionsOf, saveFlows } from '../harness/kestra.ts';
import { flow, hello, onEveryKestra } from './setting.ts';

/** What differs from run to run. */
const settled = (text: string): string =>
  text
    .replace(/http:\/\/127\.0\.0\.1:\d+/g, 'http://kestra')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'TIME')
    .replace(/\b\d{13}\b/g, 'MS')
    .replace(/\b(\d+)-[0-9a-f]{8}\b/g, '$1-SIGN')
    .replace(/"request_id":"[\w-]+"/g, '"request_id":"ID"')
    .replace(/"seconds":[\d.]+/g, '"seconds":0')
    .replace(/(?<![A-Za-z0-9])[A-Za-z0-9]{20,24}(?![A-Za-z0-9])/g, 'ID');

const parent = flow('typical', 'parent', 'flow.Subflow', 'namespace: typical\nflowId: child\nwait: true\ntransmitFailed: true');
const schedule = 'triggers:\n  - id: nightly\n    type: io.kestra.plugin.core.trigger.Schedule\n    cron: "0 3 * * *"\n';

onEveryKestra('typical answers read as they did', (at) => {
  const snapshot = async (name: string, tool: string, args: Record<string, unknown>): Promise<void> => {
    const { text } = await at.server.call(tool, args);
    await expect(`${settled(text)}\n`).toMatchFileSnapshot(`__snapshots__/answers/${name}.${at.version}.txt`);
  };

  test('of flows', async () => {
    await saveFlows(at.kestra, hello('typical', 'child') + schedule, parent);
    const child = { namespace: 'typical', flow_id: 'child' };
    await snapshot('list_flows', 'list_flows', { namespace: 'typical' });
    await snapshot('get_flow', 'get_flow', child);
    await snapshot('search_triggers', 'search_triggers', { namespace: 'typical' });
    await snapshot('save-invalid', 'create_or_update_flow', { source: hello('typical', 'child').replace('log.Log', 'log.Logg') });
    await snapshot('save-preview', 'create_or_update_flow', { source: hello('typical', 'child').replace('hello', 'bye'), dry_run: true });
    await snapshot('flow_dependencies', 'run_tool', { name: 'flow_dependencies', arguments: child });
    await snapshot('delete_flow-unconfirmed', 'run_tool', { name: 'delete_flow', arguments: child });
  });

  test('of executions', async () => {
    const good = await execute(at.kestra, 'typical', 'parent');
    await ended(at.kestra, good);
    await saveFlows(at.kestra, flow('typical', 'child', 'execution.Fail', 'errorMessage: connection refused'));
    await snapshot('execute_flow-failed', 'execute_flow', { namespace: 'typical', flow_id: 'parent' });
    const failed = executionsOf(at.kestra, 'typical', 'parent').at(-1)?.id;
    await snapshot('diagnose_execution', 'diagnose_execution', { execution_id: failed });
    await snapshot('get_execution', 'get_execution', { execution_id: good });
    await snapshot('get_execution_logs', 'get_execution_logs', { execution_id: failed });
    await snapshot('search_executions', 'search_executions', { namespace: 'typical', state: ['FAILED'] });
    await snapshot('restart_executions-counted', 'run_tool', {
      name: 'restart_executions',
      arguments: { namespace: 'typical', state: ['FAILED'] },
    });
  });
});
