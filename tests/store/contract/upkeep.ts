import { describe, expect, it } from 'vitest';
import { generateKey, parseKeyring } from '../../../src/store/seal.ts';
import { Bench } from './bench.ts';
import { ada, begin, bob, connect, day, type Engine, here, keyring, minute, refresh, rotated, secret, sweepAll } from './story.ts';

export const upkeepContract = (engine: Engine): void => {
  describe('counters and things that count once', () => {
    const bench = new Bench(engine);
    const rule = { limit: 3, windowMs: minute };

    it('counts up to the limit in a window, each key on its own', async () => {
      const store = await bench.open();
      const remaining = [];
      for (let i = 0; i < 3; i += 1) remaining.push((await store.count('a', rule)).remaining);
      expect(remaining).toEqual([2, 1, 0]);
      bench.clock.advance(20_000);
      const endsAt = bench.clock.now() + 40_000;
      expect(await store.count('a', rule)).toEqual({ allowed: false, remaining: 0, retryAfterMs: 40_000, endsAt });
      expect(await store.count('b', rule)).toMatchObject({ allowed: true, remaining: 2, retryAfterMs: 0 });
      bench.clock.advance(40_000);
      expect(await store.count('a', rule)).toMatchObject({ allowed: true, remaining: 2 });
    });

    it('only looks at no cost, and does not count what it refuses', async () => {
      const store = await bench.open();
      await store.count('a', { ...rule, cost: 2 });
      expect(await store.count('a', { ...rule, cost: 2 })).toMatchObject({ allowed: false, remaining: 1 });
      expect(await store.count('a', { ...rule, cost: 0 })).toMatchObject({ allowed: true, remaining: 1 });
      expect(await store.count('a', rule)).toMatchObject({ allowed: true, remaining: 0 });
      expect(await store.count('a', { ...rule, cost: 0 })).toMatchObject({ allowed: false, remaining: 0 });
    });

    it('takes a count back in its own window, and never more than there are', async () => {
      const store = await bench.open();
      const first = await store.count('a', rule);
      await store.count('a', rule);
      await store.uncount('a', first);
      expect(await store.count('a', { ...rule, cost: 0 })).toMatchObject({ remaining: 2 });
      await store.uncount('a', first, 2);
      await store.uncount('b', first);
      expect(await store.count('a', { ...rule, cost: 0 })).toMatchObject({ remaining: 2 });
      bench.clock.advance(minute);
      await store.count('a', rule);
      await store.uncount('a', first);
      expect(await store.count('a', { ...rule, cost: 0 })).toMatchObject({ remaining: 2 });
    });

    it('50 parallel counts let the limit through, over two openings', async () => {
      const [one, two] = [await bench.open(), await bench.open()];
      const all = await Promise.all(Array.from({ length: 50 }, (_, i) => (i % 2 ? one : two).count('a', { ...rule, limit: 20 })));
      expect(all.filter(({ allowed }) => allowed)).toHaveLength(20);
    });

    it('A29: a flood of new keys frees nobody who is at the limit, and leaves no more rows than there may be', async () => {
      const store = await bench.open({ bounds: { counters: 20 } });
      for (let i = 0; i < 3; i += 1) await store.count('offender', rule);
      for (let i = 0; i < 200; i += 1) await store.count(`flood ${i}`, rule);
      expect(await store.count('offender', rule)).toMatchObject({ allowed: false });
      bench.clock.advance(minute);
      expect(await sweepAll(store)).toBeLessThanOrEqual(20);
    });

    it('a value counts once among 20 parallel callers, until its time is over', async () => {
      const store = await bench.open();
      const all = await Promise.all(Array.from({ length: 20 }, () => store.consumeOnce('v', minute)));
      expect(all.filter(Boolean)).toHaveLength(1);
      bench.clock.advance(minute - 1);
      expect(await store.consumeOnce('v', minute)).toBe(false);
      bench.clock.advance(1);
      expect(await store.consumeOnce('v', minute)).toBe(true);
    });

    it('too many one-time values are refused, none is forgotten', async () => {
      const store = await bench.open({ bounds: { onceValues: 5 } });
      for (let i = 0; i < 5; i += 1) expect(await store.consumeOnce(`v${i}`, minute)).toBe(true);
      await expect(store.consumeOnce('one more', minute)).rejects.toMatchObject({ code: 'unavailable' });
      expect(await store.consumeOnce('v0', minute)).toBe(false);
      bench.clock.advance(minute);
      expect(await store.consumeOnce('one more', minute)).toBe(true);
    });
  });

  describe('audit', () => {
    const bench = new Bench(engine);

    it('keeps what happened, newest first, by user and page by page', async () => {
      const store = await bench.open();
      await store.recordEvent({ kind: 'one', user: ada, clientId: 'c', grantId: 'g', detail: { n: 1 } }, here);
      await store.recordEvent({ kind: 'two' }, {});
      await store.recordEvent({ kind: 'three', user: bob }, here);
      await store.recordEvent({ kind: 'four', user: ada }, here);
      const [four, three] = await store.listEvents({ limit: 2 });
      expect([four?.kind, three?.kind]).toEqual(['four', 'three']);
      expect((await store.listEvents({ before: three?.id, limit: 5 })).map(({ kind }) => kind)).toEqual(['two', 'one']);
      const mine = await store.listEvents({ user: ada, limit: 5 });
      expect(mine.map(({ kind }) => kind)).toEqual(['four', 'one']);
      expect(mine[1]).toEqual({
        id: expect.any(Number),
        at: bench.clock.now(),
        kind: 'one',
        user: ada,
        clientId: 'c',
        grantId: 'g',
        detail: { n: 1 },
        ...here,
      });
    });

    it('keeps whatever text somebody sends, and goes on', async () => {
      const store = await bench.open();
      const display = { name: 'Ada\0 \ud800 “”', email: "a'); DROP TABLE users; --@example.com" };
      await store.putCredential({ user: ada, instance: 'i' }, { secret: 'a\0b', display }, { address: '\0', requestId: '?:now$1' });
      expect(await store.getCredential({ user: ada, instance: 'i' })).toMatchObject({ secret: 'a\0b' });
      expect((await store.findUsers(display.email))[0]?.email).toBe(display.email);
      expect(await store.listEvents({ limit: 1 })).toMatchObject([{ requestId: '?:now$1' }]);
    });

    it('P18: keeps the newest rows, and none older than 90 days', async () => {
      const store = await bench.open({ bounds: { auditRows: 50 } });
      for (let i = 0; i < 120; i += 1) await store.recordEvent({ kind: `k${i}` }, {});
      await sweepAll(store);
      const left = await store.listEvents({ limit: 200 });
      expect(left).toHaveLength(50);
      expect(left[0]?.kind).toBe('k119');
      bench.clock.advance(90 * day);
      await sweepAll(store);
      expect(await store.listEvents({ limit: 200 })).toEqual([]);
    });
  });

  describe('upkeep', () => {
    const bench = new Bench(engine);

    it('P18: a year of sign-ins and refreshes leaves nothing behind when everybody has gone', async () => {
      const store = await bench.open();
      for (let i = 0; i < 10; i += 1) {
        await store.registerClient({ clientId: `client-${i}`, metadata: { i } });
        const { refreshToken } = await connect(store, { user: { ...ada, subject: `u${i}` }, providerRefreshToken: 'p' });
        await rotated(store, await rotated(store, refreshToken));
        await begin(store);
        await store.count(`k${i}`, { limit: 5, windowMs: minute });
        await store.consumeOnce(`k${i}`, minute);
      }
      bench.clock.advance(401 * day);
      expect(await sweepAll(store)).toBeGreaterThan(10);
      expect(await sweepAll(store)).toBe(0);
      expect(await store.listUsers({ limit: 5 })).toEqual([]);
      expect(await store.findClient('client-1')).toBeUndefined();
      expect(await store.listEvents({ limit: 5 })).toEqual([]);
      expect(await store.keyUse()).toEqual([]);
    });

    it('sweeps at most so many of each kind at once, and never what lives', async () => {
      const store = await bench.open();
      const held = await connect(store, { providerRefreshToken: 'p' });
      await store.putCredential({ user: bob, instance: 'i' }, { secret: 's' }, here);
      for (let i = 0; i < 25; i += 1) await begin(store);
      bench.clock.advance(10 * minute);
      expect(await store.sweep(10)).toEqual({ removed: 10, more: true });
      expect(await sweepAll(store)).toBe(16);
      expect(await refresh(store, held.refreshToken)).toMatchObject({ outcome: 'rotated' });
      bench.clock.advance(500 * day);
      await sweepAll(store);
      expect(await store.getCredential({ user: bob, instance: 'i' })).toMatchObject({ secret: 's' });
    });

    it('keeps a grant that ends soon, and for a day what one that is over ended by', async () => {
      const store = await bench.open();
      const soon = await connect(store, { endsWithinMs: 60 * minute });
      const over = await connect(store);
      await store.revokeGrant(ada, over.grant.id, 'user_revoked', here);
      await sweepAll(store);
      expect(await refresh(store, soon.refreshToken)).toMatchObject({ outcome: 'rotated' });
      bench.clock.advance(day - 1);
      await sweepAll(store);
      expect(await refresh(store, over.refreshToken)).toEqual({ outcome: 'grant_over', reason: 'user_revoked' });
      bench.clock.advance(1);
      await sweepAll(store);
      expect(await refresh(store, over.refreshToken)).toEqual({ outcome: 'unknown' });
    });

    it('tells the time, that it can serve, and that it is closed', async () => {
      const store = await bench.open();
      expect(await store.now()).toBe(bench.clock.now());
      await store.check();
      await store.close();
      await store.close();
      await expect(store.check()).rejects.toMatchObject({ code: 'unavailable' });
      await expect(store.findAccess(secret('at'))).rejects.toMatchObject({ code: 'unavailable' });
    });
  });

  describe('encryption keys', () => {
    const bench = new Bench(engine);
    const [k1, k2] = [generateKey(), generateKey()];
    const old = parseKeyring({ ENCRYPTION_KEY: k1 });
    const both = parseKeyring({ ENCRYPTION_KEYS: `k2:${k2},k1:${k1}` });
    const next = parseKeyring({ ENCRYPTION_KEYS: `k2:${k2}` });
    const instance = 'https://kestra.example.com';

    it('P15: a new key is added, everything sealed anew, the old one taken out; every secret survives', async () => {
      const first = await bench.open({ keyring: old });
      const held = await connect(first, { providerRefreshToken: 'provider-1' });
      for (let i = 0; i < 5; i += 1) {
        const key = { user: { ...ada, subject: `u${i}` }, instance };
        await first.putCredential(key, { secret: `secret ${i}` }, here);
        await first.importCredential(key, { secret: `old ${i}` }, here);
      }
      const successor = await rotated(first, held.refreshToken);
      await first.close();
      const second = await bench.open({ keyring: both });
      expect(await second.getCredential({ user: { ...ada, subject: 'u0' }, instance })).toMatchObject({ secret: 'secret 0' });
      expect(await second.keyUse()).toMatchObject([{ name: 'k1', rows: 11 }]);
      expect(await second.reseal(4)).toEqual({ resealed: 4, more: true, unreadable: 0 });
      while ((await second.reseal(4)).more);
      expect(await second.keyUse()).toMatchObject([{ name: 'k2', rows: 11 }]);
      expect(await second.reseal(4)).toEqual({ resealed: 0, more: false, unreadable: 0 });
      await second.close();
      const third = await bench.open({ keyring: next });
      for (let i = 0; i < 5; i += 1) {
        const key = { user: { ...ada, subject: `u${i}` }, instance };
        expect(await third.getCredential(key)).toMatchObject({ secret: `secret ${i}` });
      }
      expect(await refresh(third, held.refreshToken)).toMatchObject({ outcome: 'replay', answer: { refreshToken: successor } });
      bench.clock.advance(5 * minute);
      const start = await third.beginRefresh(
        { refreshToken: successor, clientId: 'client-1' },
        { owner: 'o', claimsFreshMs: 5 * minute },
        here,
      );
      expect(start).toMatchObject({ outcome: 'ask', providerRefreshToken: 'provider-1' });
    });

    it('A47, P15: a key that still seals something cannot be taken out; nothing is overwritten', async () => {
      const first = await bench.open({ keyring: old });
      await first.putCredential({ user: ada, instance }, { secret: 's' }, here);
      await first.close();
      await expect(bench.open({ keyring: next })).rejects.toMatchObject({
        code: 'misconfigured',
        message: /1 stored secret.*rotate-keys/s,
      });
      const again = await bench.open({ keyring: old });
      expect(await again.getCredential({ user: ada, instance })).toMatchObject({ secret: 's' });
    });

    it('another key is fine as long as nothing is sealed', async () => {
      await (await bench.open({ keyring })).close();
      await (await bench.open({ keyring: next })).check();
    });
  });
};
