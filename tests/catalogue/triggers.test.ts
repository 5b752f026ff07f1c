import { describe, expect, test } from 'vitest';
import { during, execute, saveFlows, writes } from '../harness/kestra.ts';
import { hello, onEveryKestra } from '../tools/setting.ts';
import { confirmed, facts, refused } from './run.ts';

const timed = (id: string, more = '') =>
  `${hello('times', id)}triggers:\n  - id: nightly\n    type: io.kestra.plugin.core.trigger.Schedule\n    cron: "0 3 * * *"\n${more}`;
const named = (flow_id: string) => ({ namespace: 'times', flow_id, trigger_id: 'nightly' });

onEveryKestra('a trigger', (at) => {
  const state = (flowId: string) => at.kestra.state.triggers.get(`times/${flowId}/nightly`);

  test('is disabled and enabled again, without touching the flow', async () => {
    await saveFlows(at.kestra, timed('one'), timed('idle', '    disabled: true\n'));
    expect(await facts(at, 'disable_trigger', named('one'))).toMatchObject({ done: 'disabled', disabled: true });
    expect(state('one')?.disabled).toBe(true);
    const { result, requests } = await during(at.kestra, () => facts(at, 'disable_trigger', named('one')));
    expect(result).toMatchObject({ done: 'nothing: it was so already' });
    expect(writes(requests)).toEqual([]);
    expect(await facts(at, 'enable_trigger', named('one'))).toMatchObject({ done: 'enabled', disabled: false });
    expect(at.kestra.state.flow('times', 'one')?.revision).toBe(1);
    await refused(at, 'enable_trigger', named('idle'), /The source of the flow disables this trigger/);
  });

  test('that is not there is told from a flow that is not', async () => {
    await refused(
      at,
      'disable_trigger',
      { ...named('one'), trigger_id: 'hourly' },
      /has no trigger hourly that Kestra evaluates; it has nightly/,
    );
    await refused(at, 'disable_trigger', named('nope'), /There is no flow nope in times/);
  });

  test('is unlocked if it is locked', async () => {
    expect(await facts(at, 'unlock_trigger', named('one'))).toMatchObject({ done: 'nothing: it is not locked' });
    const locked = state('one');
    if (locked) Object.assign(locked, { locked: true, executionId: await execute(at.kestra, 'times', 'one') });
    expect(await facts(at, 'unlock_trigger', named('one'))).toMatchObject({ done: 'unlocked' });
    expect(state('one')).toMatchObject({ locked: false });
    expect(await facts(at, 'restart_trigger', named('one'))).toMatchObject({ done: 'restarted' });
  });

  test('is backfilled after the number of executions was confirmed, paused, resumed and ended', async () => {
    await saveFlows(at.kestra, timed('back'));
    const march = { ...named('back'), start: '2026-03-01T00:00:00Z', end: '2026-03-31T23:59:59Z', labels: { run: 'march' } };
    await refused(at, 'create_backfill', march, /for each date of the schedule from 2026-03-01T00:00:00Z .* about 31 executions/);
    const { result, requests } = await during(at.kestra, () => facts(at, 'create_backfill', { ...march, confirm: 'nightly' }));
    expect(result).toMatchObject({
      done: 'the backfill has started',
      executions_expected: 31,
      backfill: { start: '2026-03-01T00:00:00Z', paused: false },
    });
    expect(JSON.parse(writes(requests)[0]?.text ?? '')).toMatchObject({ backfill: { labels: [{ key: 'run', value: 'march' }] } });
    await refused(at, 'create_backfill', { ...march, confirm: 'nightly' }, /A backfill of it is under way/);
    expect(await facts(at, 'pause_backfill', named('back'))).toMatchObject({ done: 'paused', backfill: { paused: true } });
    expect(await facts(at, 'resume_backfill', named('back'))).toMatchObject({ done: 'goes on', backfill: { paused: false } });
    const over = await facts(at, 'delete_backfill', named('back'));
    expect(over.backfill).toBeUndefined();
    // 2.0 has taken the paused date for the schedule's own: what it makes of that is not hidden.
    expect(over).toMatchObject(
      Date.parse(String(over.next)) < Date.now() - 3_600_000
        ? { warning: expect.stringContaining('would catch up from there') }
        : { note: 'The schedule goes on as usual.' },
    );
    await refused(at, 'delete_backfill', named('back'), /No backfill of this trigger is under way/);
  });

  test('is not backfilled backwards, while disabled, or without an offset', async () => {
    const wrong = { ...named('one'), start: '2026-03-31T00:00:00Z', end: '2026-03-01T00:00:00Z' };
    await refused(at, 'create_backfill', wrong, /start must be before end/);
    await refused(at, 'create_backfill', { ...wrong, start: '2026-03-01T00:00:00' }, /needs a date and time with Z or an offset/);
    await refused(
      at,
      'create_backfill',
      { ...named('idle'), start: '2026-03-01T00:00:00Z' },
      /The trigger is disabled: enable_trigger first/,
    );
  });

  test("'s state is deleted when its name is repeated", async () => {
    await saveFlows(at.kestra, timed('left'));
    await confirmed(at, 'delete_trigger', named('left'), 'nightly', /deletes what Kestra remembers of the trigger nightly of times.left/);
    expect(state('left')).toBeUndefined();
  });
});

describe('how often a schedule comes', () => {
  const from = Date.parse('2026-03-01T00:00:00Z');
  const to = Date.parse('2026-03-31T23:59:59Z');
  test.each([
    ['0 3 * * *', 31],
    ['*/15 * * * *', 31 * 96],
    ['0 6 * * 1-5', 22],
    ['0 6 * * MON,WED', 9],
    ['0 0 1 * *', 1],
    ['0 0 1 JAN *', 0],
    ['0 0 16 * 0', 6],
    ['30 8-10/2 * * 7', 10],
    ['@hourly', 31 * 24],
    ['@daily', 31],
    ['0 3 L * *', undefined],
    ['0 0 3 * * *', undefined],
    ['not a cron', undefined],
    [undefined, undefined],
  ])('%s in March 2026: %s', async (cron, count) => {
    const { occurrences } = await import('../../src/tools/cron.ts');
    expect(occurrences(cron, from, to)).toBe(count);
  });
});
