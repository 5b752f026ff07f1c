import { describe, expect, test } from 'vitest';
import { Busy } from '../../src/errors.ts';
import { type AdmissionRules, createAdmission, type Kind } from '../../src/server/admission.ts';
import { localRate } from '../../src/server/rate.ts';

const rules: AdmissionRules = {
  calls: { each: 2, all: 4 },
  waits: { each: 1, all: 2 },
  queued: { each: 3, all: 6 },
  queueMs: 5000,
};

/** Admission, and who went in, in order. */
const desk = (change: Partial<AdmissionRules> = {}, perMinute = 1_000_000) => {
  const admission = createAdmission({ ...rules, ...change }, localRate(perMinute));
  const inside: string[] = [];
  const leave = new Map<string, () => void>();
  const come = async (name: string, kind: Kind = 'calls', calls = 1, signal?: AbortSignal): Promise<void> => {
    const leaves = await admission.enter(name.replace(/\d+$/, ''), kind, calls, signal);
    inside.push(name);
    leave.set(name, leaves);
  };
  return {
    admission,
    inside,
    come,
    /** Comes, and nobody minds whether its turn ever comes. */
    send: (...coming: Parameters<typeof come>) => void come(...coming).catch(() => undefined),
    leave: async (name: string) => {
      leave.get(name)?.();
      await turn();
    },
  };
};
const turn = () => new Promise((resolve) => setImmediate(resolve));
const refusal = (thrown: Promise<unknown>): Promise<unknown> => thrown.then(() => undefined, String);

describe('P13 who may be served now', () => {
  test('of one user as many as there may be; the rest stand in line in their order', async () => {
    const { admission, inside, send, leave } = desk();
    for (const name of ['a1', 'a2', 'a3', 'a4']) send(name);
    await turn();
    expect(inside).toEqual(['a1', 'a2']);
    expect(admission.now).toEqual({ calls: 2, waits: 0, queued: 2 });
    await leave('a2');
    await leave('a1');
    expect(inside).toEqual(['a1', 'a2', 'a3', 'a4']);
    for (const name of ['a3', 'a4', 'a4']) await leave(name);
    expect(admission.now).toEqual({ calls: 0, waits: 0, queued: 0 });
  });

  test('a line that is full refuses at once, with when to come back; another user is not refused', async () => {
    const { come, send, inside } = desk();
    for (let i = 0; i < 5; i++) send(`a${i}`);
    await expect(come('a9')).rejects.toMatchObject({
      code: 'busy',
      retryAfter: expect.toSatisfy((seconds: number) => seconds >= 1 && seconds <= 3),
      message: expect.stringContaining('2 calls under way'),
    });
    await come('b1');
    expect(inside).toContain('b1');
  });

  test('users take turns, whatever number of calls each has in line', async () => {
    const { inside, send, leave } = desk({ calls: { each: 4, all: 4 }, queued: { each: 100, all: 100 } });
    for (let i = 0; i < 20; i++) send(`a${i}`);
    for (let i = 0; i < 3; i++) send(`b${i}`);
    send('c0');
    await turn();
    expect(inside).toEqual(['a0', 'a1', 'a2', 'a3']);
    for (const name of ['a0', 'a1', 'a2', 'a3', 'a4', 'b0']) await leave(name);
    expect(inside.slice(4)).toEqual(['a4', 'b0', 'c0', 'a5', 'b1', 'a6']);
  });

  test('whoever may go in does not wait behind somebody who may not', async () => {
    const { inside, send } = desk();
    for (const name of ['a1', 'a2', 'a3', 'b1', 'b2']) send(name);
    await turn();
    expect(inside).toEqual(['a1', 'a2', 'b1', 'b2']);
  });

  test('a call that waits for an execution takes the place of none that works', async () => {
    const { admission, inside, come, send } = desk();
    for (const name of ['a1', 'b1', 'c1', 'd1']) send(name, 'waits');
    await turn();
    expect(inside).toEqual(['a1', 'b1']);
    for (const name of ['a2', 'a3', 'e1', 'f1']) await come(name);
    expect(admission.now).toEqual({ calls: 4, waits: 2, queued: 2 });
  });

  test('each call of a request counts; more than may ever go in are refused for good', async () => {
    const { admission, inside, come, send, leave } = desk();
    await come('a1', 'calls', 2);
    expect(admission.now.calls).toBe(2);
    send('a2');
    await expect(come('b1', 'calls', 3)).rejects.toThrow('A request may hold 2 calls');
    await leave('a1');
    expect(inside).toEqual(['a1', 'a2']);
  });

  test('a large request is not passed by small ones for ever', async () => {
    const { inside, come, send, leave } = desk();
    for (const name of ['a1', 'b1', 'c1']) await come(name);
    send('d1', 'calls', 2);
    send('e1');
    await turn();
    expect(inside).toEqual(['a1', 'b1', 'c1']);
    await leave('a1');
    expect(inside).toEqual(['a1', 'b1', 'c1', 'd1']);
    await leave('b1');
    expect(inside.at(-1)).toBe('e1');
  });

  test('whose turn does not come in time, and who is gone, leaves the line', async () => {
    const { admission, inside, come, leave } = desk({ queueMs: 60 });
    for (const name of ['a1', 'a2']) await come(name);
    const gone = new AbortController();
    const given = refusal(come('a3', 'calls', 1, gone.signal));
    const late = refusal(come('a4'));
    gone.abort();
    expect(await given).toContain('Busy');
    expect(await late).toContain('Too much is going on');
    expect(admission.now.queued).toBe(0);
    await leave('a1');
    expect(inside).toEqual(['a1', 'a2']);
    await expect(come('a5', 'calls', 1, AbortSignal.abort())).rejects.toBeInstanceOf(Busy);
  });

  test('too many in a minute are refused with when to come back; what was refused a place is not counted', async () => {
    const { come, leave } = desk({ queued: { each: 0, all: 0 } }, 4);
    await come('a1');
    await come('a2');
    for (let i = 0; i < 10; i++) await expect(come('a3')).rejects.toThrow('under way');
    for (const name of ['a1', 'a2']) await leave(name);
    await come('a4');
    await come('a5');
    for (const name of ['a4', 'a5']) await leave(name);
    await expect(come('a6')).rejects.toMatchObject({ retryAfter: 15, message: expect.stringContaining('more than 4 calls in a minute') });
    await come('b1');
  });
});

test('P14 the minute of a user goes on, and idle users are not remembered for ever', async () => {
  let now = 0;
  const rate = localRate(60, () => now);
  for (let i = 0; i < 60; i++) await rate.take('a', 1);
  expect(() => rate.take('a', 1)).toThrow(Busy);
  now += 1000;
  await rate.take('a', 1);
  expect(() => rate.take('a', 1)).toThrow('Wait 1 seconds');
  expect(() => rate.take('b', 61)).toThrow(Busy);
  await rate.take('b', 60);
});
