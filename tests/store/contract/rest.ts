import { describe, expect, it } from 'vitest';
import { Bench } from './bench.ts';
import { ada, begin, bob, connect, day, type Engine, here, rotated, secret, signIn, sweepAll, take } from './story.ts';

/** What lies in the database, seen past the store. */
export const restContract = (engine: Engine): void => {
  describe('what is at rest', () => {
    const bench = new Bench(engine);

    it('A47: no secret is in any of its bytes', async () => {
      const store = await bench.open();
      const canaries: string[] = [];
      const canary = (kind: string) => {
        canaries.push(secret(`CANARY-${kind}`));
        return canaries.at(-1) as string;
      };
      const signedIn = await signIn(store, { providerRefreshToken: canary('provider-1') });
      const tokens = { accessToken: canary('at'), refreshToken: canary('rt') };
      const { clientId, challenge } = signedIn;
      canaries.push(signedIn.code, signedIn.verifier);
      await store.redeemCode({ code: signedIn.code, clientId, challenge, tokens }, here);
      const next = { accessToken: canary('at'), refreshToken: canary('rt') };
      await store.rotateRefresh({ refreshToken: tokens.refreshToken, clientId }, next, here);
      const start = await store.beginRefresh({ refreshToken: next.refreshToken, clientId }, { owner: 'o', claimsFreshMs: 0 }, here);
      if (start.outcome !== 'ask') throw new Error(start.outcome);
      await store.commitProviderAnswer(start.lease, { refreshToken: canary('provider-2') });
      const { browser, state, nonce, verifier } = await begin(store);
      canaries.push(browser, state, nonce, verifier, 'client state');
      const key = { user: ada, instance: 'https://kestra.example.com' };
      await store.putCredential(key, { secret: canary('kestra') }, here);
      await store.importCredential(key, { secret: canary('imported') }, here);
      const session = canary('session');
      const account = { signInId: await take(store, { kind: 'account', returnTo: '/account' }), user: ada, display: {}, claims: {} };
      await store.startAccountSession({ ...account, session, idToken: canary('id-token') }, here);
      await store.count(canary('counter'), { limit: 5, windowMs: 1000 });
      await store.consumeOnce(canary('once'), 1000);
      const whileOpen = await bench.place.bytes();
      await store.close();
      const closed = await bench.place.bytes();
      expect(canaries.length).toBeGreaterThan(15);
      for (const files of [whileOpen, closed]) expect(canaries.filter((text) => files.some((file) => file.includes(text)))).toEqual([]);
      expect(closed.some((file) => file.includes('ada'))).toBe(true);
    });

    it('A37: a row that is moved to another user opens for neither', async () => {
      const store = await bench.open();
      const instance = 'https://kestra.example.com';
      for (const user of [ada, bob]) await store.putCredential({ user, instance }, { secret: `of ${user.subject}` }, here);
      const held = await connect(store, { providerRefreshToken: 'ada’s' });
      const other = await connect(store, { user: bob, providerRefreshToken: 'bob’s' });
      const swap = async (table: string, column: string, key: string) => {
        await bench.place.raw(`CREATE TABLE moved AS SELECT ${key} AS k, ${column} AS v FROM ${table}`);
        await bench.place.raw(`UPDATE ${table} SET ${column} = (SELECT v FROM moved WHERE k <> ${key}) WHERE ${column} IS NOT NULL`);
        await bench.place.raw('DROP TABLE moved');
      };
      await swap('credentials', 'sealed', 'user_id');
      await swap('grants', 'provider_token', 'id');
      for (const user of [ada, bob]) expect(await store.getCredential({ user, instance })).toEqual({ outcome: 'unreadable' });
      for (const { refreshToken } of [held, other]) {
        const start = await store.beginRefresh({ refreshToken, clientId: 'client-1' }, { owner: 'o', claimsFreshMs: 0 }, here);
        expect(start).toMatchObject({ outcome: 'rotate', grant: { renewable: false } });
      }
    });

    it('P03: the sealed answer is erased when its successor is used, when the window ends, and with the grant', async () => {
      const store = await bench.open();
      const answers = async () => Number((await bench.place.raw<{ n: number }>('SELECT count(answer) AS n FROM refresh_tokens'))[0]?.n);
      const held = await connect(store);
      const second = await rotated(store, held.refreshToken);
      await rotated(store, second);
      expect(await answers()).toBe(1);
      bench.clock.advance(30_000 - 1);
      await store.sweep(10);
      expect(await answers()).toBe(1);
      bench.clock.advance(1);
      await store.sweep(10);
      expect(await answers()).toBe(0);
      const other = await connect(store);
      await rotated(store, other.refreshToken);
      await store.revokeGrant(ada, other.grant.id, 'user_revoked', here);
      expect(await answers()).toBe(0);
    });

    it('P18: what is over leaves no row in any table', async () => {
      const store = await bench.open();
      await store.registerClient({ clientId: 'client-1', metadata: {} });
      const { refreshToken } = await connect(store, { providerRefreshToken: 'p' });
      await rotated(store, refreshToken);
      await signIn(store);
      const account = { signInId: await take(store, { kind: 'account', returnTo: '/' }), user: bob, display: {}, claims: {} };
      await store.startAccountSession({ ...account, session: secret('s') }, here);
      await store.count('k', { limit: 1, windowMs: 1 });
      await store.consumeOnce('v', 1);
      const tables = (await bench.place.tables()).filter((name) => name !== 'schema');
      const full = async () => {
        const rows = await Promise.all(tables.map((table) => bench.place.raw(`SELECT 1 AS one FROM ${table} LIMIT 1`)));
        return tables.filter((_, i) => (rows[i]?.length ?? 0) > 0);
      };
      expect((await full()).length).toBe(tables.length - 2);
      bench.clock.advance(401 * day);
      await sweepAll(store);
      expect(await full()).toEqual([]);
    });
  });
};
