import { expect, test } from 'vitest';
import { during, ended, execute, reached, saveFlows, writes } from '../harness/kestra.ts';
import { flow, hello, onEveryKestra, type Setting } from '../tools/setting.ts';
import { confirmed, facts, refused, runTool } from './run.ts';

const sleeping = flow('acts', 'sleeping', 'flow.Sleep', 'duration: PT1H');
const failing = `id: failing
namespace: acts
tasks:
  - id: break
    type: io.kestra.plugin.core.execution.Fail
  - id: after
    type: io.kestra.plugin.core.log.Log
    message: after all
`;

const done = async ({ kestra }: Setting, flowId: string): Promise<string> => {
  const id = await execute(kestra, 'acts', flowId);
  await ended(kestra, id);
  return id;
};

const begun = async ({ kestra }: Setting, flowId: string): Promise<string> => {
  const id = await execute(kestra, 'acts', flowId);
  await reached(kestra, id, 'RUNNING');
  return id;
};

onEveryKestra('an execution', (at) => {
  test('is paused while it runs, and only then', async () => {
    await saveFlows(at.kestra, sleeping, failing, hello('acts', 'fine'));
    const id = await begun(at, 'sleeping');
    const paused = await facts(at, 'pause_execution', { execution_id: id });
    expect(paused).toMatchObject({ execution_id: id, namespace: 'acts', flow_id: 'sleeping', state_before: 'RUNNING' });
    await refused(at, 'pause_execution', { execution_id: await done(at, 'fine') }, /Only what is RUNNING can be paused; this is SUCCESS/);
    await refused(at, 'pause_execution', { execution_id: 'nope' }, /There is no execution nope/);
  });

  test('gets labels besides those it has, and loses one that is null', async () => {
    const id = await done(at, 'fine');
    await facts(at, 'set_execution_labels', { execution_id: id, labels: { checked: 'yes', by: 'me' } });
    const after = await facts(at, 'set_execution_labels', { execution_id: id, labels: { by: null, seen: 'twice' } });
    expect(after).toMatchObject({ done: 'labelled', quoted: { labels: { checked: 'yes', seen: 'twice' } } });
    expect(at.kestra.state.executions.get(id)?.labels.some(({ key }) => key === 'system.correlationId')).toBe(true);
    await refused(at, 'set_execution_labels', { execution_id: id, labels: { checked: null, seen: null } }, /at least one label must stay/);
    await refused(at, 'set_execution_labels', { execution_id: id, labels: { 'system.x': 'y' } }, /Kestra's own/);
    await refused(
      at,
      'set_execution_labels',
      { execution_id: await begun(at, 'sleeping'), labels: { a: 'b' } },
      /only what has ended; this is RUNNING/,
    );
  });

  test('that has ended gets another state, without running again', async () => {
    const id = await done(at, 'failing');
    expect(await facts(at, 'change_execution_state', { execution_id: id, state: 'SUCCESS' })).toMatchObject({
      done: 'changed',
      state_before: 'FAILED',
      state: 'SUCCESS',
    });
    await refused(at, 'change_execution_state', { execution_id: await begun(at, 'sleeping'), state: 'FAILED' }, /kill_execution ends it/);
    await refused(at, 'change_execution_state', { execution_id: id, state: 'RUNNING' }, /is one of SUCCESS, WARNING/);
  });

  test('goes on behind a failed task that is declared a success', async () => {
    const id = await done(at, 'failing');
    const after = await facts(at, 'change_task_run_state', { execution_id: id, state: 'SUCCESS' });
    expect(after).toMatchObject({ task_id: 'break', task_state_before: 'FAILED', task_state: 'SUCCESS' });
    await ended(at.kestra, id);
    expect(at.kestra.state.logs.some(({ executionId, message }) => executionId === id && message === 'after all')).toBe(true);
    await refused(at, 'change_task_run_state', { execution_id: await done(at, 'fine'), state: 'SUCCESS' }, /No task run of it failed/);
  });

  test('that waits in a queue is taken out of it; one that does not is left alone', async () => {
    const id = await begun(at, 'sleeping');
    await refused(at, 'unqueue_execution', { execution_id: id }, /Only what is QUEUED can be unqueued; this is RUNNING/);
    at.kestra.state.executions.get(id)?.life.push({ state: 'QUEUED', date: new Date().toISOString() });
    expect(await facts(at, 'unqueue_execution', { execution_id: id })).toMatchObject({
      done: 'unqueued',
      state_before: 'QUEUED',
      state: 'RUNNING',
    });
    await refused(at, 'force_run_execution', { execution_id: await done(at, 'fine') }, /It has ended: SUCCESS/);
  });

  test('is deleted when its id is repeated, with its logs unless they are kept', async () => {
    const [id, other] = [await done(at, 'fine'), await done(at, 'fine')];
    await confirmed(
      at,
      'delete_execution',
      { execution_id: id },
      id,
      /deletes execution \w+ of acts.fine, SUCCESS, .* with its logs and its files/,
    );
    expect(at.kestra.state.executions.has(id)).toBe(false);
    expect(at.kestra.state.logs.some(({ executionId }) => executionId === id)).toBe(false);
    await facts(at, 'delete_execution', { execution_id: other, keep_logs: true, confirm: other });
    expect(at.kestra.state.logs.some(({ executionId }) => executionId === other)).toBe(true);
    await refused(at, 'delete_execution', { execution_id: id }, /There is no execution/);
  });

  test('gives the value of an expression, or why it has none', async () => {
    const id = await done(at, 'fine');
    expect(await facts(at, 'evaluate_expression', { execution_id: id, expression: '{{ flow.id }} in {{ flow.namespace }}' })).toMatchObject(
      {
        evaluated: true,
        quoted: { result: 'fine in acts' },
      },
    );
    expect(await facts(at, 'evaluate_expression', { execution_id: id, expression: '{{ nope }}' })).toMatchObject({
      evaluated: false,
      quoted: { problem: expect.stringContaining('Unable to find `nope`') },
    });
  });

  test('is drawn over time, the slowest tasks named', async () => {
    const { text, structured } = await runTool(at, 'execution_timeline', { execution_id: await done(at, 'fine') });
    expect(structured).toMatchObject({ state: 'SUCCESS', task_runs: 1, slowest: [{ task_id: 'say', seconds: expect.any(Number) }] });
    expect(text).toMatch(
      /```mermaid\ngantt\n {2}title fine \w+\n {2}dateFormat x\n {2}axisFormat %H:%M:%S\n {2}section fine\n {2}say :done, b0, \d{13}, \d{13}\n```/,
    );
    const failed = await runTool(at, 'execution_timeline', { execution_id: await done(at, 'failing') });
    expect(failed.text).toMatch(/break :crit, b0/);
  });
});

onEveryKestra('what an execution leaves behind', (at) => {
  const leave = async () => {
    const id = await done(at, 'fine');
    const uri = `kestra:///acts/fine/executions/${id}/tasks/say/run/rows.csv`;
    const execution = at.kestra.state.executions.get(id);
    const run = execution?.taskRuns?.[0];
    if (run) run.outputs = { uri, nested: { files: [uri] } };
    at.kestra.state.storage.set(uri, Buffer.from('a,b\n1,2\n3,4\n5,ü\n'));
    at.kestra.state.metrics.push({
      namespace: 'acts',
      flowId: 'fine',
      taskId: 'say',
      executionId: id,
      taskRunId: run?.id ?? '',
      type: 'counter',
      name: 'rows',
      value: 3,
      timestamp: new Date().toISOString(),
      tags: { table: 'orders' },
    });
    return { id, uri };
  };

  test('are files: listed, previewed and read, within bounds', async () => {
    await saveFlows(at.kestra, hello('acts', 'fine'));
    const { id, uri } = await leave();
    expect(await facts(at, 'list_output_files', { execution_id: id })).toMatchObject({
      files: [{ from: 'task say', bytes: 17, quoted: { uri } }],
    });
    const preview = await facts(at, 'preview_output_file', { execution_id: id, uri, rows: 2 });
    expect(preview).toMatchObject({ type: 'TEXT', note: 'only the first 2 rows', content: 'a,b\n1,2\n' });
    expect(await facts(at, 'read_output_file', { execution_id: id, uri })).toMatchObject({
      bytes: 17,
      whole: true,
      content: 'a,b\n1,2\n3,4\n5,ü\n',
    });
    // The cut goes through a character, which is left out.
    expect(await facts(at, 'read_output_file', { execution_id: id, uri, max_bytes: 15 })).toMatchObject({
      whole: false,
      content: 'a,b\n1,2\n3,4\n5,',
    });
  });

  test('that are no text are not shown', async () => {
    const { id, uri } = await leave();
    at.kestra.state.storage.set(uri, Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1, 2, 255]));
    expect(await facts(at, 'read_output_file', { execution_id: id, uri })).toMatchObject({
      note: expect.stringContaining('It is no text'),
    });
  });

  test.each(['kestra:///acts/fine/executions/other/x.csv', 'kestra:///acts/../x', 'file:///etc/passwd', 'kestra:///a b'])(
    'are no files of others: %s',
    async (uri) => {
      const { id } = await leave();
      await refused(
        at,
        'read_output_file',
        { execution_id: id, uri },
        /no file of this execution|is not the address of a file|may not climb/,
      );
    },
  );

  test('are metrics, of one execution and of all of a flow', async () => {
    const { id } = await leave();
    expect(await facts(at, 'execution_metrics', { execution_id: id })).toMatchObject({
      total: 1,
      metrics: [{ task_id: 'say', value: 3, quoted: { name: 'rows', tags: { table: 'orders' } } }],
    });
    const flow = { namespace: 'acts', flow_id: 'fine' };
    expect(await facts(at, 'flow_metrics', flow)).toMatchObject({ metrics: ['rows'] });
    expect(await facts(at, 'flow_metrics', { ...flow, metric: 'rows' })).toMatchObject({
      by: 'day',
      values: [{ value: expect.any(Number) }],
    });
    await refused(at, 'flow_metrics', { ...flow, metric: 'cols' }, /There is no metric cols: rows/);
  });

  test('are logs, found across flows and deleted when the id is repeated', async () => {
    const { id } = await leave();
    const { text, structured } = await runTool(at, 'search_logs', { namespace: 'acts', query: 'hello', min_level: 'INFO', size: 1 });
    expect(structured).toMatchObject({ shown: 1, more: true });
    expect(text).toMatch(/INFO acts\.fine \w+ say hello/);
    expect(await facts(at, 'search_logs', { namespace: 'acts', min_level: 'ERROR' })).toMatchObject({
      total: 0,
      note: expect.stringContaining('No log line matches'),
    });
    await confirmed(at, 'delete_execution_logs', { execution_id: id }, id, /deletes the logs of execution/);
    expect(at.kestra.state.logs.some(({ executionId }) => executionId === id)).toBe(false);
    const { requests } = await during(at.kestra, () => runTool(at, 'search_logs', { flow_id: 'fine' }));
    expect(writes(requests)).toEqual([]);
  });
});
