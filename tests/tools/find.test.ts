import { expect, test } from 'vitest';
import { during, ended, execute, executionsOf, saveFlows } from '../harness/kestra.ts';
import { flow, hello, onEveryKestra } from './setting.ts';

onEveryKestra('search_flows', (at) => {
  const search = async (args: Record<string, unknown>) => (await at.server.call('search_flows', args)).structured;
  const idsOf = (structured: Record<string, unknown>) => (structured.flows as { flow_id: string }[]).map(({ flow_id }) => flow_id);

  test('finds flows of every namespace by text and by label', async () => {
    await saveFlows(
      at.kestra,
      hello('find', 'orders-load', 'labels:\n  team: sales\n'),
      hello('find.deep', 'orders-check'),
      hello('find', 'other'),
    );
    expect(idsOf(await search({ query: 'orders' }))).toEqual(['orders-load', 'orders-check']);
    expect(idsOf(await search({ query: 'orders', namespace: 'find' }))).toEqual(['orders-load']);
    expect(idsOf(await search({ namespace: 'find', children: true }))).toEqual(['orders-load', 'other', 'orders-check']);
    expect(await search({ label: 'team:sales' })).toMatchObject({
      total: 1,
      flows: [{ namespace: 'find', flow_id: 'orders-load', quoted: { labels: { team: 'sales' } } }],
    });
  });

  test('finds what the source says, with the lines', async () => {
    await saveFlows(at.kestra, flow('find.source', 'speaks', 'log.Log', 'message: "the purple elephant"'));
    const found = await search({ query: 'purple elephant', in_source: true });
    expect(found).toMatchObject({
      total: 1,
      flows: [
        { namespace: 'find.source', flow_id: 'speaks', quoted: { lines: [expect.stringContaining('message: "the purple elephant"')] } },
      ],
    });
    expect(await search({ query: 'purple elephant', in_source: true, namespace: 'find' })).toMatchObject({ total: 1 });
    expect(await search({ query: 'purple elephant', in_source: true, namespace: 'elsewhere' })).toMatchObject({
      total: 0,
      note: 'No flow in elsewhere and below has in its source "purple elephant". There is no flow in elsewhere or below it: check the name with search_namespaces.',
    });
  });

  test('refuses what it can not search for', async () => {
    for (const [args, words] of [
      [{ in_source: true }, 'in_source needs a query.'],
      [{ in_source: true, query: 'x', label: 'a:b' }, 'in_source and label exclude each other.'],
      [{ label: 'team' }, 'label: is key:value'],
    ] as const) {
      const { result, asked } = await during(at.kestra, () => at.server.call('search_flows', args));
      expect(result).toMatchObject({ isError: true, structured: { error: 'invalid_input', message: words } });
      expect(asked).toEqual([]);
    }
  });
});

onEveryKestra('search_executions', (at) => {
  const search = async (args: Record<string, unknown>) => (await at.server.call('search_executions', args)).structured;
  const fail = (id: string) => flow('night', id, 'execution.Fail', 'errorMessage: x');

  const run = async (namespace: string, id: string): Promise<string> => {
    const execution = await execute(at.kestra, namespace, id);
    await ended(at.kestra, execution);
    return execution;
  };

  test('says what failed, across flows, newest first', async () => {
    await saveFlows(at.kestra, fail('one'), fail('two'), hello('night', 'fine'), hello('night.deep', 'fine'));
    const [first, second] = [await run('night', 'one'), await run('night', 'two')];
    await run('night', 'fine');
    await run('night.deep', 'fine');
    expect(await search({ namespace: 'night', state: ['FAILED', 'KILLED'] })).toMatchObject({
      total: 2,
      executions: [
        { execution_id: second, namespace: 'night', flow_id: 'two', state: 'FAILED' },
        { execution_id: first, namespace: 'night', flow_id: 'one', state: 'FAILED' },
      ],
    });
    expect(await search({ namespace: 'night', children: true })).toMatchObject({ total: 4 });
    expect(await search({ namespace: 'night', flow_id: 'fine' })).toMatchObject({ total: 1 });
  });

  test('finds those that started within a time, however long ago, and counts what ended later', async () => {
    await saveFlows(at.kestra, hello('dated', 'daily'));
    const ids = [await run('dated', 'daily'), await run('dated', 'daily'), await run('dated', 'daily')];
    for (const [i, { life }] of executionsOf(at.kestra, 'dated', 'daily').entries())
      for (const [n, step] of life.entries()) step.date = `2020-01-0${i + 1}T0${n}:00:00.000Z`;
    const found = async (args: Record<string, unknown>) =>
      ((await search({ namespace: 'dated', ...args })).executions as { execution_id: string }[]).map(({ execution_id }) => execution_id);
    expect(await found({})).toEqual([ids[2], ids[1], ids[0]]);
    expect(await found({ start_after: '2020-01-02T00:00:00Z' })).toEqual([ids[2], ids[1]]);
    expect(await found({ start_before: '2020-01-02T00:00:01Z' })).toEqual([ids[1], ids[0]]);
    expect(await found({ start_after: '2020-01-01T12:00:00Z', start_before: '2020-01-02T12:00:00Z' })).toEqual([ids[1]]);
    expect(await found({ start_after: '2020-01-01T23:00:00-01:00' })).toEqual([ids[2], ids[1]]);
  });

  test('finds by labels', async () => {
    await saveFlows(at.kestra, hello('labelled', 'one'));
    await at.server.call('execute_flow', { namespace: 'labelled', flow_id: 'one', labels: { ticket: 'A-1' } });
    expect(await search({ labels: { ticket: 'A-1' } })).toMatchObject({
      total: 1,
      executions: [{ quoted: { labels: { ticket: 'A-1' } } }],
    });
    expect(await search({ labels: { ticket: 'A-2' } })).toMatchObject({ total: 0, note: 'No execution fits all of these conditions.' });
  });

  test('says why there is nothing', async () => {
    await saveFlows(at.kestra, hello('quiet', 'never'));
    expect(await search({ namespace: 'quiet', flow_id: 'never' })).toMatchObject({
      note: 'No execution of never in quiet. The flow exists.',
    });
    expect(await search({ namespace: 'quiet', flow_id: 'nosuch' })).toMatchObject({
      note: expect.stringContaining('There is no flow nosuch in quiet.'),
    });
    expect(await search({ namespace: 'nowhere' })).toMatchObject({
      note: expect.stringContaining('check the name with search_namespaces'),
    });
  });

  test('refuses a flow without its namespace, a time that ends before it begins, and one without an offset', async () => {
    for (const [args, words] of [
      [{ flow_id: 'x' }, 'flow_id needs the namespace of the flow.'],
      [{ start_after: '2026-01-02T00:00:00Z', start_before: '2026-01-01T00:00:00Z' }, 'start_after must be before start_before.'],
      [{ start_after: '2026-01-02T00:00:00' }, /^start_after: needs a date and time with Z or an offset/],
    ] as const) {
      const { structured } = await at.server.call('search_executions', args);
      expect(structured).toMatchObject({
        error: 'invalid_input',
        message: typeof words === 'string' ? words : expect.stringMatching(words),
      });
    }
  });
});
