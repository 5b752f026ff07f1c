import { describe, expect, test } from 'vitest';
import { during, executionsOf, saveFlows, writes } from '../harness/kestra.ts';
import { flow, hello, onEveryKestra } from './setting.ts';

onEveryKestra('execute_flow, exactly once', (at) => {
  const run = (flow_id: string, args: Record<string, unknown> = {}) =>
    during(at.kestra, () => at.server.call('execute_flow', { namespace: 'once', flow_id, ...args }));
  const post = (flowId: string) => ({ method: 'POST', path: `/executions/once/${flowId}` });

  describe('when the connection breaks after the request was sent', () => {
    test('finds the execution by its correlation label, waits for it and says so', async () => {
      await saveFlows(at.kestra, hello('once', 'broken'));
      at.kestra.faults.add({ kind: 'dropAfter' }, post('broken'));
      const { result, requests } = await run('broken');
      const [execution, ...others] = executionsOf(at.kestra, 'once', 'broken');
      expect(others).toEqual([]);
      expect(result).toMatchObject({
        isError: false,
        structured: {
          note: "Kestra's answer got lost, but the execution had started.",
          execution_id: execution?.id,
          state: 'SUCCESS',
        },
      });
      expect(writes(requests)).toHaveLength(1);
      const search = requests.find(({ path }) => path.endsWith('/executions/search'));
      const filters = new URLSearchParams(search?.query);
      expect(filters.get('filters[namespace][EQUALS]')).toBe('once');
      expect(filters.get('filters[flowId][EQUALS]')).toBe('broken');
      const id = execution?.labels.find(({ key }) => key === 'system.correlationId')?.value;
      expect(filters.get('filters[labels][EQUALS][system.correlationId]')).toBe(id);
    });

    test('is not misled by a subflow of another flow, which inherits the label', async () => {
      const parent = flow('once', 'parent', 'flow.Subflow', 'namespace: once\nflowId: child\nwait: true');
      await saveFlows(at.kestra, hello('once', 'child'), parent);
      at.kestra.faults.add({ kind: 'dropAfter' }, post('parent'));
      const { result } = await run('parent');
      expect(result.structured).toMatchObject({ flow_id: 'parent', state: 'SUCCESS' });
      expect(executionsOf(at.kestra, 'once', 'parent')).toHaveLength(1);
    });

    test('finds it as well if the answer breaks off in the middle', async () => {
      await saveFlows(at.kestra, hello('once', 'cut'));
      at.kestra.faults.add({ kind: 'cut' }, post('cut'));
      const { result, requests } = await run('cut');
      expect(writes(requests)).toHaveLength(1);
      expect(result.structured.execution_id).toBe(executionsOf(at.kestra, 'once', 'cut')[0]?.id);
    });

    // The search goes on for seven seconds: once is enough.
    test.runIf(at.version === '2.0.0-SNAPSHOT')(
      'says that it may have started if nothing is found, in the words of what failed',
      async () => {
        await saveFlows(at.kestra, hello('once', 'lost'));
        at.kestra.faults.add({ kind: 'status', status: 500, body: 'the database is full' }, post('lost'));
        const { result, requests } = await run('lost');
        expect(result).toMatchObject({ isError: true, structured: { error: 'kestra_failed', kestra_says: 'the database is full' } });
        expect(result.structured.message).toMatch(
          /No execution is to be found yet, but one may still have started: look with list_executions in a minute/,
        );
        expect(writes(requests)).toHaveLength(1);
      },
    );

    test.each([429, 502, 503, 504, 500])('and status %i is never answered with a second POST', async (status) => {
      await saveFlows(at.kestra, hello('once', `status-${status}`));
      at.kestra.faults.add({ kind: 'status', status, retryAfter: 0 }, post(`status-${status}`));
      const cancel = new AbortController();
      const before = at.kestra.requests.length;
      const call = at.server.call('execute_flow', { namespace: 'once', flow_id: `status-${status}` }, { signal: cancel.signal });
      const outcome = call.catch(() => undefined);
      if (status === 429) expect(await outcome).toMatchObject({ isError: true, structured: { error: 'busy' } });
      // What may have arrived is looked for; seconds of that are enough for a test.
      else await expect.poll(() => at.kestra.requests.slice(before).some(({ path }) => path.endsWith('/executions/search'))).toBe(true);
      cancel.abort();
      await outcome;
      expect(writes(at.kestra.requests.slice(before))).toHaveLength(1);
    });
  });

  describe('with a run_key', () => {
    test('the same key again finds the first run and starts nothing', async () => {
      await saveFlows(at.kestra, hello('once', 'keyed'));
      const first = await run('keyed', { run_key: 'report of monday' });
      const second = await run('keyed', { run_key: 'report of monday' });
      expect(first.result.structured).not.toHaveProperty('found');
      expect(second.result).toMatchObject({
        isError: false,
        structured: { found: 'this run_key has started it before; nothing new was started', state: 'SUCCESS' },
      });
      expect(second.result.structured.execution_id).toBe(first.result.structured.execution_id);
      expect(writes(second.requests)).toEqual([]);
      expect(executionsOf(at.kestra, 'once', 'keyed')).toHaveLength(1);
    });

    test('another key, or the same one for another flow, starts another run', async () => {
      await saveFlows(at.kestra, hello('once', 'key-a'), hello('once', 'key-b'));
      await run('key-a', { run_key: '1' });
      await run('key-a', { run_key: '2' });
      await run('key-b', { run_key: '1' });
      expect(executionsOf(at.kestra, 'once', 'key-a')).toHaveLength(2);
      expect(executionsOf(at.kestra, 'once', 'key-b')).toHaveLength(1);
    });

    test('five calls with one key at the same time start one run', async () => {
      await saveFlows(at.kestra, hello('once', 'crowd'));
      const { result, requests } = await during(at.kestra, () =>
        Promise.all(Array.from({ length: 5 }, () => at.server.call('execute_flow', { namespace: 'once', flow_id: 'crowd', run_key: 'k' }))),
      );
      expect(writes(requests)).toHaveLength(1);
      expect(new Set(result.map(({ structured }) => structured.execution_id)).size).toBe(1);
      expect(result.map(({ structured }) => 'found' in structured).filter(Boolean)).toHaveLength(4);
    });

    test('a run that failed is found as well, with the reason', async () => {
      await saveFlows(at.kestra, flow('once', 'failing', 'execution.Fail', 'errorMessage: no more disk'));
      const first = await run('failing', { run_key: 'k' });
      const second = await run('failing', { run_key: 'k' });
      expect(second.result.structured).toMatchObject({ state: 'FAILED', execution_id: first.result.structured.execution_id });
      expect(second.result.structured.logs).toContain('no more disk');
    });

    test('a run of long ago is found too, though Kestra searches only eight days back unless it is told otherwise', async () => {
      await saveFlows(at.kestra, hello('once', 'old'));
      await run('old', { run_key: 'k' });
      const [execution] = executionsOf(at.kestra, 'once', 'old');
      for (const step of execution?.life ?? []) step.date = step.date.replace(/^\d{4}/, '2020');
      const { result, requests } = await run('old', { run_key: 'k' });
      expect(result.structured).toMatchObject({ execution_id: execution?.id, found: expect.any(String) });
      expect(writes(requests)).toEqual([]);
    });

    test('a key whose call broke off is found instead of being run again', async () => {
      await saveFlows(at.kestra, flow('once', 'broke-off', 'flow.Sleep', 'duration: PT0.4S'));
      const cancel = new AbortController();
      const call = at.server.call(
        'execute_flow',
        { namespace: 'once', flow_id: 'broke-off', run_key: 'k' },
        { signal: cancel.signal, onProgress: () => cancel.abort() },
      );
      await expect(call).rejects.toThrow();
      const { result } = await run('broke-off', { run_key: 'k' });
      expect(result.structured).toMatchObject({ state: 'SUCCESS', found: expect.any(String) });
      expect(executionsOf(at.kestra, 'once', 'broke-off')).toHaveLength(1);
    });
  });
});
