import { describe, expect, it } from 'vitest';
import type { Store } from '../../../src/store/store.ts';
import { Bench } from './bench.ts';
import { ada, bob, type Engine, here, minute, secret, sweepAll, take } from './story.ts';

export const accountContract = (engine: Engine) =>
  describe('account sessions', () => {
    const bench = new Bench(engine);
    const start = async (store: Store, user = ada, change = {}) => {
      const session = secret('session');
      const signInId = await take(store, { kind: 'account', returnTo: '/account' });
      const begun = { signInId, user, display: { name: 'Ada L.' }, claims: { roles: ['x'] }, session, ...change };
      expect(await store.startAccountSession(begun, here)).toBe(true);
      return session;
    };

    it('says who it is, and when they last proved it', async () => {
      const store = await bench.open();
      const signedInAt = bench.clock.now();
      const session = await start(store, ada, { idToken: 'id-token' });
      bench.clock.advance(minute);
      expect(await store.useAccountSession(session)).toEqual({
        user: ada,
        display: { name: 'Ada L.' },
        claims: { roles: ['x'] },
        signedInAt,
        idToken: 'id-token',
      });
      expect(await store.useAccountSession(secret('session'))).toBeUndefined();
    });

    it('ends after 15 idle minutes, and after 8 hours however busy', async () => {
      const store = await bench.open();
      const [idle, busy] = [await start(store), await start(store)];
      bench.clock.advance(15 * minute - 1);
      expect(await store.useAccountSession(busy)).toBeDefined();
      bench.clock.advance(1);
      expect(await store.useAccountSession(idle)).toBeUndefined();
      for (let passed = 15; passed < 8 * 60; passed += 10) {
        expect(await store.useAccountSession(busy)).toBeDefined();
        bench.clock.advance(10 * minute);
      }
      expect(await store.useAccountSession(busy)).toBeUndefined();
    });

    it('one sign-in gives one session, and a new one ends the one it replaces', async () => {
      const store = await bench.open();
      const old = await start(store);
      const next = await start(store, ada, { replaces: old });
      expect(await store.useAccountSession(old)).toBeUndefined();
      expect(await store.useAccountSession(next)).toBeDefined();
      const signInId = await take(store, { kind: 'account', returnTo: '/' });
      const raced = await Promise.all(
        Array.from({ length: 10 }, () =>
          store.startAccountSession({ signInId, user: ada, display: {}, claims: {}, session: secret('s') }, here),
        ),
      );
      expect(raced.filter(Boolean)).toHaveLength(1);
    });

    it('signs out here and everywhere, the user alone', async () => {
      const store = await bench.open();
      const [one, two, three, other] = [await start(store), await start(store), await start(store), await start(store, bob)];
      await store.endAccountSession(one);
      expect(await store.useAccountSession(one)).toBeUndefined();
      expect(await store.useAccountSession(two)).toBeDefined();
      expect(await store.endAccountSessions(ada)).toBe(2);
      expect(await store.useAccountSession(three)).toBeUndefined();
      expect(await store.useAccountSession(other)).toBeDefined();
      expect(await store.endAccountSessions({ ...ada, subject: 'nobody' })).toBe(0);
    });

    it('P18: a user has no more sessions than the limit, the newest ones', async () => {
      const store = await bench.open({ bounds: { accountSessionsPerUser: 3 } });
      const all: string[] = [];
      for (let i = 0; i < 5; i += 1) {
        all.push(await start(store));
        bench.clock.advance(1);
      }
      const live = await Promise.all(all.map((session) => store.useAccountSession(session)));
      expect(live.map(Boolean)).toEqual([false, false, true, true, true]);
      bench.clock.advance(8 * 60 * minute);
      expect(await sweepAll(store)).toBeGreaterThanOrEqual(3);
    });
  });
