import { expect, test } from 'vitest';
import { during, ended, execute, executionsOf, partsOf, reached, saveFlows, writes } from '../harness/kestra.ts';
import { flow, hello, onEveryKestra } from './setting.ts';

onEveryKestra('resume_execution', (at) => {
  const approval = (id: string) =>
    `id: ${id}
namespace: again
tasks:
  - id: outer
    type: io.kestra.plugin.core.flow.Sequential
    tasks:
      - id: approve
        type: io.kestra.plugin.core.flow.Pause
        onResume:
          - id: ok
            type: BOOL
          - id: reason
            type: STRING
            defaults: none
  - id: say
    type: io.kestra.plugin.core.log.Log
    message: "{{ outputs.approve.onResume.ok }}"
`;
  const paused = async (id: string): Promise<string> => {
    const execution = await execute(at.kestra, 'again', id);
    await reached(at.kestra, execution, 'PAUSED');
    return execution;
  };
  const resume = (execution_id: string, inputs?: Record<string, unknown>) =>
    at.server.call('resume_execution', { execution_id, ...(inputs && { inputs }) });

  test('gives what the Pause task asks for, wherever it stands', async () => {
    await saveFlows(at.kestra, approval('approval'));
    const id = await paused('approval');
    const { result, requests } = await during(at.kestra, () => resume(id, { ok: true, reason: 'looks good' }));
    expect(result.structured).toMatchObject({ done: 'resumed', execution_id: id, flow_id: 'approval', state_before: 'PAUSED' });
    expect(result.structured.state).not.toBe('PAUSED');
    const sent = writes(requests);
    expect(sent).toHaveLength(1);
    expect(sent[0] && (await partsOf(sent[0])).map(({ name, content }) => [name, String(content)])).toEqual([
      ['ok', 'true'],
      ['reason', 'looks good'],
    ]);
    await ended(at.kestra, id);
  });

  test('says what is missing, and sends nothing', async () => {
    await saveFlows(at.kestra, approval('asking'));
    const id = await paused('asking');
    const { result, requests } = await during(at.kestra, () => resume(id));
    expect(result).toMatchObject({
      isError: true,
      structured: {
        error: 'invalid_input',
        message: 'Required inputs are missing: ok. Its inputs are: ok BOOL (required); reason STRING (default "none").',
      },
    });
    expect(writes(requests)).toEqual([]);
  });

  test('one that is not paused, and one that does not exist', async () => {
    await saveFlows(at.kestra, hello('again', 'short'));
    const id = await execute(at.kestra, 'again', 'short');
    await ended(at.kestra, id);
    const { result, requests } = await during(at.kestra, () => resume(id));
    expect(result).toMatchObject({
      isError: true,
      structured: { error: 'conflict', message: 'The execution is SUCCESS, not paused: there is nothing to resume.' },
    });
    expect(writes(requests)).toEqual([]);
    expect((await resume('nosuch')).structured).toMatchObject({ error: 'not_found' });
  });

  test('goes on from a breakpoint', async () => {
    await saveFlows(at.kestra, hello('again', 'broken'));
    const response = await fetch(`${at.kestra.url}/api/v1/main/executions/again/broken?breakpoints=say`, {
      method: 'POST',
      headers: at.kestra.headers,
      body: new FormData(),
    });
    const { id } = (await response.json()) as { id: string };
    await reached(at.kestra, id, 'BREAKPOINT');
    expect((await resume(id, { ok: true })).structured).toMatchObject({ message: 'It stands at a breakpoint, which takes no inputs.' });
    expect((await resume(id)).structured).toMatchObject({ done: 'resumed', state_before: 'BREAKPOINT' });
    await ended(at.kestra, id);
  });

  test('of a lost answer says that it may have happened, and sends nothing twice', async () => {
    await saveFlows(at.kestra, approval('lost'));
    const id = await paused('lost');
    at.kestra.faults.add({ kind: 'dropAfter' }, { method: 'POST', path: /resume/ });
    const { result, requests } = await during(at.kestra, () => resume(id, { ok: true }));
    expect(result.isError).toBe(true);
    expect(result.structured.message).toMatch(
      /Whether it was done is not known: see with get_execution whether it is still paused before you try again\./,
    );
    expect(writes(requests)).toHaveLength(1);
  });
});

onEveryKestra('restart_execution', (at) => {
  const moody = flow('again', 'moody', 'execution.Fail', 'errorMessage: broken');
  const restart = (args: Record<string, unknown>) => at.server.call('restart_execution', args);

  const failed = async (): Promise<string> => {
    await saveFlows(at.kestra, moody);
    const id = await execute(at.kestra, 'again', 'moody');
    await ended(at.kestra, id);
    return id;
  };

  test('runs the same execution again from the task that failed', async () => {
    const id = await failed();
    const { result, requests } = await during(at.kestra, () => restart({ execution_id: id }));
    expect(result.structured).toMatchObject({
      done: 'restarted',
      execution_id: id,
      state_before: 'FAILED',
      revision: 1,
      next: expect.stringContaining('get_execution'),
    });
    expect(writes(requests)).toHaveLength(1);
    const { structured } = await at.server.call('get_execution', { execution_id: id, wait: true });
    expect(structured).toMatchObject({ state: 'FAILED', failed_tasks: [{ task_id: 'work', attempts: 2 }] });
  });

  test('with the revision that mends it', async () => {
    const id = await failed();
    await saveFlows(at.kestra, flow('again', 'moody', 'log.Log', 'message: mended'));
    expect((await restart({ execution_id: id, revision: 2 })).structured).toMatchObject({ done: 'restarted', revision: 2 });
    expect((await at.server.call('get_execution', { execution_id: id, wait: true })).structured).toMatchObject({ state: 'SUCCESS' });
  });

  test('one that succeeded or runs is left alone', async () => {
    await saveFlows(at.kestra, hello('again', 'well'), flow('again', 'long', 'flow.Sleep', 'duration: PT30S'));
    const well = await execute(at.kestra, 'again', 'well');
    await ended(at.kestra, well);
    const long = await execute(at.kestra, 'again', 'long');
    await reached(at.kestra, long, 'RUNNING');
    const { requests } = await during(at.kestra, async () => {
      expect((await restart({ execution_id: well })).structured).toMatchObject({
        error: 'conflict',
        message: expect.stringContaining('replay_execution runs it again'),
      });
      expect((await restart({ execution_id: long })).structured).toMatchObject({
        error: 'conflict',
        message: 'The execution is RUNNING: only one that has ended is restarted.',
      });
    });
    expect(writes(requests)).toEqual([]);
    await at.server.call('kill_execution', { execution_id: long });
  });
});

onEveryKestra('replay_execution', (at) => {
  const source = (id: string, more = '') =>
    `id: ${id}
namespace: again
inputs:
  - id: day
    type: STRING
  - id: count
    type: INT
    defaults: 3
${more}tasks:
  - id: first
    type: io.kestra.plugin.core.log.Log
    message: "{{ inputs.day }} {{ inputs.count }}"
  - id: second
    type: io.kestra.plugin.core.log.Log
    message: two
`;
  const replay = (args: Record<string, unknown>) => at.server.call('replay_execution', args);
  const ran = async (id: string, inputs: Record<string, string>): Promise<string> => {
    const execution = await execute(at.kestra, 'again', id, inputs);
    await ended(at.kestra, execution);
    return execution;
  };

  test('starts a new execution with the same inputs', async () => {
    await saveFlows(at.kestra, source('plain'));
    const id = await ran('plain', { day: 'monday', count: '7' });
    const { result, requests } = await during(at.kestra, () => replay({ execution_id: id }));
    expect(writes(requests)).toHaveLength(1);
    const copy = executionsOf(at.kestra, 'again', 'plain')[1];
    expect(result.structured).toMatchObject({ done: 'started', execution_id: copy?.id, replay_of: id });
    await ended(at.kestra, String(copy?.id));
    expect(copy?.inputs).toMatchObject({ day: 'monday', count: 7 });
  });

  test('keeps the inputs that do not change, which Kestra by itself would not', async () => {
    await saveFlows(at.kestra, source('changed'));
    const id = await ran('changed', { day: 'monday', count: '7' });
    const { structured } = await replay({ execution_id: id, inputs: { day: 'tuesday' } });
    const copy = at.kestra.state.executions.get(String(structured.execution_id));
    expect(copy?.inputs).toMatchObject({ day: 'tuesday', count: 7 });
    await ended(at.kestra, String(structured.execution_id));
  });

  test('begins at a task', async () => {
    await saveFlows(at.kestra, source('middle'));
    const id = await ran('middle', { day: 'monday' });
    const { structured } = await replay({ execution_id: id, task_id: 'second' });
    await ended(at.kestra, String(structured.execution_id));
    expect((await replay({ execution_id: id, task_id: 'third' })).structured).toMatchObject({
      error: 'invalid_input',
      message: 'No task "third" has run in this execution; these have: first, second.',
    });
  });

  test('a secret must be given again', async () => {
    await saveFlows(at.kestra, source('secretive', '  - id: key\n    type: SECRET\n'));
    const id = await ran('secretive', { day: 'monday', key: 'hunter2' });
    const { result, requests } = await during(at.kestra, () => replay({ execution_id: id, inputs: { day: 'tuesday' } }));
    expect(result.structured).toMatchObject({ error: 'invalid_input', message: expect.stringMatching(/^The input key is a secret/) });
    expect(result.text).not.toContain('hunter2');
    expect(writes(requests)).toEqual([]);
    expect((await replay({ execution_id: id, inputs: { day: 'tuesday', key: 'hunter3' } })).structured).toMatchObject({ done: 'started' });
  });

  test('of a lost answer says where to look', async () => {
    await saveFlows(at.kestra, source('gone'));
    const id = await ran('gone', { day: 'monday' });
    at.kestra.faults.add({ kind: 'dropAfter' }, { method: 'POST', path: /replay/ });
    const { result, requests } = await during(at.kestra, () => replay({ execution_id: id }));
    expect(result.structured.message).toMatch(
      /Whether it was done is not known: look with list_executions for a newer one before you try again\./,
    );
    expect(writes(requests)).toHaveLength(1);
  });
});
