import { expect, test } from 'vitest';
import { during, ended, execute, reached, saveFlows, writes } from '../harness/kestra.ts';
import { current } from '../kestra/lifecycle.ts';
import { flow, hello, onEveryKestra, type Setting } from '../tools/setting.ts';
import { facts, refused, runTool, tokenIn } from './run.ts';

const failing = (id: string) => flow('bulk', id, 'execution.Fail', '');
const sleeping = flow('bulk.below', 'sleeping', 'flow.Sleep', 'duration: PT1H');

const failed = async ({ kestra }: Setting, id: string): Promise<string> => {
  const execution = await execute(kestra, 'bulk', id);
  await ended(kestra, execution);
  return execution;
};

onEveryKestra('a bulk action on executions', (at) => {
  test('first says how many match, with a sample, and does nothing', async () => {
    await saveFlows(at.kestra, failing('one'), failing('two'), hello('bulk', 'fine'), sleeping);
    for (const id of ['one', 'one', 'two', 'fine']) await failed(at, id);
    const { result, requests } = await during(at.kestra, () => facts(at, 'replay_executions', { namespace: 'bulk', state: ['FAILED'] }));
    expect(result).toMatchObject({
      matching: 3,
      by_state: { FAILED: 3 },
      by_flow: { 'bulk.one': 2, 'bulk.two': 1 },
      done: 'nothing yet',
      warning: expect.stringContaining('a second time'),
      next: expect.stringMatching(/for all 3, call again with the same arguments and confirm: "3-[0-9a-f]{8}"/),
    });
    expect((result.sample as unknown[]).length).toBe(3);
    expect(writes(requests)).toEqual([]);
  });

  test('then acts on exactly those, by their ids', async () => {
    const args = { namespace: 'bulk', flow_id: 'one' };
    const confirm = tokenIn(await facts(at, 'restart_executions', args));
    const { result, requests } = await during(at.kestra, () => facts(at, 'restart_executions', { ...args, confirm }));
    expect(result).toMatchObject({ matching: 2, done: 'restarted 2' });
    const [post, ...others] = writes(requests);
    expect(others).toEqual([]);
    expect(post?.path).toBe('/api/v1/main/executions/restart/by-ids');
    expect(JSON.parse(post?.text ?? '')).toHaveLength(2);
  });

  test('does nothing when something else matches meanwhile', async () => {
    const args = { namespace: 'bulk', flow_id: 'two' };
    const confirm = tokenIn(await facts(at, 'delete_executions', args));
    expect(confirm).toMatch(/^1-/);
    await failed(at, 'two');
    await refused(at, 'delete_executions', { ...args, confirm }, /it is now 2\. Nothing was done/);
  });

  test('deletes what was confirmed', async () => {
    const args = { namespace: 'bulk', flow_id: 'two' };
    const confirm = tokenIn(await facts(at, 'delete_executions', args));
    expect(await facts(at, 'delete_executions', { ...args, confirm })).toMatchObject({ matching: 2, done: 'deleted 2' });
    expect([...at.kestra.state.executions.values()].filter(({ flowId }) => flowId === 'two')).toEqual([]);
  });

  test('kills what runs, children included if asked for, and says how it then stands', async () => {
    const id = await execute(at.kestra, 'bulk.below', 'sleeping');
    await reached(at.kestra, id, 'RUNNING');
    expect(await facts(at, 'kill_executions', { namespace: 'bulk' })).toMatchObject({ matching: 0, done: 'nothing' });
    const args = { namespace: 'bulk', children: true };
    const confirm = tokenIn(await facts(at, 'kill_executions', args));
    expect(await facts(at, 'kill_executions', { ...args, confirm })).toMatchObject({
      matching: 1,
      looked_at: 1,
      states_now: { KILLED: 1 },
    });
    const execution = at.kestra.state.executions.get(id);
    expect(execution && current(execution.life)).toBe('KILLED');
  });

  test.each([
    ['without a filter', {}],
    ['with labels that are none', { labels: {} }],
    ['with a state alone', { state: ['FAILED'] }],
  ])('is never done %s', async (_, args) => {
    await refused(at, 'replay_executions', args, /Nothing is ever done to all executions/);
    expect(at.kestra.offences).toEqual([]);
  });

  test('is refused for a state in which Kestra can not do it, which would fail the others too', async () => {
    await refused(at, 'restart_executions', { namespace: 'bulk', state: ['SUCCESS'] }, /can not be done to what is SUCCESS, but to FAILED/);
    await refused(at, 'change_executions_state', { namespace: 'bulk' }, /new_state: .*expected one of/);
  });

  test('hands on what Kestra says when it refuses', async () => {
    const args = { namespace: 'bulk', flow_id: 'fine', new_state: 'WARNING' };
    const confirm = tokenIn(await facts(at, 'change_executions_state', args));
    expect(await facts(at, 'change_executions_state', { ...args, confirm })).toMatchObject({
      done: 'changed 1',
      states_now: { WARNING: 1 },
    });
  });

  test('is not started for more than can be looked over', async () => {
    const now = Date.now();
    const [some] = [...at.kestra.state.executions.values()];
    for (let i = 0; i < 501; i++) {
      const id = `many${i}`;
      if (some)
        at.kestra.state.executions.set(id, {
          ...some,
          id,
          namespace: 'bulk.many',
          life: [{ state: 'FAILED', date: new Date(now - i).toISOString() }],
        });
    }
    await refused(at, 'delete_executions', { namespace: 'bulk.many' }, /501 match, and 500 are the most at a time/);
  });
});

onEveryKestra('a bulk action on flows and triggers', (at) => {
  const timed = (id: string) =>
    `${hello('rows', id)}triggers:\n  - id: nightly\n    type: io.kestra.plugin.core.trigger.Schedule\n    cron: "0 3 * * *"\n`;

  test('disables the flows that are not yet, and enables them again', async () => {
    await saveFlows(at.kestra, timed('a'), timed('b'), `${hello('rows', 'c')}disabled: true\n`);
    const confirm = tokenIn(await facts(at, 'disable_flows', { namespace: 'rows' }));
    expect(confirm).toMatch(/^2-/);
    expect(await facts(at, 'disable_flows', { namespace: 'rows', confirm })).toMatchObject({ done: 'disabled: 2' });
    expect(['a', 'b', 'c'].map((id) => at.kestra.state.flow('rows', id)?.disabled)).toEqual([true, true, true]);
    const back = tokenIn(await facts(at, 'enable_flows', { namespace: 'rows', query: 'a' }));
    expect(await facts(at, 'enable_flows', { namespace: 'rows', query: 'a', confirm: back })).toMatchObject({ done: 'enabled: 1' });
  });

  test('disables triggers, and looks until it has happened', async () => {
    const confirm = tokenIn(await facts(at, 'disable_triggers', { namespace: 'rows' }));
    const answer = await facts(at, 'disable_triggers', { namespace: 'rows', confirm });
    expect(answer.done).toMatch(/^disabled: [12]$/);
    expect(answer.note).toBeUndefined();
    expect(await facts(at, 'disable_triggers', { namespace: 'rows' })).toMatchObject({
      matching: 0,
      note: expect.stringContaining('none of them needs it'),
    });
  });

  test('deletes flows when confirmed', async () => {
    const { structured } = await runTool(at, 'delete_flows', { namespace: 'rows' });
    expect(structured).toMatchObject({ matching: 3, warning: expect.stringContaining('are deleted') });
    expect(await facts(at, 'delete_flows', { namespace: 'rows', confirm: tokenIn(structured) })).toMatchObject({ done: 'deleted: 3' });
    expect(at.kestra.state.latestFlows().filter(({ namespace }) => namespace === 'rows')).toEqual([]);
  });
});
