import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, expect, it, vi } from 'vitest';
import { followTime, type StoreTime } from '../../src/store/time.ts';

let time: StoreTime | undefined;
afterEach(() => {
  time?.stop();
  vi.useRealTimers();
});

it('P19: goes by the store, whatever the clock of this host says or is set to', async () => {
  const { now } = Date;
  time = await followTime({ now: async () => now() });
  try {
    for (const shift of [-90_000, 90_000]) {
      Date.now = () => now() + shift;
      expect(Math.abs(time.clock() - now())).toBeLessThan(1000);
      expect(Math.abs(time.behindMs() + shift)).toBeLessThan(1000);
    }
  } finally {
    Date.now = now;
  }
});

it('P19: goes on while the store cannot be asked, and follows it when it can', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  let ahead = 0;
  let frozen = false;
  const store = {
    now: async () => {
      if (frozen) throw new Error('frozen');
      return Date.now() + ahead;
    },
  };
  time = await followTime(store);
  frozen = true;
  ahead = 50_000;
  await vi.advanceTimersByTimeAsync(30_000);
  const before = time.clock();
  await pause(20);
  expect(time.clock() - before).toBeGreaterThanOrEqual(15);
  expect(time.behindMs()).toBeLessThan(1000);
  frozen = false;
  await vi.advanceTimersByTimeAsync(30_000);
  expect(time.behindMs()).toBeGreaterThan(49_000);
});
