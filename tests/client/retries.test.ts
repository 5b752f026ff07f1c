import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Kestra } from '../../src/kestra/client.ts';
import { type Connected, connect, failure } from './connect.ts';
import { type Answerer, type Answering, json, listen, page, serve } from './server.ts';

const list = { query: { page: 1, size: 1 } };

describe('what is sent again', () => {
  let behaviour: Answerer;
  let server: Answering;
  let client: Connected;
  let kestra: Kestra;
  beforeEach(async () => {
    server = await serve((response, asked, nth) => behaviour(response, asked, nth));
    client = connect(server.url);
    kestra = client.kestra;
  });
  afterEach(async () => {
    await kestra.close();
    await server.close();
  });

  test.each([429, 502, 503, 504])('a GET after %i, until it succeeds', async (status) => {
    behaviour = (response, _, nth) => (nth < 2 ? json(response, {}, status) : json(response, page));
    expect(await client.invoke('searchFlows', list)).toEqual(page);
    expect(server.asked.length).toBe(2);
  });

  test.each([
    [429, 'busy'],
    [502, 'kestra_failed'],
    [503, 'kestra_unreachable'],
    [504, 'kestra_failed'],
  ])('a GET after %i three times at most', async (status, code) => {
    behaviour = (response) => json(response, { message: 'The database sleeps' }, status);
    const { code: said, quoted } = await failure(client.invoke('searchFlows', list));
    expect([said, quoted]).toEqual([code, 'The database sleeps']);
    expect(server.asked.length).toBe(3);
  });

  test('a GET whose connection breaks before an answer, three times at most', async () => {
    behaviour = (response) => response.destroy();
    const { code, message } = await failure(client.invoke('searchFlows', list));
    expect(code).toBe('kestra_unreachable');
    expect(message).toContain('The connection to Kestra broke before it had answered.');
    expect(server.asked.length).toBe(3);
  });

  test.each([400, 401, 403, 404, 405, 409, 422, 500, 501])('not a GET after %i', async (status) => {
    behaviour = (response) => json(response, { message: 'no' }, status);
    await failure(client.invoke('searchFlows', list));
    expect(server.asked.length).toBe(1);
  });

  const writes = {
    POST: () => client.invoke('createFlow', { body: 'id: a' }),
    'POST of a form': () => client.invoke('createExecution', { path: { namespace: 'a', id: 'b' }, body: {} }),
    PUT: () => client.invoke('updateFlow', { path: { namespace: 'a', id: 'b' }, body: 'id: b' }),
    DELETE: () => client.invoke('killExecution', { path: { executionId: 'a1' } }),
  } as const;
  const ways: Readonly<Record<string, Answerer>> = {
    ...Object.fromEntries(
      [429, 500, 502, 503, 504].map((status): [string, Answerer] => [
        `${status}`,
        (response) => json(response, {}, status, { 'retry-after': '0' }),
      ]),
    ),
    'a connection that breaks': (response) => response.destroy(),
    'an answer that breaks': (response) => void response.writeHead(200, { 'content-length': '100' }).write('{', () => response.destroy()),
  };
  test.each(Object.keys(writes).flatMap((write) => Object.keys(ways).map((way) => [write, way] as const)))(
    'never a %s, whatever happens: %s',
    async (write, way) => {
      behaviour = ways[way] as Answerer;
      const { mayHaveArrived } = await failure(writes[write as keyof typeof writes]());
      expect(server.asked.length).toBe(1);
      expect(mayHaveArrived).toBe(true);
    },
  );

  test('the waits between are never the same and never long', async () => {
    const at: number[] = [];
    behaviour = (response) => {
      at.push(performance.now());
      json(response, {}, 503);
    };
    await Promise.all([1, 2, 3, 4].map(() => failure(client.invoke('searchFlows', list))));
    const whole = Math.max(...at) - Math.min(...at);
    expect(whole).toBeGreaterThan(200);
    expect(whole).toBeLessThan(3000);
    // Four callers that fail at once must not come back at once.
    const second = at.slice(4, 8).sort((a, b) => a - b);
    expect((second[3] ?? 0) - (second[0] ?? 0)).toBeGreaterThan(2);
  });

  test('Retry-After is honoured', async () => {
    const at: number[] = [];
    behaviour = (response, _, nth) => {
      at.push(performance.now());
      if (nth === 1) json(response, {}, 503, { 'retry-after': '1' });
      else json(response, page);
    };
    await client.invoke('searchFlows', list);
    expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThan(990);
  });

  test.each(['3600', '99999999999999999999', new Date(Date.now() + 3_600_000).toUTCString()])(
    'a wait that is too long is left to the caller: %s',
    async (after) => {
      behaviour = (response) => json(response, {}, 429, { 'retry-after': after });
      const started = performance.now();
      const { code, message } = await failure(client.invoke('searchFlows', list));
      expect(code).toBe('busy');
      expect(message).toMatch(/It asks to wait \d+ seconds/);
      expect(server.asked.length).toBe(1);
      expect(performance.now() - started).toBeLessThan(1000);
    },
  );

  test.each(['soon', '-5', '', '1.5', 'Thu, 01 Jan 1970 00:00:00 GMT'])('Retry-After %j does no harm', async (after) => {
    behaviour = (response, _, nth) => (nth === 1 ? json(response, {}, 503, { 'retry-after': after }) : json(response, page));
    expect(await client.invoke('searchFlows', list)).toEqual(page);
    expect(server.asked.length).toBe(2);
  });

  test('a caller who gives up between two tries is not made to wait', async () => {
    behaviour = (response) => json(response, {}, 503, { 'retry-after': '4' });
    const abort = new AbortController();
    const call = failure(kestra.as({ credential: client.credential, signal: abort.signal })('searchFlows', list));
    await expect.poll(() => server.asked.length).toBe(1);
    abort.abort();
    expect((await call).code).toBe('cancelled');
    expect(server.asked.length).toBe(1);
  });
});

test('a Kestra that is down is not there, and nothing was sent', async () => {
  const server = await serve(() => undefined);
  await server.close();
  const { kestra, invoke } = connect(server.url);
  for (const call of [() => invoke('searchFlows', list), () => invoke('createFlow', { body: 'id: a' })]) {
    const { code, message, mayHaveArrived } = await failure(call());
    expect({ code, mayHaveArrived }).toEqual({ code: 'kestra_unreachable', mayHaveArrived: false });
    expect(message).toContain('Try again in a minute');
  }
  await kestra.close();
});

test.each([404, 400, 301, 500, 503])(
  'a version that can not be learnt (%i) is no answer to the call itself, which was not sent',
  async (status) => {
    const server = await listen((_, response) => json(response, {}, status));
    const { kestra, invoke } = connect(server.url);
    for (const call of [() => invoke('createFlow', { body: 'id: a' }), () => invoke('getFlow', { path: { namespace: 'a', id: 'b' } })]) {
      const error = await failure(call());
      expect(error.mayHaveArrived).toBe(false);
      // A 404 of the address is not a flow that is not there.
      expect(error.status).toBeUndefined();
      expect(error.code).not.toBe('not_found');
    }
    await kestra.close();
    await server.close();
  },
);
