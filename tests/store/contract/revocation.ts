import { describe, expect, it } from 'vitest';
import { Bench } from './bench.ts';
import { ada, bob, connect, day, type Engine, here, isLive, kinds, minute, refresh, rotated, secret, signIn, take } from './story.ts';

export const revocationContract = (engine: Engine) =>
  describe('revocation', () => {
    const bench = new Bench(engine);

    it('R75: a refresh token, used or not, ends its grant; an access token ends alone', async () => {
      const store = await bench.open();
      const [byAccess, byRefresh, byUsed] = [await connect(store), await connect(store), await connect(store)];
      expect(await store.revokeToken(byAccess.accessToken, 'client-1', here)).toEqual({ grantId: byAccess.grant.id, user: ada });
      expect(await isLive(store, byAccess)).toBe(false);
      expect(await refresh(store, byAccess.refreshToken)).toMatchObject({ outcome: 'rotated' });
      expect(await store.revokeToken(byRefresh.refreshToken, 'client-1', here)).toMatchObject({ grantId: byRefresh.grant.id });
      expect(await isLive(store, byRefresh)).toBe(false);
      expect(await refresh(store, byRefresh.refreshToken)).toEqual({ outcome: 'grant_over', reason: 'client_revoked' });
      const successor = await rotated(store, byUsed.refreshToken);
      await store.revokeToken(byUsed.refreshToken, 'client-1', here);
      expect(await refresh(store, successor)).toMatchObject({ outcome: 'grant_over' });
    });

    it('A20: another client revokes nothing, and garbage is nobody’s', async () => {
      const store = await bench.open();
      const held = await connect(store);
      for (const token of [held.accessToken, held.refreshToken]) expect(await store.revokeToken(token, 'client-2', here)).toBeUndefined();
      expect(await store.revokeToken(secret('at'), 'client-1', here)).toBeUndefined();
      expect(await isLive(store, held)).toBe(true);
      expect(await refresh(store, held.refreshToken)).toMatchObject({ outcome: 'rotated' });
    });

    it('A37: a grant is revoked by its own user alone', async () => {
      const store = await bench.open();
      const held = await connect(store);
      expect(await store.revokeGrant(bob, held.grant.id, 'user_revoked', here)).toBe(false);
      expect(await store.revokeGrant({ ...ada, issuer: 'https://other' }, held.grant.id, 'user_revoked', here)).toBe(false);
      expect(await isLive(store, held)).toBe(true);
      expect(await store.revokeGrant(ada, held.grant.id, 'user_revoked', here)).toBe(true);
      expect(await store.revokeGrant(ada, held.grant.id, 'user_revoked', here)).toBe(false);
      expect(await isLive(store, held)).toBe(false);
    });

    it('R76: what one process revokes is over for another one that has it open', async () => {
      const [one, two] = [await bench.open(), await bench.open()];
      const held = await connect(one);
      expect(await isLive(two, held)).toBe(true);
      await one.revokeGrant(ada, held.grant.id, 'user_revoked', here);
      expect(await isLive(two, held)).toBe(false);
    });

    it('A22: revoking a user ends every grant and account session of theirs, and nobody else’s', async () => {
      const store = await bench.open();
      const mine = [await connect(store), await connect(store, { request: { clientId: 'client-2' } })];
      const other = await connect(store, { user: bob });
      const session = secret('session');
      const signInId = await take(store, { kind: 'account', returnTo: '/account' });
      await store.startAccountSession({ signInId, user: ada, display: {}, claims: {}, session }, here);
      expect(await store.notBefore(ada)).toBeUndefined();
      expect(await store.revokeUser(ada, 'administrator_revoked', here)).toBe(2);
      expect(await Promise.all(mine.map((one) => isLive(store, one)))).toEqual([false, false]);
      expect(await store.useAccountSession(session)).toBeUndefined();
      expect(await store.notBefore(ada)).toBe(bench.clock.now());
      expect(await store.notBefore(bob)).toBeUndefined();
      expect(await isLive(store, other)).toBe(true);
      expect((await kinds(store)).filter((kind) => kind === 'grant_revoked')).toHaveLength(2);
      expect(await kinds(store)).toContain('user_revoked');
    });

    it('keeps a not-before for a user whom it has never seen', async () => {
      const store = await bench.open();
      expect(await store.revokeUser(bob, 'administrator_revoked', here)).toBe(0);
      expect(await store.notBefore(bob)).toBe(bench.clock.now());
    });

    it('forgets the provider’s token of a grant that is revoked', async () => {
      const store = await bench.open();
      const { grant } = await connect(store, { providerRefreshToken: 'provider-1' });
      expect(await store.keyUse()).toMatchObject([{ rows: 1 }]);
      await store.revokeGrant(ada, grant.id, 'user_revoked', here);
      expect(await store.keyUse()).toEqual([]);
    });

    it('lists the live grants of one user that were redeemed, the one used last first', async () => {
      const store = await bench.open();
      const first = await connect(store);
      bench.clock.advance(minute);
      const second = await connect(store, { request: { clientId: 'client-2' } });
      bench.clock.advance(minute);
      await rotated(store, first.refreshToken);
      await connect(store, { user: bob });
      await signIn(store);
      const ids = async () => (await store.listGrants(ada)).map(({ id }) => id);
      expect(await ids()).toEqual([first.grant.id, second.grant.id]);
      expect((await store.listGrants(ada))[0]).toMatchObject({ lastUsedAt: bench.clock.now(), clientId: 'client-1' });
      bench.clock.advance(30 * day - minute);
      expect(await ids()).toEqual([first.grant.id]);
      await store.revokeGrant(ada, first.grant.id, 'user_revoked', here);
      expect(await ids()).toEqual([]);
      expect(await store.listGrants({ ...ada, subject: 'nobody' })).toEqual([]);
    });
  });
