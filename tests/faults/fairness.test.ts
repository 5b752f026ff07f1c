import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { flow } from '../tools/setting.ts';
import { type Setting, setUp, timed } from './setting.ts';

const slowMs = 500;
let at: Setting;
let [eve, vic] = ['', ''];
const call = (token: string, flow_id = 'hello') =>
  at.program.client.mcp(token, 'tools/call', { name: 'get_flow', arguments: { namespace: 'acme', flow_id } });
const p95 = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length * 0.95)] ?? Number.NaN;

beforeAll(async () => {
  at = await setUp(
    {},
    {
      flows: [flow('acme', 'hello', 'log.Log', 'message: hi'), flow('acme', 'slow', 'flow.Sleep', 'duration: PT20S')],
      faults: [
        { trouble: { kind: 'slow', milliseconds: slowMs }, aim: { path: '/flows/acme/hello' } },
        { trouble: { kind: 'slow', milliseconds: 3000 }, aim: { path: '/flows/acme/slow' } },
      ],
    },
  );
  [eve, vic] = [await at.token('eve'), await at.token('vic')];
});
afterAll(() => at.stop());

/** How long each of a user's calls took, one after the other. */
const series = async (token: string, calls: number): Promise<number[]> => {
  const took: number[] = [];
  for (let i = 0; i < calls; i++) {
    const { result, ms } = await timed(() => call(token));
    expect(result.status).toBe(200);
    await result.text();
    took.push(ms);
  }
  return took;
};

/** 500 callers of one user, each with one slow call after the other; whoever is refused comes back some time after they were told to. */
const storm = async (token: string): Promise<{ end(): Promise<Map<number, number>> }> => {
  let on = true;
  const answers = new Map<number, number>();
  const first: Promise<unknown>[] = [];
  const callers = Array.from({ length: 500 }, async () => {
    while (on) {
      const asked = call(token, 'slow');
      first.push(asked);
      const response = await asked;
      await response.text();
      answers.set(response.status, (answers.get(response.status) ?? 0) + 1);
      const seconds = Number(response.headers.get('retry-after') ?? 0) + 8 * Math.random();
      if (response.status === 429) expect(seconds).toBeGreaterThan(1);
      for (let i = 0; on && i < seconds * 10; i++) await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });
  // They come at once; those that find no room are gone when the first of them are served.
  await Promise.any(first);
  await expect.poll(() => answers.get(429) ?? 0, { timeout: 20_000 }).toBeGreaterThan(400);
  return {
    end: async () => {
      on = false;
      await Promise.all(callers);
      return answers;
    },
  };
};

const turns = async () => {
  const now = await at.metrics();
  const of = (kind: string) => now.get(`kestra_mcp_turns{kind="${kind}"}`);
  return { calls: of('calls'), waits: of('waits'), queued: of('queued') };
};

describe('P13 fairness', () => {
  test('500 parallel slow calls of one user: another one’s p95 is less than twice what it was', async () => {
    await series(vic, 3);
    const before = p95(await series(vic, 10));
    const { end } = await storm(eve);
    const most = await turns();
    const during = await series(vic, 20).finally(end);
    const answers = await end();
    expect(p95(during)).toBeLessThan(2 * before);
    expect(most.calls).toBeLessThanOrEqual(9);
    expect(most.queued).toBeLessThanOrEqual(32);
    expect([...answers.keys()].sort()).toEqual([200, 429]);
    expect(answers.get(429)).toBeGreaterThan(400);
  }, 60_000);

  test('refused: 429 and -32000, with Retry-After, a text that says why, and the id of the request', async () => {
    const answers = await Promise.all(Array.from({ length: 60 }, () => call(eve)));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(5);
    const [first] = refused;
    expect(Number(first?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await first?.json()).toEqual({
      jsonrpc: '2.0',
      id: 1,
      error: {
        code: -32000,
        message: 'You have 8 calls under way, the most at a time. Wait for one to end.',
        data: { request_id: first?.headers.get('x-request-id') },
      },
    });
    await Promise.all(answers.filter((answer) => answer !== first).map((answer) => answer.text()));
  });

  test('eight calls that wait for an execution leave the user, and all others, their places', async () => {
    const wait = () => at.program.call(eve, 'execute_flow', { namespace: 'acme', flow_id: 'slow', timeout_seconds: 3 });
    const waiting = Array.from({ length: 8 }, wait);
    await expect.poll(async () => (await turns()).waits).toBe(8);
    const { result, ms } = await timed(() => call(eve));
    expect(result.status).toBe(200);
    await result.text();
    expect(ms).toBeLessThan(slowMs + 1500);
    for (const { structured } of await Promise.all(waiting)) expect(structured.state).toBe('RUNNING');
  });

  test('each element of a batch counts', async () => {
    const body = (calls: number) =>
      JSON.stringify(
        Array.from({ length: calls }, (_, id) => ({
          jsonrpc: '2.0',
          id,
          method: 'tools/call',
          params: { name: 'get_flow', arguments: { namespace: 'acme', flow_id: 'hello' } },
        })),
      );
    const send = (calls: number) =>
      fetch(`${at.program.base}/mcp`, {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          Accept: 'application/json, text/event-stream',
          'MCP-Protocol-Version': '2025-03-26',
          Authorization: `Bearer ${eve}`,
        },
        body: body(calls),
      });
    const tooLarge = await send(9);
    expect(tooLarge.status).toBe(429);
    expect(((await tooLarge.json()) as { error: { message: string } }).error.message).toBe(
      'A request may hold 8 calls, the most of yours at a time. Send fewer together.',
    );
    // Eight run, four batches of eight stand in line, and the rest is refused.
    const batches = await Promise.all(Array.from({ length: 8 }, () => send(8)));
    expect(batches.filter(({ status }) => status === 429)).toHaveLength(3);
    await Promise.all(batches.map((batch) => batch.text()));
  });
});
