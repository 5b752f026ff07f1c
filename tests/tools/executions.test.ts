import { describe, expect, test } from 'vitest';
import { during, ended, execute, executionsOf, reached, saveFlows, writes } from '../harness/kestra.ts';
import { flow, hello, onEveryKestra } from './setting.ts';

const returning = (namespace: string, id: string, more = ''): string =>
  `id: ${id}\nnamespace: ${namespace}\n${more}tasks:\n  - id: make\n    type: io.kestra.plugin.core.debug.Return\n    format: made\n`;

onEveryKestra('executions', (at) => {
  const call = (tool: string, args: Record<string, unknown>) => during(at.kestra, () => at.server.call(tool, args));
  const finished = async (namespace: string, flowId: string, inputs: Record<string, string> = {}): Promise<string> => {
    const id = await execute(at.kestra, namespace, flowId, inputs);
    await ended(at.kestra, id);
    return id;
  };

  describe('get_execution', () => {
    test('shows state, times, tasks, what went in and what came out, and the link', async () => {
      const more =
        'labels:\n  team: sales\ninputs:\n  - id: day\n    type: STRING\noutputs:\n  - id: file\n    type: STRING\n    value: "{{ outputs.make.value }}"\n';
      await saveFlows(at.kestra, returning('runs', 'full', more));
      const id = await finished('runs', 'full', { day: 'monday' });
      const { result } = await call('get_execution', { execution_id: id });
      expect(result.structured).toEqual({
        execution_id: id,
        namespace: 'runs',
        flow_id: 'full',
        revision: 1,
        state: 'SUCCESS',
        started: expect.stringMatching(/Z$/),
        ended: expect.stringMatching(/Z$/),
        seconds: expect.any(Number),
        tasks: [{ task_id: 'make', task_run_id: expect.any(String), state: 'SUCCESS', seconds: expect.any(Number) }],
        quoted: { labels: { team: 'sales' }, inputs: { day: 'monday' }, outputs: { file: 'made' } },
        link: `${at.kestra.url}/ui/main/executions/runs/full/${id}`,
      });
    });

    test('with task_id shows what that task gave, wherever this Kestra keeps it', async () => {
      await saveFlows(at.kestra, returning('runs', 'outputs'));
      const id = await finished('runs', 'outputs');
      const [run] = at.kestra.state.executions.get(id)?.taskRuns ?? [];
      const { result, asked } = await call('get_execution', { execution_id: id, task_id: 'make' });
      expect(result.structured.task_outputs).toEqual([{ task_run_id: run?.id, quoted: { outputs: { value: 'made' } } }]);
      expect(asked.filter((each) => each.includes('/outputs/'))).toEqual(
        at.version === '1.3.25' ? [] : [`GET main/outputs/${id}`, `GET main/outputs/${id}/${run?.id}`],
      );
    });

    test('with task_id shows at most 20 runs of the task and says of how many', async () => {
      await saveFlows(at.kestra, returning('runs', 'many'));
      const id = await finished('runs', 'many');
      const execution = at.kestra.state.executions.get(id);
      const [first] = execution?.taskRuns ?? [];
      for (let i = 0; i < 24 && first; i++) execution?.taskRuns?.push({ ...first, id: `${first.id}x${i}`, value: `round ${i}` });
      const { result, requests } = await call('get_execution', { execution_id: id, task_id: 'make' });
      expect(result.structured.task_outputs).toHaveLength(20);
      expect(result.structured).toMatchObject({
        task_outputs_note: '20 of 25 runs of the task',
        tasks: expect.objectContaining({ length: 25 }),
        task_outputs: expect.arrayContaining([expect.objectContaining({ quoted: { value: 'round 0', outputs: { value: 'made' } } })]),
      });
      expect(requests.length).toBeLessThanOrEqual(23);
    });

    test('says of a task that did not run which did, and of one without outputs that it has none', async () => {
      await saveFlows(at.kestra, hello('runs', 'bare'));
      const id = await finished('runs', 'bare');
      const unknown = await call('get_execution', { execution_id: id, task_id: 'nope' });
      expect(unknown.result.structured.task_outputs_note).toBe('No task "nope" has run here; these have: say.');
      const none = await call('get_execution', { execution_id: id, task_id: 'say' });
      expect(none.result.structured).toMatchObject({ task_outputs: [], task_outputs_note: 'The task say has no outputs.' });
    });

    test('of very many tasks shows 50, those that failed or run first', async () => {
      await saveFlows(at.kestra, returning('runs', 'crowded'));
      const id = await finished('runs', 'crowded');
      const execution = at.kestra.state.executions.get(id);
      const [first] = execution?.taskRuns ?? [];
      for (let i = 0; i < 60 && first; i++) execution?.taskRuns?.push({ ...first, id: `${first.id}x${i}`, taskId: `task-${i}` });
      if (first)
        execution?.taskRuns?.push({
          ...first,
          id: `${first.id}z`,
          taskId: 'broken',
          life: [...first.life, { state: 'FAILED', date: first.life[0]?.date ?? '' }],
        });
      const { result } = await call('get_execution', { execution_id: id });
      expect(result.structured.tasks).toHaveLength(50);
      expect(result.structured).toMatchObject({ tasks_note: '50 of 62 task runs: failed and unfinished ones first' });
      expect((result.structured.tasks as { task_id: string }[])[0]?.task_id).toBe('broken');
    });

    test('with wait follows one that runs until its end; without, shows it as it stands', async () => {
      await saveFlows(at.kestra, flow('runs', 'short', 'flow.Sleep', 'duration: PT0.5S'));
      const id = await execute(at.kestra, 'runs', 'short');
      await reached(at.kestra, id, 'RUNNING');
      const now = await call('get_execution', { execution_id: id });
      expect(now.result.structured).toMatchObject({ state: 'RUNNING', next: expect.stringContaining('get_execution with wait: true') });
      expect(now.result.structured).not.toHaveProperty('ended');
      const then = await call('get_execution', { execution_id: id, wait: true });
      expect(then.result.structured).toMatchObject({ state: 'SUCCESS', ended: expect.any(String) });
      expect(writes([...now.requests, ...then.requests])).toEqual([]);
    });

    test('with wait ends when the time is up, and at once on a pause', async () => {
      await saveFlows(at.kestra, flow('runs', 'endless', 'flow.Sleep', 'duration: PT60S'), flow('runs', 'paused', 'flow.Pause'));
      const endless = await execute(at.kestra, 'runs', 'endless');
      const late = await call('get_execution', { execution_id: endless, wait: true, timeout_seconds: 1 });
      expect(late.result).toMatchObject({ isError: false, structured: { state: 'RUNNING' } });
      const paused = await execute(at.kestra, 'runs', 'paused');
      await reached(at.kestra, paused, 'PAUSED');
      const { result } = await call('get_execution', { execution_id: paused, wait: true, timeout_seconds: 30 });
      expect(result.structured).toMatchObject({ state: 'PAUSED', next: expect.stringMatching(/^It is paused/) });
    });

    test('shows what started it, without the credentials that a webhook call leaves in an execution', async () => {
      const hook = 'triggers:\n  - id: hook\n    type: io.kestra.plugin.core.trigger.Webhook\n    key: abcdefgh\n';
      await saveFlows(at.kestra, hello('runs', 'hooked') + hook);
      const response = await fetch(`${at.kestra.url}/api/v1/main/executions/webhook/runs/hooked/abcdefgh`, {
        method: 'POST',
        headers: {
          authorization: 'Bearer very-secret-1',
          cookie: 'session=very-secret-2',
          'x-api-key': 'very-secret-3',
          'x-request': 'r1',
        },
        body: JSON.stringify({ order: 7, password: 'very-secret-4' }),
      });
      const { id } = (await response.json()) as { id: string };
      await ended(at.kestra, id);
      const { result } = await call('get_execution', { execution_id: id });
      expect(result.structured).toMatchObject({
        started_by: { trigger_id: 'hook', type: 'io.kestra.plugin.core.trigger.Webhook' },
        quoted: {
          trigger: {
            body: { order: 7, password: '(hidden)' },
            headers: { authorization: '(hidden)', cookie: '(hidden)', 'x-request': ['r1'] },
          },
        },
      });
      expect(result.text).not.toContain('very-secret');
    });

    test('says of an id that does not exist where to look, and refuses what can be no id', async () => {
      const missing = await call('get_execution', { execution_id: '7LdXZArwo9rJEQ1YyjrG3J' });
      expect(missing.result).toMatchObject({ isError: true, structured: { error: 'not_found' } });
      expect(missing.result.structured.message).toBe(
        'There is no execution 7LdXZArwo9rJEQ1YyjrG3J. It may have been purged; list_executions shows those of a flow.',
      );
      for (const execution_id of ['..', 'a/b', 'by query', '']) {
        const { result, requests } = await call('get_execution', { execution_id });
        expect(result).toMatchObject({ isError: true, structured: { error: 'invalid_input' } });
        expect(requests).toEqual([]);
      }
      for (const execution_id of ['search', 'latest', 'namespaces']) {
        const { result } = await call('get_execution', { execution_id });
        expect(result.isError).toBe(true);
      }
    });
  });

  describe('list_executions', () => {
    test('gives those of exactly one flow, newest first, page by page, each with its link', async () => {
      await saveFlows(at.kestra, hello('runs', 'listed'), hello('runs.below', 'listed'));
      const ids: string[] = [];
      for (let i = 0; i < 12; i++) ids.unshift(await finished('runs', 'listed'));
      await finished('runs.below', 'listed');
      const { result } = await call('list_executions', { namespace: 'runs', flow_id: 'listed' });
      expect(result.structured).toMatchObject({ total: 12, page: 1, size: 25, more: false });
      const executions = result.structured.executions as Record<string, unknown>[];
      expect(executions.map(({ execution_id }) => execution_id)).toEqual(ids);
      expect(executions[0]).toEqual({
        execution_id: ids[0],
        state: 'SUCCESS',
        started: expect.any(String),
        ended: expect.any(String),
        seconds: expect.any(Number),
        revision: 1,
        link: `${at.kestra.url}/ui/main/executions/runs/listed/${ids[0]}`,
      });
      const second = await call('list_executions', { namespace: 'runs', flow_id: 'listed', size: 5, page: 2 });
      expect(second.result.structured).toMatchObject({ total: 12, page: 2, size: 5, more: true });
      expect((second.result.structured.executions as { execution_id: string }[]).map(({ execution_id }) => execution_id)).toEqual(
        ids.slice(5, 10),
      );
    });

    test('of one state', async () => {
      await saveFlows(at.kestra, hello('runs', 'mixed'));
      await finished('runs', 'mixed');
      await saveFlows(at.kestra, flow('runs', 'mixed', 'execution.Fail'));
      const failed = await finished('runs', 'mixed');
      const { result } = await call('list_executions', { namespace: 'runs', flow_id: 'mixed', state: 'FAILED' });
      expect(result.structured).toMatchObject({ total: 1, executions: [{ execution_id: failed, state: 'FAILED', revision: 2 }] });
      const none = await call('list_executions', { namespace: 'runs', flow_id: 'mixed', state: 'PAUSED' });
      expect(none.result.structured).toMatchObject({ total: 0, note: 'No execution of mixed in runs is PAUSED. The flow exists.' });
      const wrong = await call('list_executions', { namespace: 'runs', flow_id: 'mixed', state: 'failed' });
      expect(wrong.result.structured.message).toMatch(/^state: is one of CREATED, SUBMITTED, RUNNING/);
    });

    test('of more than eight days ago as well, which Kestra leaves out unless it is asked for them', async () => {
      await saveFlows(at.kestra, hello('runs', 'ancient'));
      const id = await finished('runs', 'ancient');
      for (const step of at.kestra.state.executions.get(id)?.life ?? []) step.date = step.date.replace(/^\d{4}/, '2020');
      const { result } = await call('list_executions', { namespace: 'runs', flow_id: 'ancient' });
      expect(result.structured).toMatchObject({ total: 1, executions: [{ execution_id: id }] });
    });

    test('an empty list says whether the flow exists', async () => {
      await saveFlows(at.kestra, hello('runs', 'never'));
      const never = await call('list_executions', { namespace: 'runs', flow_id: 'never' });
      expect(never.result.structured).toMatchObject({ total: 0, executions: [], note: 'No execution of never in runs. The flow exists.' });
      const absent = await call('list_executions', { namespace: 'runs', flow_id: 'nevr' });
      expect(absent.result.structured.note).toMatch(
        /^No execution of nevr in runs\. There is no flow nevr in runs\. runs and what is below it hold \d+ flows: list_flows/,
      );
      const nowhere = await call('list_executions', { namespace: 'rnus', flow_id: 'never' });
      expect(nowhere.result.structured.note).toContain('There is no flow in rnus or below it: check the name with search_namespaces.');
    });
  });

  describe('kill_execution', () => {
    const killRoute = at.version === '1.3.25' ? 'kill' : 'actions/kill';

    test('looks first, kills with the accept header that Kestra wants, and waits for the state after', async () => {
      await saveFlows(at.kestra, flow('runs', 'victim', 'flow.Sleep', 'duration: PT60S'));
      const id = await execute(at.kestra, 'runs', 'victim');
      await reached(at.kestra, id, 'RUNNING');
      const { result, requests, asked } = await call('kill_execution', { execution_id: id });
      expect(result.structured).toEqual({
        execution_id: id,
        namespace: 'runs',
        flow_id: 'victim',
        link: `${at.kestra.url}/ui/main/executions/runs/victim/${id}`,
        state_before: 'RUNNING',
        state: 'KILLED',
        done: 'killed',
      });
      expect(asked.slice(0, 2)).toEqual([`GET main/executions/${id}`, `DELETE main/executions/${id}/${killRoute}`]);
      const [kill, ...others] = writes(requests);
      expect(others).toEqual([]);
      expect(kill?.headers.accept).toBe('*/*');
      expect(kill?.query).not.toContain('isOnKillCascade=false');
      expect(at.kestra.state.executions.has(id)).toBe(true);
    });

    test('kills subflows with their parent', async () => {
      await saveFlows(
        at.kestra,
        flow('runs', 'sleeping-child', 'flow.Sleep', 'duration: PT60S'),
        flow('runs', 'its-parent', 'flow.Subflow', 'namespace: runs\nflowId: sleeping-child\nwait: true'),
      );
      const id = await execute(at.kestra, 'runs', 'its-parent');
      await expect.poll(() => executionsOf(at.kestra, 'runs', 'sleeping-child').length).toBe(1);
      const [child] = executionsOf(at.kestra, 'runs', 'sleeping-child');
      await reached(at.kestra, child?.id ?? '', 'RUNNING');
      const { result } = await call('kill_execution', { execution_id: id });
      expect(result.structured).toMatchObject({ state: 'KILLED', done: 'killed' });
      await reached(at.kestra, child?.id ?? '', 'KILLED');
    });

    test('kills one that is paused', async () => {
      await saveFlows(at.kestra, flow('runs', 'hanging', 'flow.Pause'));
      const id = await execute(at.kestra, 'runs', 'hanging');
      await reached(at.kestra, id, 'PAUSED');
      const { result } = await call('kill_execution', { execution_id: id });
      expect(result.structured).toMatchObject({ state_before: 'PAUSED', state: 'KILLED', done: 'killed' });
    });

    test('says of a finished one that it had finished, and sends no kill', async () => {
      await saveFlows(at.kestra, hello('runs', 'done'));
      const id = await finished('runs', 'done');
      const { result, requests } = await call('kill_execution', { execution_id: id });
      expect(result).toMatchObject({ isError: false, structured: { state: 'SUCCESS', done: 'nothing: it had finished already' } });
      expect(writes(requests)).toEqual([]);
    });

    test('says of one that ended by itself meanwhile that the kill did nothing', async () => {
      await saveFlows(at.kestra, flow('runs', 'quick', 'flow.Sleep', 'duration: PT0.4S'));
      const id = await execute(at.kestra, 'runs', 'quick');
      await reached(at.kestra, id, 'RUNNING');
      at.kestra.faults.add({ kind: 'status', status: 202 }, { method: 'DELETE', path: `/${id}/` });
      const { result } = await call('kill_execution', { execution_id: id });
      expect(result.structured).toMatchObject({ state: 'SUCCESS', done: 'nothing: it finished by itself first' });
    });

    test('says that one is still stopping if it takes long', async () => {
      await saveFlows(at.kestra, flow('runs', 'tough', 'flow.Sleep', 'duration: PT60S'));
      const id = await execute(at.kestra, 'runs', 'tough');
      await reached(at.kestra, id, 'RUNNING');
      at.kestra.faults.add({ kind: 'status', status: 202 }, { method: 'DELETE', path: `/${id}/` });
      const started = performance.now();
      const { result } = await call('kill_execution', { execution_id: id });
      expect(performance.now() - started).toBeLessThan(9000);
      expect(result.structured).toMatchObject({
        state: 'RUNNING',
        done: 'the kill was sent; the execution is stopping: see get_execution',
      });
    });

    test('of an unknown id is an error and sends nothing but the look', async () => {
      const { result, asked } = await call('kill_execution', { execution_id: '7LdXZArwo9rJEQ1YyjrG3J' });
      expect(result).toMatchObject({ isError: true, structured: { error: 'not_found' } });
      expect(asked).toEqual(['GET main/executions/7LdXZArwo9rJEQ1YyjrG3J']);
    });
  });
});
