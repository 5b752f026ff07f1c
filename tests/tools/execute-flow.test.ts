import { describe, expect, test } from 'vitest';
import { waitSeconds } from '../../src/tools/follow.ts';
import { during, ended, execute, executionsOf, reached, saveFlows, writes } from '../harness/kestra.ts';
import type { Progress } from '../harness/server.ts';
import { enter } from '../kestra/lifecycle.ts';
import type { Recorded } from '../kestra/server.ts';
import { flow, hello, onEveryKestra } from './setting.ts';

/** The query of a request, without the label that the server adds. */
const asked = ({ query }: Recorded) => {
  const parameters = new URLSearchParams(query);
  const labels = parameters.getAll('labels');
  return {
    ...Object.fromEntries(parameters),
    labels: labels.filter((label) => !label.startsWith('system.')),
    correlationId: labels.find((label) => label.startsWith('system.correlationId:'))?.slice(21),
  };
};

onEveryKestra('execute_flow', (at) => {
  const run = (flow_id: string, args: Record<string, unknown> = {}) =>
    during(at.kestra, () => at.server.call('execute_flow', { namespace: 'acme', flow_id, ...args }));

  describe('without inputs', () => {
    test('starts one execution with one POST, waits for its end and shows it', async () => {
      await saveFlows(at.kestra, hello('acme', 'hello'));
      const { result, requests } = await run('hello');
      const [execution] = executionsOf(at.kestra, 'acme', 'hello');
      expect(result.structured).toEqual({
        execution_id: execution?.id,
        namespace: 'acme',
        flow_id: 'hello',
        revision: 1,
        state: 'SUCCESS',
        started: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        ended: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        seconds: expect.any(Number),
        tasks: [{ task_id: 'say', task_run_id: execution?.taskRuns?.[0]?.id, state: 'SUCCESS', seconds: expect.any(Number) }],
        link: `${at.kestra.url}/ui/main/executions/acme/hello/${execution?.id}`,
      });
      expect(result.isError).toBe(false);
      const [post, ...others] = writes(requests);
      expect(others).toEqual([]);
      expect(post?.path).toBe('/api/v1/main/executions/acme/hello');
      expect(post?.headers['content-type']).toMatch(/^multipart\/form-data; boundary=/);
      expect(post && asked(post)).toEqual({ labels: [], correlationId: expect.stringMatching(/^[\da-f-]{36}$/) });
    });

    test('hands on labels and the revision, and never asks Kestra to wait', async () => {
      await saveFlows(at.kestra, hello('acme', 'labelled'), hello('acme', 'labelled', 'description: newer\n'));
      const { result, requests } = await run('labelled', { labels: { team: 'data: raw', env: 'prod' }, revision: 1 });
      expect(result.structured).toMatchObject({ revision: 1, quoted: { labels: { team: 'data: raw', env: 'prod' } } });
      const [post] = writes(requests);
      expect(post && asked(post)).toEqual({ labels: ['team:data: raw', 'env:prod'], revision: '1', correlationId: expect.any(String) });
      expect(requests.some(({ query }) => query.includes('wait'))).toBe(false);
    });

    test.each([
      ['a label of Kestra itself', { labels: { 'system.from': 'me' } }, "begins with system., which is Kestra's own"],
      ['a label with a colon in its name', { labels: { 'a:b': 'x' } }, 'may not contain a colon or a space'],
      ['a label without a value', { labels: { a: '' } }, 'labels.a: may not be empty'],
      ['a date without an offset', { schedule_date: '2030-01-01T08:00:00' }, 'needs a date and time with Z or an offset'],
      ['no date at all', { schedule_date: 'tomorrow' }, 'needs a date and time with Z or an offset'],
      [
        'a schedule that is to be awaited',
        { schedule_date: '2030-01-01T08:00:00Z', wait: true },
        'schedule_date and wait exclude each other',
      ],
      ['a wait that is too long', { timeout_seconds: 3600 }, 'timeout_seconds: is at most 600'],
      ['a path for a flow id', { flow_id: '../../etc' }, 'flow_id: is not a flow id'],
    ])('refuses %s before anything is sent', async (_, args, message) => {
      await saveFlows(at.kestra, hello('acme', 'strict'));
      const { result, requests } = await run('strict', args);
      expect(result).toMatchObject({ isError: true, structured: { error: 'invalid_input' } });
      expect(result.structured.message).toContain(message);
      expect(requests).toEqual([]);
    });

    test('names that Kestra would take for a bulk restart send nothing', async () => {
      const { result, requests } = await during(at.kestra, () =>
        at.server.call('execute_flow', { namespace: 'restart', flow_id: 'by-query' }),
      );
      expect(result.isError).toBe(true);
      expect(writes(requests)).toEqual([]);
    });

    test('says of a missing flow or revision, and of a disabled flow, that nothing was started', async () => {
      await saveFlows(at.kestra, hello('acme', 'there'), hello('acme', 'idle', 'disabled: true\n'));
      const missing = await run('thare');
      expect(missing.result).toMatchObject({ isError: true, structured: { error: 'not_found' } });
      expect(missing.result.structured.message).toMatch(/^There is no flow thare in acme\. .*list_flows.* Nothing was started\.$/);
      const revision = await run('there', { revision: 9 });
      expect(revision.result.structured.message).toBe('The flow has no revision 9. Nothing was started.');
      const disabled = await run('idle');
      expect(disabled.result.structured).toMatchObject({
        error: 'conflict',
        message: 'The flow idle is disabled; nothing was started. Save it with disabled: false to run it.',
      });
      expect([missing, revision, disabled].flatMap(({ requests }) => writes(requests))).toEqual([]);
    });
  });

  describe('waiting', () => {
    test('does not, with wait false: the answer has the id and what to call next', async () => {
      await saveFlows(at.kestra, flow('acme', 'slow', 'flow.Sleep', 'duration: PT10S'));
      const { result, requests } = await run('slow', { wait: false });
      const { execution_id, state, next } = result.structured;
      expect(['CREATED', 'RUNNING']).toContain(state);
      expect(next).toBe('Not finished: get_execution with wait: true follows it; kill_execution stops it.');
      expect(requests.some(({ path }) => path.endsWith('/follow'))).toBe(false);
      expect(at.kestra.state.executions.has(String(execution_id))).toBe(true);
    });

    test('ends when the time is up, with the execution as it stands, which is no error', async () => {
      await saveFlows(at.kestra, flow('acme', 'long', 'flow.Sleep', 'duration: PT30S'));
      const { result } = await run('long', { timeout_seconds: 1 });
      expect(result).toMatchObject({ isError: false, structured: { state: 'RUNNING', tasks: [{ task_id: 'work', state: 'RUNNING' }] } });
      expect(result.structured.next).toContain('get_execution with wait: true follows it');
      expect(at.kestra.state.executions.has(String(result.structured.execution_id))).toBe(true);
    });

    test('ends on a pause, and says how to go on', async () => {
      await saveFlows(at.kestra, flow('acme', 'approval', 'flow.Pause'));
      const { result, requests } = await run('approval');
      expect(result).toMatchObject({ isError: false, structured: { state: 'PAUSED' } });
      expect(result.structured.next).toBe('It is paused: resume_execution lets it go on.');
      expect(result.structured).not.toHaveProperty('ended');
      expect(writes(requests)).toHaveLength(1);
    });

    test('ends at a breakpoint, like at a pause', async () => {
      await saveFlows(at.kestra, flow('acme', 'breaks', 'flow.Sleep', 'duration: PT30S'));
      const call = run('breaks', { timeout_seconds: 20 });
      await expect.poll(() => executionsOf(at.kestra, 'acme', 'breaks').length).toBe(1);
      const [execution] = executionsOf(at.kestra, 'acme', 'breaks');
      if (!execution) throw new Error('no execution');
      await reached(at.kestra, execution.id, 'RUNNING');
      enter(execution.life, 'BREAKPOINT');
      at.kestra.state.changed(execution.id);
      expect((await call).result.structured).toMatchObject({ state: 'BREAKPOINT', next: expect.stringContaining('resume_execution') });
    });

    test('lasts 50 seconds at most, and longer only for a client that gets progress', () => {
      expect(waitSeconds(600, {})).toBe(50);
      expect(waitSeconds(600, { progress: () => undefined })).toBe(600);
      expect(waitSeconds(45, {})).toBe(45);
    });

    test('is quiet without a progress token, and tells how far it is with one: the id first, the numbers always rising', async () => {
      const tasks = ['one', 'two', 'three'].map((id) => `  - id: ${id}\n    type: io.kestra.plugin.core.log.Log\n    message: ${id}\n`);
      await saveFlows(at.kestra, `id: steps\nnamespace: acme\ntasks:\n${tasks.join('')}`);
      const seen: Progress[] = [];
      const answer = await at.server.call(
        'execute_flow',
        { namespace: 'acme', flow_id: 'steps' },
        { onProgress: (each) => seen.push(each) },
      );
      expect(answer.structured.state).toBe('SUCCESS');
      expect(seen.length).toBeGreaterThan(2);
      expect(seen[0]?.message).toContain(String(answer.structured.execution_id));
      const numbers = seen.map(({ progress }) => progress);
      expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
      expect(seen.every(({ progress, total }) => total === undefined || (total > 0 && progress <= total))).toBe(true);
      expect(seen.some(({ message }) => / of \d tasks done, at (one|two|three)$/.test(message ?? ''))).toBe(true);
      expect(seen.at(-1)?.message).toBe(`${answer.structured.execution_id} SUCCESS: 3 of 3 tasks done`);
    });

    test('stops when the client cancels; the execution goes on', async () => {
      await saveFlows(at.kestra, flow('acme', 'going-on', 'flow.Sleep', 'duration: PT0.6S'));
      const cancel = new AbortController();
      const call = at.server.call(
        'execute_flow',
        { namespace: 'acme', flow_id: 'going-on' },
        { signal: cancel.signal, onProgress: () => cancel.abort(new Error('changed my mind')) },
      );
      await expect(call).rejects.toThrow();
      await expect.poll(() => at.kestra.openFollows).toBe(0);
      const [execution] = executionsOf(at.kestra, 'acme', 'going-on');
      await ended(at.kestra, execution?.id ?? '');
      expect(execution?.life.at(-1)?.state).toBe('SUCCESS');
      expect(at.kestra.requests.some(({ path, method }) => method !== 'GET' && path.includes(execution?.id ?? '-'))).toBe(false);
      const outcomes = at.server.log.filter(({ audit, tool }) => audit === 'tools/call' && tool === 'execute_flow');
      await expect.poll(() => outcomes.at(-1)?.code).toBe('cancelled');
    });

    test('goes on by asking when the events stay away', async () => {
      await saveFlows(at.kestra, flow('acme', 'no-events', 'flow.Sleep', 'duration: PT0.3S'));
      at.kestra.faults.add({ kind: 'status', status: 500 }, { path: '/follow' });
      const { result } = await run('no-events');
      expect(result.structured).toMatchObject({ state: 'SUCCESS' });
    });
  });

  describe('schedule_date', () => {
    test('is handed on with its offset; the answer says when and does not wait', async () => {
      await saveFlows(at.kestra, hello('acme', 'later'));
      const { result, requests } = await run('later', { schedule_date: '2099-01-31T08:00:00+01:00' });
      const [post] = writes(requests);
      expect(post && asked(post)).toMatchObject({ scheduleDate: '2099-01-31T08:00:00+01:00' });
      expect(result).toMatchObject({
        isError: false,
        structured: { state: 'CREATED', scheduled_for: expect.stringContaining('2099-01-31T') },
      });
      expect(result.structured.next).toBe('It starts at its date; until then kill_execution takes it back.');
      expect(result.structured).not.toHaveProperty('started');
      expect(requests.some(({ path }) => path.endsWith('/follow'))).toBe(false);
      const list = await at.server.call('list_executions', { namespace: 'acme', flow_id: 'later' });
      expect(list.structured.executions).toMatchObject([{ state: 'CREATED', scheduled_for: expect.stringContaining('2099-01-31T') }]);
    });
  });

  test('a subflow is waited for as part of its parent', async () => {
    await saveFlows(
      at.kestra,
      hello('acme', 'child'),
      flow('acme', 'parent', 'flow.Subflow', 'namespace: acme\nflowId: child\nwait: true'),
    );
    const { result } = await run('parent');
    expect(result.structured).toMatchObject({ flow_id: 'parent', state: 'SUCCESS' });
    expect(executionsOf(at.kestra, 'acme', 'child')).toHaveLength(1);
  });

  test('an execution that has started is never an error, even if Kestra fails from then on', async () => {
    await saveFlows(at.kestra, hello('acme', 'unlucky'));
    const fault = at.kestra.faults.add(
      { kind: 'status', status: 500 },
      { method: 'GET', path: /\/executions\/[A-Za-z0-9]{20,}/, times: Infinity },
    );
    const { result } = await run('unlucky');
    fault.remove();
    const [execution] = executionsOf(at.kestra, 'acme', 'unlucky');
    expect(result).toMatchObject({ isError: false, structured: { execution_id: execution?.id, state: 'unknown' } });
    expect(result.structured.problem).toMatch(/^It has started, but how it stands can't be read now: /);
    expect(result.structured.next).toBe('get_execution shows it; do not start it again.');
  });

  test('executions that others paused or killed are told as they are', async () => {
    await saveFlows(at.kestra, flow('acme', 'killed', 'flow.Sleep', 'duration: PT30S'));
    const call = run('killed', { timeout_seconds: 20 });
    await expect.poll(() => executionsOf(at.kestra, 'acme', 'killed').length).toBe(1);
    const [execution] = executionsOf(at.kestra, 'acme', 'killed');
    await reached(at.kestra, execution?.id ?? '', 'RUNNING');
    if (execution) at.kestra.engine.kill(execution, true);
    expect((await call).result.structured).toMatchObject({ state: 'KILLED', execution_id: execution?.id });
    expect(await execute(at.kestra, 'acme', 'killed')).not.toBe(execution?.id);
  });
});
