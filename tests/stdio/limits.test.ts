import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { bounded } from '../../src/server/bounds.ts';
import { asText } from '../../src/tools/answer.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { killAll, settingsFor, start } from './program.ts';

let kestra: Kestra;
beforeAll(async () => {
  kestra = await startKestra({ version: '2.0.0-SNAPSHOT' });
});
afterEach(() => {
  killAll();
  kestra.faults.clear();
});
afterAll(() => kestra.close());

const list = (id: number) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: 'search_namespaces', arguments: {} },
});

describe('the calls of one caller', () => {
  test('at the same time are limited, which is said at once and asks Kestra nothing; one that ends makes room', async () => {
    const program = start({ env: { ...settingsFor(kestra), KESTRA_MCP_CONCURRENT_CALLS: '2', KESTRA_MCP_QUEUED_CALLS: '0' } });
    await program.initialize();
    await program.call('search_namespaces');
    kestra.faults.add({ kind: 'hang' }, { path: '/namespaces/search', times: 2 });
    const before = kestra.requests.length;
    program.send(list(1));
    program.send(list(2));
    await expect.poll(() => kestra.requests.length).toBe(before + 2);
    const refused = await program.call('search_namespaces');
    expect(refused).toContain('"error":"busy"');
    expect(refused).toContain('You have 2 calls under way, the most at a time. Wait for one to end.');
    expect(kestra.requests.length).toBe(before + 2);
    expect((await program.ask('tools/list')).result?.tools).toHaveLength(24);
    program.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
    await expect.poll(() => program.call('search_namespaces')).toContain('"total":');
    await program.finish();
  });

  test('that fail make room too', async () => {
    const program = start({ env: { ...settingsFor(kestra), KESTRA_MCP_CONCURRENT_CALLS: '1' } });
    await program.initialize();
    for (const args of [{ query: 7 }, { nonsense: 1 }]) expect(await program.call('search_namespaces', args)).toContain('invalid_input');
    kestra.faults.add({ kind: 'status', status: 500 }, { path: '/namespaces/search' });
    expect(await program.call('search_namespaces')).toContain('kestra_failed');
    expect(await program.call('search_namespaces')).toContain('"total":');
    await program.finish();
  });

  test('in a minute are limited, which is said with how long to wait and asks Kestra nothing', async () => {
    const program = start({ env: { ...settingsFor(kestra), KESTRA_MCP_CALLS_PER_MINUTE: '3' } });
    await program.initialize();
    for (let i = 0; i < 3; i++) expect(await program.call('search_namespaces')).toContain('"total":');
    const before = kestra.requests.length;
    const refused = await program.call('search_namespaces');
    expect(refused).toContain('"error":"busy"');
    expect(refused).toContain('That is more than 3 calls in a minute. Wait 20 seconds or more.');
    expect(kestra.requests.length).toBe(before);
    await program.finish();
  });

  test('at the highest rate come back with time', async () => {
    const program = start({ env: { ...settingsFor(kestra), KESTRA_MCP_CALLS_PER_MINUTE: '600' } });
    await program.initialize();
    for (let id = 1; id <= 700; id++) program.send({ ...list(id), params: { name: 'register_kestra_token', arguments: {} } });
    const texts = await Promise.all(Array.from({ length: 700 }, (_, i) => program.answer(i + 1)));
    const refused = texts.filter(({ result }) => result?.isError).length;
    expect(refused).toBeGreaterThan(0);
    await expect.poll(() => program.call('register_kestra_token'), { timeout: 5000 }).toContain('nothing was stored');
    await program.finish();
  });
});

describe('an answer of any shape', () => {
  /** Repeatable numbers below a bound (mulberry32). */
  const dice = (seed: number) => {
    let state = seed;
    return (below: number): number => {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) % below;
    };
  };

  const longest = 20_000;
  /** Something of any shape, with a number of parts that does not explode. */
  const value = (roll: (below: number) => number, parts: number): unknown => {
    const kind = parts < 2 ? roll(4) : roll(7);
    if (kind === 0) return 'x"\\\n`é🙂\u001b'.charAt(roll(8)).repeat(roll(900));
    if (kind === 1) return roll(1_000_000) / 7;
    if (kind === 2) return [null, true, undefined][roll(3)];
    if (kind === 3) return `${'k'.repeat(roll(40))}${roll(1000)}`;
    const length = roll(parts);
    const inner = Array.from({ length }, () => value(roll, Math.floor(parts / length)));
    return kind < 6 ? inner : Object.fromEntries(inner.map((each, i) => [`key${i}${'y'.repeat(roll(50))}`, each]));
  };

  test.each(Array.from({ length: 30 }, (_, seed) => seed))('fits in its bound, and says so where it was cut (%i)', (seed) => {
    const roll = dice(seed * 7919 + 1);
    const answer = {
      facts: Object.fromEntries(Array.from({ length: roll(12) }, (_, i) => [`fact${i}`, value(roll, [10, 100, 1000][roll(3)] ?? 1)])),
      blocks: Array.from({ length: roll(6) }, (_, i) => ({
        name: `block${i}`,
        language: 'text',
        text: ['line `` \n', 'y', '```', '🙂'][roll(4)]?.repeat(roll(longest)) ?? '',
      })),
    };
    for (const most of [2000, 25_000]) {
      const short = bounded(answer, most);
      const text = asText(short);
      expect(text.length).toBeLessThanOrEqual(most);
      expect(JSON.parse(text.split('\n')[0] ?? '')).toBeTypeOf('object');
      if (text.length < asText(bounded(answer, Number.POSITIVE_INFINITY)).length) expect(short.facts.cut).toBeTypeOf('string');
    }
  });

  test('is made in a moment, however long it was', () => {
    const started = performance.now();
    const rows = Array.from({ length: 200_000 }, (_, i) => ({ id: i, text: 'x'.repeat(20) }));
    expect(
      asText(bounded({ facts: { rows }, blocks: [{ name: 'b', language: 'text', text: '`'.repeat(3_000_000) }] }, 25_000)).length,
    ).toBeLessThan(25_001);
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});
