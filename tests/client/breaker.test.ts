import { afterEach, describe, expect, test } from 'vitest';
import { type BreakerRules, createBreaker, KestraPaused, type Verdict } from '../../src/kestra/breaker.ts';
import type { Kestra } from '../../src/kestra/client.ts';
import { connect, failure } from './connect.ts';
import { type Answerer, type Answering, json, page, serve } from './server.ts';

const list = { query: { page: 1, size: 1 } };
const flow = { path: { namespace: 'a', id: 'b' } };

/** A breaker whose time, whose requests and whose looks are in hand. */
const inHand = (rules: Partial<BreakerRules> = {}) => {
  let now = 1_000_000;
  let answers = false;
  let looks = 0;
  const changes: string[] = [];
  const breaker = createBreaker({
    rules,
    clock: () => now,
    look: async () => {
      looks += 1;
      return answers;
    },
    onChange: (state) => changes.push(state),
  });
  const ask = (verdict: Verdict): Promise<string> =>
    breaker.run(
      async () => verdict,
      () => verdict,
    );
  return {
    breaker,
    changes,
    ask,
    /** One request, and whether it was sent. */
    sent: (verdict: Verdict): Promise<boolean> =>
      ask(verdict).then(
        () => true,
        (thrown: unknown) => {
          if (thrown instanceof KestraPaused) return false;
          throw thrown;
        },
      ),
    /** A request that is answered when it is said. */
    begin: () => {
      let answer: (verdict: Verdict) => void = () => undefined;
      const verdict = new Promise<Verdict>((resolve) => {
        answer = resolve;
      });
      const done = breaker.run(
        () => verdict,
        (outcome) => ('answer' in outcome ? outcome.answer : 'down'),
      );
      return { answer, done };
    },
    advance: (ms: number) => {
      now += ms;
    },
    answer: () => {
      answers = true;
    },
    looks: () => looks,
    turn: () => new Promise((resolve) => setImmediate(resolve)),
  };
};

const times = async (n: number, work: () => Promise<unknown>): Promise<void> => {
  for (let i = 0; i < n; i++) await work();
};

describe('P12 the breaker', () => {
  test('opens after five failures in a row', async () => {
    const { breaker, sent, changes } = inHand();
    await times(4, () => sent('down'));
    expect(breaker.state).toBe('closed');
    await sent('down');
    expect([breaker.state, changes]).toEqual(['open', ['open']]);
    expect(await sent('up')).toBe(false);
  });

  test('a success between, and what says nothing of Kestra: no row', async () => {
    const { breaker, sent } = inHand();
    for (const verdict of ['down', 'down', 'down', 'down', 'up', 'down', 'down', 'unknown', 'down', 'down', 'up'] as const)
      await sent(verdict);
    expect(breaker.state).toBe('closed');
    await times(2, () => sent('down'));
    await times(100, () => sent('unknown'));
    await times(2, () => sent('down'));
    expect(breaker.state).toBe('closed');
  });

  test('opens when more than half of at least twenty within 30 seconds failed', async () => {
    const half = inHand();
    for (let i = 0; i < 15; i++) for (const verdict of ['up', 'down'] as const) await half.sent(verdict);
    expect(half.breaker.state).toBe('closed');
    const more = inHand();
    for (let i = 0; i < 6; i++) for (const verdict of ['down', 'down', 'up'] as const) await more.sent(verdict);
    expect(more.breaker.state).toBe('closed');
    await more.sent('down');
    expect(more.breaker.state).toBe('closed');
    await more.sent('down');
    expect(more.breaker.state).toBe('open');
  });

  test('what is older than 30 seconds does not count', async () => {
    const { breaker, sent, advance } = inHand();
    for (let i = 0; i < 6; i++) for (const verdict of ['down', 'down', 'up'] as const) await sent(verdict);
    advance(31_000);
    await times(4, () => sent('down'));
    expect(breaker.state).toBe('closed');
  });

  test('after ten seconds one request goes through and the rest are told so; it decides', async () => {
    const { breaker, sent, begin, advance, changes } = inHand();
    await times(5, () => sent('down'));
    advance(9999);
    expect(await sent('up')).toBe(false);
    advance(1);
    expect(breaker.state).toBe('half_open');
    const probe = begin();
    expect(await sent('up')).toBe(false);
    probe.answer('down');
    await probe.done;
    expect([breaker.state, await sent('up')]).toEqual(['open', false]);
    advance(10_000);
    const next = begin();
    next.answer('up');
    await next.done;
    expect([breaker.state, changes]).toEqual(['closed', ['open', 'closed']]);
    await times(4, () => sent('down'));
    expect(breaker.state).toBe('closed');
  });

  test('a probe whose caller gives up leaves the place to the next', async () => {
    const { breaker, sent, begin, advance } = inHand();
    await times(5, () => sent('down'));
    advance(10_000);
    const probe = begin();
    probe.answer('unknown');
    await probe.done;
    expect(await sent('up')).toBe(true);
    expect(breaker.state).toBe('closed');
  });

  test('what was sent before it opened does not close it, nor keep it open', async () => {
    const { breaker, sent, begin, advance } = inHand();
    const [early, late] = [begin(), begin()];
    await times(5, () => sent('down'));
    early.answer('up');
    await early.done;
    expect(breaker.state).toBe('open');
    advance(10_000);
    expect(await sent('up')).toBe(true);
    for (let i = 0; i < 4; i++) await sent('down');
    late.answer('down');
    await late.done;
    expect(breaker.state).toBe('closed');
  });

  test('a look that finds Kestra well ends the pause early, and a request decides all the same', async () => {
    const { breaker, sent, answer, turn, looks, advance } = inHand();
    await times(5, () => sent('down'));
    expect(await sent('up')).toBe(false);
    await turn();
    expect(looks()).toBe(1);
    await times(10, () => sent('up'));
    expect(looks()).toBe(1);
    advance(1000);
    answer();
    expect(await sent('up')).toBe(false);
    await turn();
    expect([looks(), breaker.state]).toEqual([2, 'half_open']);
    expect(await sent('down')).toBe(true);
    expect(breaker.state).toBe('open');
    // It looks well and is not: it is left alone for the whole pause.
    advance(5000);
    expect(await sent('up')).toBe(false);
    await turn();
    expect(looks()).toBe(2);
    advance(5000);
    expect(await sent('up')).toBe(true);
    expect(breaker.state).toBe('closed');
  });

  test('the numbers are settings, and 0 failures is never', async () => {
    const two = inHand({ failures: 2, openMs: 1000 });
    await times(2, () => two.sent('down'));
    expect(two.breaker.state).toBe('open');
    two.advance(1000);
    expect(await two.sent('up')).toBe(true);
    const never = inHand({ failures: 0 });
    await times(100, () => never.sent('down'));
    expect(never.breaker.state).toBe('closed');
  });
});

describe('P12 a Kestra that is down is told so at once', () => {
  let server: Answering | undefined;
  let kestra: Kestra | undefined;
  const start = async (answer: Answerer, config: Parameters<typeof connect>[1] = {}) => {
    server = await serve(answer);
    const connected = connect(server.url, config);
    kestra = connected.kestra;
    return { ...connected, server };
  };
  afterEach(async () => {
    await kestra?.close();
    await server?.close();
  });

  test('dead: within six calls the answer is there in an instant, and says when it is tried again; nothing is sent', async () => {
    const { kestra, invoke, server, logged } = await start((response) => json(response, page));
    await invoke('searchFlows', list);
    await server.close();
    for (let i = 0; i < 5; i++) expect((await failure(invoke('searchFlows', list))).message).not.toContain('tried again within');
    expect(kestra.breaker).toBe('open');
    const quick = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const started = performance.now();
        const { code, message, mayHaveArrived } = await failure(invoke('createExecution', { ...flow, body: {} }));
        expect([code, mayHaveArrived]).toEqual(['kestra_unreachable', false]);
        expect(message).toMatch(/^Kestra does not answer\. It is tried again within ([1-9]|10) s; nothing was sent now\.$/);
        return performance.now() - started;
      }),
    );
    expect(quick.sort((a, b) => a - b)[50]).toBeLessThan(50);
    expect(logged.filter(({ breaker }) => breaker === 'open')).toHaveLength(1);
  });

  test.each([502, 503, 504])('%i counts, whoever is asked', async (status) => {
    const { kestra, invoke } = await start((response) => json(response, {}, status));
    for (let i = 0; i < 5; i++) await failure(invoke('createExecution', { ...flow, body: {} }));
    expect(kestra.breaker).toBe('open');
  });

  test('one that does not answer in time counts, one that is given up does not', async () => {
    const { kestra, invoke, credential } = await start(() => undefined, { timeoutMs: 150 });
    const impatient = AbortSignal.timeout(50);
    for (let i = 0; i < 6; i++) {
      const { code } = await failure(
        kestra.as({ credential, signal: AbortSignal.any([impatient, AbortSignal.timeout(60)]) })('getFlow', flow),
      );
      expect(code).toBe('cancelled');
    }
    expect(kestra.breaker).toBe('closed');
    for (let i = 0; i < 5; i++) expect((await failure(invoke('getFlow', flow))).code).toBe('kestra_timeout');
    expect(kestra.breaker).toBe('open');
  });

  test.each([400, 401, 403, 404, 409, 422, 429, 500, 501])(
    '%i does not: one user’s mistake or credential is not everybody’s',
    async (status) => {
      const { kestra, invoke } = await start((response) => json(response, {}, status, { 'retry-after': '3600' }));
      for (let i = 0; i < 12; i++) await failure(invoke('createExecution', { ...flow, body: {} }));
      expect(kestra.breaker).toBe('closed');
    },
  );

  test('alive again: calls work within seconds, and the pause need not end first', async () => {
    let down = true;
    const { kestra, invoke } = await start((response) => (down ? json(response, {}, 503) : json(response, page)));
    for (let i = 0; i < 5; i++) await failure(invoke('createExecution', { ...flow, body: {} }));
    expect(kestra.breaker).toBe('open');
    down = false;
    const started = performance.now();
    await expect.poll(() => invoke('searchFlows', list).then(() => 'well'), { timeout: 8000, interval: 100 }).toBe('well');
    expect(performance.now() - started).toBeLessThan(5000);
    expect(kestra.breaker).toBe('closed');
  });
});
