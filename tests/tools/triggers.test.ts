import { expect, test } from 'vitest';
import { during, saveFlows } from '../harness/kestra.ts';
import { hello, onEveryKestra } from './setting.ts';

const schedule = (id: string, more = ''): string =>
  `triggers:\n  - id: ${id}\n    type: io.kestra.plugin.core.trigger.Schedule\n    cron: "0 3 * * *"\n${more}`;

onEveryKestra('search_triggers', (at) => {
  const search = async (args: Record<string, unknown> = {}) => (await at.server.call('search_triggers', args)).structured;

  test('without any says when there will be some', async () => {
    expect(await search()).toEqual({
      total: 0,
      page: 1,
      size: 25,
      more: false,
      triggers: [],
      note: 'No trigger was found. Triggers appear when a flow that has one is saved.',
    });
  });

  test('says when each is next, in the same words for both Kestras', async () => {
    await saveFlows(at.kestra, hello('timed', 'nightly') + schedule('at-three', '    timezone: Europe/Vienna\n'));
    expect(await search({ namespace: 'timed' })).toMatchObject({
      total: 1,
      triggers: [
        {
          namespace: 'timed',
          flow_id: 'nightly',
          trigger_id: 'at-three',
          type: 'io.kestra.plugin.core.trigger.Schedule',
          disabled: false,
          next_evaluation: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:00:00Z$/),
          quoted: { cron: '0 3 * * *', timezone: 'Europe/Vienna' },
        },
      ],
    });
  });

  test('of one that the flow disables says so, even where the state says otherwise', async () => {
    await saveFlows(at.kestra, hello('timed.off', 'idle') + schedule('never', '    disabled: true\n'));
    const state = at.kestra.state.triggers.get('timed.off/idle/never');
    // As a real 1.3 has it: only the definition says that it is disabled.
    if (state && at.version === '1.3.25') state.disabled = false;
    expect(await search({ namespace: 'timed.off' })).toMatchObject({ triggers: [{ trigger_id: 'never', disabled: true }] });
  });

  test('shows the backfill that is under way, a lock and the running execution', async () => {
    await saveFlows(at.kestra, hello('timed.busy', 'filling') + schedule('s'));
    const state = at.kestra.state.triggers.get('timed.busy/filling/s');
    if (!state) throw new Error('no trigger');
    state.backfill = { start: '2026-01-01T00:00:00Z', end: '2026-01-05T00:00:00Z', currentDate: '2026-01-02T03:00:00Z', paused: true };
    state.locked = true;
    state.executionId = '7LdXZArwo9rJEQ1YyjrG3J';
    expect(await search({ namespace: 'timed.busy' })).toMatchObject({
      triggers: [
        {
          running_execution_id: '7LdXZArwo9rJEQ1YyjrG3J',
          backfill: { start: '2026-01-01T00:00:00Z', end: '2026-01-05T00:00:00Z', at: '2026-01-02T03:00:00Z', paused: true },
          // 1.3 has no such word.
          ...(at.version === '2.0.0-SNAPSHOT' && { locked: true }),
        },
      ],
    });
  });

  test('of exactly one namespace, of it and those below, of one flow', async () => {
    await saveFlows(
      at.kestra,
      hello('places', 'a') + schedule('s'),
      hello('places', 'b') + schedule('s'),
      hello('places.below', 'c') + schedule('s'),
      hello('placesbeside', 'd') + schedule('s'),
    );
    const flows = async (args: Record<string, unknown>) =>
      ((await search(args)).triggers as { flow_id: string }[]).map(({ flow_id }) => flow_id).sort();
    expect(await flows({ namespace: 'places' })).toEqual(['a', 'b']);
    expect(await flows({ namespace: 'places', children: true })).toEqual(['a', 'b', 'c']);
    expect(await flows({ namespace: 'places', flow_id: 'b' })).toEqual(['b']);
    expect(await search({ namespace: 'places', children: true, size: 2, page: 2 })).toMatchObject({
      total: 3,
      page: 2,
      size: 2,
      more: false,
    });
  });

  test('an empty answer says what was looked for and what there is', async () => {
    await saveFlows(at.kestra, hello('quiet', 'plain'));
    expect((await search({ namespace: 'quiet' })).note).toBe(
      'No trigger was found in quiet. quiet and what is below it hold 1 flow: list_flows shows them (children: true for all).',
    );
    expect((await search({ namespace: 'quiet', flow_id: 'plain' })).note).toBe(
      'No trigger was found in quiet for plain. The flow exists and has no trigger that Kestra evaluates; get_flow also shows those that only listen, such as webhooks.',
    );
    expect((await search({ namespace: 'quiet', flow_id: 'plan' })).note).toContain('There is no flow plan in quiet.');
    expect((await search({ namespace: 'nowhere', children: true })).note).toContain(
      'No trigger was found in nowhere and below. There is no flow in nowhere',
    );
  });

  test('a flow without its namespace is refused before anything is sent', async () => {
    const { result, requests } = await during(at.kestra, () => at.server.call('search_triggers', { flow_id: 'plain' }));
    expect(result).toMatchObject({ isError: true, structured: { message: 'flow_id needs the namespace of the flow.' } });
    expect(requests).toEqual([]);
  });
});
