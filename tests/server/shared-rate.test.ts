import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Busy } from '../../src/errors.ts';
import { createLog } from '../../src/log.ts';
import { type Rate, sharedRate } from '../../src/server/rate.ts';
import { unavailable } from '../../src/store/engine.ts';
import type { Store } from '../../src/store/store.ts';
import { describePostgres, PostgresServer } from '../harness/postgres.ts';
import { Clock, type Engine, keyring, type Place } from '../store/contract/story.ts';
import { postgres } from '../store/postgres-place.ts';
import { sqlite } from '../store/sqlite-place.ts';

const perMinute = 200;
const portion = perMinute / 20;

/** What a rate says to calls of one user: nothing, or its refusal. */
const said = async (rate: Rate, calls = 1, user = 'ada'): Promise<Busy | undefined> => {
  try {
    await rate.take(user, calls);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof Busy) return thrown;
    throw thrown;
  }
};

/** How many calls, one after the other and in turns, until each of them refuses one. */
const spent = async (rates: readonly Rate[]): Promise<number> => {
  let count = 0;
  for (const open = new Set(rates); open.size > 0; ) {
    for (const rate of open) {
      if (await said(rate)) open.delete(rate);
      else count += 1;
    }
  }
  return count;
};

const describeRate = ({ name, place }: Engine) =>
  describe.each([name])('P14 the minute of a user is one for all replicas, on %s', () => {
    let clock: Clock;
    let where: Place;
    let stores: Store[];
    /** How often replicas asked the store, and whether it can be asked. */
    let asked: number;
    let down: boolean;
    let logged: string[];
    beforeEach(async () => {
      clock = new Clock();
      where = await place();
      [stores, asked, down, logged] = [[], 0, false, []];
    });
    afterEach(async () => {
      for (const store of stores) await store.close();
      await where.destroy();
    });

    const replica = async (most = perMinute): Promise<Rate> => {
      const store = await where.open({ keyring, clock: clock.now });
      stores.push(store);
      const count: Store['count'] = async (...question) => {
        asked += 1;
        if (down) throw unavailable('the database is down');
        return store.count(...question);
      };
      return sharedRate(most, { count }, createLog('debug', { write: (line) => void logged.push(line) }), clock.now);
    };
    const replicas = (): Promise<Rate[]> => Promise.all([replica(), replica()]);

    it('used in turns: all of it, and no more', async () => {
      expect(await spent(await replicas())).toBe(perMinute);
      expect(asked).toBeLessThan(3 * 20);
    });

    it('used at the same time: all of it, and no more', async () => {
      const answers = await Promise.all((await replicas()).flatMap((rate) => Array.from({ length: perMinute }, () => said(rate))));
      expect(answers.filter((refused) => !refused)).toHaveLength(perMinute);
    });

    it('used unevenly: what an idle one holds is a portion', async () => {
      const [busy, idle] = (await replicas()) as [Rate, Rate];
      await idle.take('ada', 1);
      expect(await spent([busy])).toBe(perMinute - portion);
    });

    it('another user has a minute of their own', async () => {
      const rates = await replicas();
      await spent(rates);
      for (const rate of rates) expect(await said(rate, 1, 'bob')).toBeUndefined();
    });

    it('batches cost their size, and the rest of a portion is not lost to them', async () => {
      const [one, other] = (await replicas()) as [Rate, Rate];
      let calls = 0;
      for (const size of Array.from({ length: 60 }, (_, i) => 1 + ((7 * i) % 8))) {
        const rate = calls % 2 ? one : other;
        if (!(await said(rate, size))) calls += size;
      }
      expect(calls).toBeLessThanOrEqual(perMinute);
      expect(calls).toBeGreaterThan(perMinute - 2 * portion);
    });

    it('a batch for which there is no room takes it from no smaller one', async () => {
      const rate = await replica(20);
      for (let i = 0; i < 2; i += 1) expect(await said(rate, 8)).toBeUndefined();
      expect(await said(rate, 8)).toBeInstanceOf(Busy);
      expect(await said(rate, 4)).toBeUndefined();
      expect(await said(rate)).toBeInstanceOf(Busy);
    });

    it('a batch for which there is never room is told so, not to wait', async () => {
      const rate = await replica(20);
      expect((await said(rate, 21))?.message).toContain('Send fewer together');
      expect(await said(rate, 20)).toBeUndefined();
    });

    it('a refusal says when to come back, and then it is true', async () => {
      const [one, other] = (await replicas()) as [Rate, Rate];
      await one.take('ada', 1);
      clock.advance(20_500);
      await spent([one, other]);
      for (const rate of [one, other]) expect((await said(rate))?.retryAfter).toBe(40);
      clock.advance(500);
      // By what it knows, and when it asks anew.
      for (const rate of [one, other]) expect((await said(rate))?.retryAfter).toBe(39);
      clock.advance(20_000);
      for (const rate of [one, other]) expect((await said(rate))?.retryAfter).toBe(19);
      clock.advance(18_999);
      expect((await said(one))?.retryAfter).toBe(1);
      clock.advance(1);
      expect(await said(other)).toBeUndefined();
      clock.advance(999);
      expect(await spent([one, other])).toBe(perMinute - 1);
    });

    it('calls that are refused ask the store once in a second', async () => {
      const rate = await replica();
      await spent([rate]);
      const before = asked;
      for (let i = 0; i < 100; i += 1) expect(await said(rate)).toBeInstanceOf(Busy);
      expect(asked).toBe(before);
      clock.advance(1000);
      for (let i = 0; i < 100; i += 1) expect(await said(rate)).toBeInstanceOf(Busy);
      // For a portion, and for one.
      expect(asked - before).toBe(2);
    });

    it('while the store can not be asked each counts alone, says so, and tries it once in a second', async () => {
      const rates = await replicas();
      down = true;
      for (const rate of rates) expect(await spent([rate])).toBe(perMinute);
      expect(asked).toBe(2);
      const lines = logged.map((line): unknown => JSON.parse(line));
      expect(lines).toHaveLength(2);
      expect(lines[0]).toMatchObject({ level: 'warn', msg: expect.stringContaining('counted here alone'), err: { code: 'unavailable' } });
      clock.advance(1000);
      down = false;
      expect(await spent(rates)).toBe(perMinute);
    });
  });

describeRate(sqlite);

describePostgres('a real server', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server.destroy());

  describeRate(postgres(() => server));
});
