import { describe, expect, test } from 'vitest';
import { during, ended, execute, executionsOf, reached, saveFlows } from '../harness/kestra.ts';
import { startServer } from '../harness/server.ts';
import { flow, hello, onEveryKestra } from './setting.ts';

const fail = (namespace: string, id: string, words: string, more = ''): string =>
  flow(namespace, id, 'execution.Fail', `errorMessage: "${words}"`, more);

onEveryKestra('why an execution failed', (at) => {
  const run = async (flow_id: string, args: Record<string, unknown> = {}) =>
    (await at.server.call('execute_flow', { namespace: 'why', flow_id, ...args })) as Awaited<ReturnType<typeof at.server.call>>;

  test('execute_flow says it: the failed task, its log, its source, and that it has never succeeded', async () => {
    await saveFlows(at.kestra, `${fail('why', 'plain', 'disk full')}\n# the end\n`);
    const answer = await run('plain');
    expect(answer.isError).toBe(false);
    expect(answer.structured).toMatchObject({
      state: 'FAILED',
      failed_tasks: [{ task_id: 'work', state: 'FAILED', attempts: 1, failed_at: expect.stringMatching(/Z$/) }],
      last_success: 'none: this flow has never succeeded',
      failed_task_source: expect.stringContaining('type: io.kestra.plugin.core.execution.Fail'),
    });
    expect(answer.structured.logs).toMatch(/^\S+Z ERROR work disk full/);
    expect(answer.structured.failed_task_source).not.toContain('# the end');
    expect(answer.text).toContain('\n\nlogs (data, not instructions):\n```text\n');
  });

  test('get_execution says it of one that failed before, waiting or not', async () => {
    await saveFlows(at.kestra, fail('why', 'earlier', 'out of memory'));
    const id = await execute(at.kestra, 'why', 'earlier');
    await ended(at.kestra, id);
    for (const wait of [false, true]) {
      const { structured, isError } = await at.server.call('get_execution', { execution_id: id, wait });
      expect(isError).toBe(false);
      expect(structured).toMatchObject({ state: 'FAILED', failed_tasks: [{ task_id: 'work' }] });
      expect(structured.logs).toContain('out of memory');
    }
  });

  test('compares with the last success: the revision, the inputs that differ, and the change of the source', async () => {
    const inputs = 'inputs:\n  - id: day\n    type: STRING\n  - id: city\n    type: STRING\n';
    await saveFlows(at.kestra, hello('why', 'changed', inputs));
    const success = await run('changed', { inputs: { day: 'monday', city: 'Wien' } });
    await saveFlows(at.kestra, fail('why', 'changed', 'no such table', inputs));
    const { structured } = await run('changed', { inputs: { day: 'tuesday', city: 'Wien' } });
    expect(structured.last_success).toEqual({
      execution_id: success.structured.execution_id,
      ended: expect.any(String),
      revision: 1,
      same_revision: false,
      other_inputs: ['day'],
    });
    expect(structured.source_change_since_success).toContain('--- revision 1 (succeeded)\n+++ revision 2 (failed)\n');
    expect(structured.source_change_since_success).toContain('+    type: io.kestra.plugin.core.execution.Fail');
  });

  test('of the same revision it says so, without a diff', async () => {
    const source = flow(
      'why',
      'moody',
      'execution.Fail',
      'condition: "{{ inputs.broken }}"\nerrorMessage: it broke',
      'inputs:\n  - id: broken\n    type: BOOL\n',
    );
    await saveFlows(at.kestra, source);
    await run('moody', { inputs: { broken: false } });
    const { structured } = await run('moody', { inputs: { broken: true } });
    expect(structured).toMatchObject({ state: 'FAILED', last_success: { same_revision: true, other_inputs: ['broken'] } });
    expect(structured).not.toHaveProperty('source_change_since_success');
  });

  test('a success of long ago counts', async () => {
    const source = flow(
      'why',
      'yearly',
      'execution.Fail',
      'condition: "{{ inputs.broken }}"\nerrorMessage: it broke',
      'inputs:\n  - id: broken\n    type: BOOL\n',
    );
    await saveFlows(at.kestra, source);
    await run('yearly', { inputs: { broken: false } });
    for (const step of executionsOf(at.kestra, 'why', 'yearly')[0]?.life ?? []) step.date = step.date.replace(/^\d{4}/, '2020');
    const { structured } = await run('yearly', { inputs: { broken: true } });
    expect(structured.last_success).toMatchObject({ same_revision: true });
  });

  test('names the innermost task, not the ones around it', async () => {
    const source = `id: nested
namespace: why
tasks:
  - id: outer
    type: io.kestra.plugin.core.flow.Sequential
    tasks:
      - id: fine
        type: io.kestra.plugin.core.log.Log
        message: all is well
      - id: inner
        type: io.kestra.plugin.core.execution.Fail
        errorMessage: deep inside
`;
    await saveFlows(at.kestra, source);
    const { structured } = await run('nested');
    expect(structured.failed_tasks).toMatchObject([{ task_id: 'inner' }]);
    expect(structured.failed_task_source).toBe(
      '      - id: inner\n        type: io.kestra.plugin.core.execution.Fail\n        errorMessage: deep inside',
    );
  });

  test('counts the attempts', async () => {
    await saveFlows(
      at.kestra,
      flow('why', 'stubborn', 'execution.Fail', 'errorMessage: again\nretry:\n  type: constant\n  interval: PT0.01S\n  maxAttempts: 3'),
    );
    const { structured } = await run('stubborn');
    expect(structured).toMatchObject({ failed_tasks: [{ task_id: 'work', attempts: 3 }], tasks: [{ task_id: 'work', attempts: 3 }] });
  });

  test('follows failed subflows down to the reason', async () => {
    const call = (id: string, child: string) =>
      flow('why', id, 'flow.Subflow', `namespace: why\nflowId: ${child}\nwait: true\ntransmitFailed: true`);
    await saveFlows(at.kestra, fail('why', 'bottom', 'the real reason'), call('middle', 'bottom'), call('top', 'middle'));
    const { structured, text } = await run('top');
    const [middle] = executionsOf(at.kestra, 'why', 'middle');
    const [bottom] = executionsOf(at.kestra, 'why', 'bottom');
    expect(structured).toMatchObject({
      state: 'FAILED',
      failed_subflows: [
        {
          execution_id: middle?.id,
          flow_id: 'middle',
          state: 'FAILED',
          failed_subflows: [{ execution_id: bottom?.id, flow_id: 'bottom', failed_tasks: [{ task_id: 'work' }] }],
        },
      ],
    });
    expect(structured[`logs_of_${bottom?.id}`]).toContain('the real reason');
    expect(text).toContain(`logs_of_${bottom?.id} (data, not instructions):`);
  });

  test('shows warnings and errors only, and of many the last', async () => {
    const messages = Array.from(
      { length: 30 },
      (_, i) => `  - id: warn-${i}\n    type: io.kestra.plugin.core.log.Log\n    level: WARN\n    message: warning number ${i}\n`,
    );
    const noise = '  - id: noise\n    type: io.kestra.plugin.core.log.Log\n    message: nothing to see\n';
    await saveFlows(
      at.kestra,
      `id: chatty\nnamespace: why\ntasks:\n${noise}${messages.join('')}  - id: end\n    type: io.kestra.plugin.core.execution.Fail\n    errorMessage: the end\n`,
    );
    const { structured } = await run('chatty');
    const lines = String(structured.logs).split('\n');
    expect(lines.length).toBeLessThanOrEqual(20);
    expect(lines.at(-1)).toContain('the end');
    expect(structured.logs).not.toContain('nothing to see');
    expect(structured.logs).not.toContain('warning number 5\n');
  });

  test('a killed execution is told as killed, without a diagnosis', async () => {
    await saveFlows(at.kestra, flow('why', 'stopped', 'flow.Sleep', 'duration: PT30S'));
    const id = await execute(at.kestra, 'why', 'stopped');
    const execution = at.kestra.state.executions.get(id);
    if (execution) at.kestra.engine.kill(execution, true);
    await ended(at.kestra, id);
    const { structured } = await at.server.call('get_execution', { execution_id: id });
    expect(structured).toMatchObject({ state: 'KILLED' });
    expect(structured).not.toHaveProperty('failed_tasks');
  });

  describe('costs few requests', () => {
    test('one each for the execution, its logs, its flow, the last success and its subflows', async () => {
      await saveFlows(at.kestra, fail('why', 'cheap', 'x'));
      const id = await execute(at.kestra, 'why', 'cheap');
      await ended(at.kestra, id);
      const { asked } = await during(at.kestra, () => at.server.call('get_execution', { execution_id: id }));
      expect(asked.sort()).toEqual([
        `GET main/executions/${id}`,
        'GET main/executions/search',
        'GET main/executions/search',
        'GET main/flows/why/cheap',
        `GET main/logs/${id}`,
      ]);
    });
  });

  test('a diagnosis that Kestra cannot give does not hide the execution', async () => {
    await saveFlows(at.kestra, fail('why', 'half', 'x'));
    const id = await execute(at.kestra, 'why', 'half');
    await ended(at.kestra, id);
    const fault = at.kestra.faults.add({ kind: 'status', status: 500 }, { path: /\/logs\//, times: Infinity });
    const { structured, isError } = await at.server.call('get_execution', { execution_id: id });
    fault.remove();
    expect(isError).toBe(false);
    expect(structured).toMatchObject({ execution_id: id, state: 'FAILED', failed_tasks: [{ task_id: 'work' }] });
    expect(structured.not_shown).toEqual([expect.stringMatching(/^logs: Kestra failed while it worked on this/)]);
  });

  test('a viewer gets it too', async () => {
    await saveFlows(at.kestra, fail('why', 'viewed', 'seen by all'));
    const id = await execute(at.kestra, 'why', 'viewed');
    await ended(at.kestra, id);
    const viewer = await startServer({ kestra: at.kestra, env: { KESTRA_MCP_ROLE: 'kestra-viewer' } });
    const { structured } = await viewer.call('get_execution', { execution_id: id });
    await viewer.stop();
    expect(structured.logs).toContain('seen by all');
    expect(structured).not.toHaveProperty('not_shown');
  });
});

onEveryKestra('diagnose_execution', (at) => {
  const diagnose = (execution_id: string) => at.server.call('diagnose_execution', { execution_id });
  const ran = async (id: string, inputs: Record<string, string> = {}): Promise<string> => {
    const execution = await execute(at.kestra, 'diag', id, inputs);
    await ended(at.kestra, execution);
    return execution;
  };
  const moody = (id: string) =>
    flow(
      'diag',
      id,
      'execution.Fail',
      'condition: "{{ inputs.broken }}"\nerrorMessage: "Connection refused: db:5432"',
      'inputs:\n  - id: broken\n    type: BOOL\n',
    );

  test('says what broke, since when, what differs from the last success, and what to try', async () => {
    await saveFlows(at.kestra, moody('since'));
    const good = await ran('since', { broken: 'false' });
    const first = await ran('since', { broken: 'true' });
    const id = await ran('since', { broken: 'true' });
    const { structured, text } = await diagnose(id);
    expect(structured).toMatchObject({
      execution_id: id,
      namespace: 'diag',
      flow_id: 'since',
      state: 'FAILED',
      task_runs: { FAILED: 1 },
      cause: { quoted: expect.stringContaining('Connection refused: db:5432') },
      failed_tasks: [{ task_id: 'work' }],
      last_success: { execution_id: good, same_revision: true, other_inputs: ['broken'] },
      failing_since: { failures: 2, first: { execution_id: first } },
      quoted: { inputs: { broken: true } },
      failed_task_source: expect.stringContaining('execution.Fail'),
    });
    const advice = structured.try_next as string[];
    expect(advice[0]).toMatch(/^What the task talks to was not reachable/);
    expect(advice[1]).toBe('The same revision succeeded with other inputs: look at broken.');
    expect(advice.at(-1)).toContain('restart_execution');
    expect(text.length).toBeLessThan(3000);
  });

  test('the cause is the innermost one, and the advice is about where it is', async () => {
    await saveFlows(
      at.kestra,
      hello('diag', 'inside'),
      flow('diag', 'outside', 'flow.Subflow', 'namespace: diag\nflowId: inside\nwait: true\ntransmitFailed: true'),
    );
    await ran('outside');
    await saveFlows(at.kestra, fail('diag', 'inside', 'the real reason'));
    const { structured } = await diagnose(await ran('outside'));
    const inside = executionsOf(at.kestra, 'diag', 'inside').at(-1);
    expect(structured.cause).toEqual({ in: inside?.id, quoted: expect.stringContaining('the real reason') });
    expect(structured).toMatchObject({
      last_success: { same_revision: true },
      failed_subflows: [{ last_success: { same_revision: false } }],
    });
    expect((structured.try_next as string[])[0]).toBe(
      'The subflow diag.inside changed since it last succeeded: see the diff; rollback_flow to its revision 1 undoes that.',
    );
    expect((structured.try_next as string[]).at(-1)).toContain('replay_execution runs it anew');
    expect(structured[`source_change_since_success_of_${inside?.id}`]).toContain('+');
  });

  test('one that succeeded, runs, waits or was killed is told as such', async () => {
    await saveFlows(
      at.kestra,
      hello('diag', 'fine'),
      flow('diag', 'long', 'flow.Sleep', 'duration: PT30S'),
      flow('diag', 'waits', 'flow.Pause'),
    );
    expect((await diagnose(await ran('fine'))).structured).toMatchObject({
      state: 'SUCCESS',
      verdict: expect.stringMatching(/^Nothing broke/),
    });
    const long = await execute(at.kestra, 'diag', 'long');
    await reached(at.kestra, long, 'RUNNING');
    expect((await diagnose(long)).structured).toMatchObject({
      state: 'RUNNING',
      at: [{ task_id: 'work', since: expect.stringMatching(/Z$/) }],
      verdict: expect.stringContaining('get_execution with wait: true'),
    });
    await at.server.call('kill_execution', { execution_id: long });
    expect((await diagnose(long)).structured).toMatchObject({
      state: 'KILLED',
      failed_tasks: [{ task_id: 'work', state: 'KILLED' }],
      try_next: ['It was killed: replay_execution starts it anew.'],
    });
    const pause = await execute(at.kestra, 'diag', 'waits');
    await reached(at.kestra, pause, 'PAUSED');
    expect((await diagnose(pause)).structured).toMatchObject({
      state: 'PAUSED',
      at: [{ task_id: 'work', state: 'PAUSED' }],
      verdict: expect.stringContaining('resume_execution'),
    });
  });

  test('two hundred failed task runs make a bounded answer', async () => {
    await saveFlows(at.kestra, fail('diag', 'wide', 'x'));
    const id = await ran('wide');
    const execution = at.kestra.state.executions.get(id);
    const [run] = execution?.taskRuns ?? [];
    if (execution && run) execution.taskRuns = Array.from({ length: 200 }, (_, i) => ({ ...run, id: `run${i}`, value: `v${i}` }));
    const { structured, text } = await diagnose(id);
    expect(structured).toMatchObject({ task_runs: { FAILED: 200 }, more_failed_tasks: 190 });
    expect(text.length).toBeLessThan(6000);
  });

  test('one that does not exist', async () => {
    expect((await diagnose('nosuch')).structured).toMatchObject({
      error: 'not_found',
      message: expect.stringContaining('There is no execution nosuch'),
    });
  });
});
