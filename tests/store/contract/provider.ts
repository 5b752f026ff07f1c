import { describe, expect, it } from 'vitest';
import type { Store } from '../../../src/store/store.ts';
import { Bench } from './bench.ts';
import { ada, connect, type Engine, here, kinds, minute, refresh, second, secret } from './story.ts';

export const providerContract = (engine: Engine) =>
  describe('asking the provider at a refresh', () => {
    const bench = new Bench(engine);
    const fresh = 5 * minute;
    const beginRefresh = (store: Store, refreshToken: string, owner = secret('owner'), change = {}) =>
      store.beginRefresh({ refreshToken, clientId: 'client-1', ...change }, { owner, claimsFreshMs: fresh }, here);
    const asking = async (store: Store, refreshToken: string, owner?: string) => {
      const start = await beginRefresh(store, refreshToken, owner);
      if (start.outcome !== 'ask') throw new Error(start.outcome);
      return start;
    };
    const held = async (store: Store) => {
      const connected = await connect(store, { providerRefreshToken: 'provider-1' });
      bench.clock.advance(fresh);
      return connected;
    };

    it('does not ask while the claims are young, nor without a token of the provider', async () => {
      const store = await bench.open();
      const young = await connect(store, { providerRefreshToken: 'provider-1' });
      bench.clock.advance(fresh - 1);
      expect(await beginRefresh(store, young.refreshToken)).toMatchObject({ outcome: 'rotate', grant: { renewable: true } });
      bench.clock.advance(1);
      expect(await beginRefresh(store, young.refreshToken)).toMatchObject({ outcome: 'ask' });
      const without = await connect(store);
      bench.clock.advance(fresh);
      expect(await beginRefresh(store, without.refreshToken)).toMatchObject({ outcome: 'rotate', grant: { renewable: false } });
    });

    it('one asks, the others wait; then they get the same answer', async () => {
      const store = await bench.open();
      const { refreshToken } = await held(store);
      const starts = await Promise.all(Array.from({ length: 10 }, () => beginRefresh(store, refreshToken)));
      expect(starts.filter(({ outcome }) => outcome === 'wait')).toHaveLength(9);
      const [ask] = starts.flatMap((start) => (start.outcome === 'ask' ? [start] : []));
      expect(ask?.providerRefreshToken).toBe('provider-1');
      if (!ask) return;
      expect(await store.commitProviderAnswer(ask.lease, { refreshToken: 'provider-2', claims: { roles: ['kestra-viewer'] } })).toBe(true);
      const rotation = await refresh(store, refreshToken);
      expect(rotation).toMatchObject({ outcome: 'rotated', grant: { claims: { roles: ['kestra-viewer'] } } });
      const late = await beginRefresh(store, refreshToken);
      expect(late).toMatchObject({ outcome: 'replay', answer: 'answer' in rotation ? rotation.answer : undefined });
    });

    it('consumes nothing, and refuses what rotateRefresh refuses', async () => {
      const store = await bench.open();
      const { refreshToken, grant } = await held(store);
      expect(await beginRefresh(store, refreshToken, 'o', { clientId: 'client-2' })).toEqual({ outcome: 'other_client' });
      expect(await beginRefresh(store, refreshToken, 'o', { scopes: ['kestra.write'] })).toEqual({ outcome: 'scope_exceeded' });
      expect(await beginRefresh(store, refreshToken, 'o', { resource: 'https://other' })).toEqual({ outcome: 'resource_mismatch' });
      expect(await beginRefresh(store, secret('rt'))).toEqual({ outcome: 'unknown' });
      const ask = await asking(store, refreshToken);
      await store.leaveProvider(ask.lease, false);
      expect(await refresh(store, refreshToken)).toMatchObject({ outcome: 'rotated' });
      bench.clock.advance(30 * second);
      expect(await beginRefresh(store, refreshToken)).toEqual({ outcome: 'reused', grantId: grant.id, user: ada });
    });

    it('keeps the new token and claims for the next time, after a restart too', async () => {
      const before = await bench.open();
      const { refreshToken, grant } = await held(before);
      const { lease } = await asking(before, refreshToken);
      const checkedAt = bench.clock.now();
      await before.commitProviderAnswer(lease, { refreshToken: 'provider-2', claims: { roles: [] }, display: { name: 'Ada Byron' } });
      await before.close();
      const after = await bench.open();
      const start = await beginRefresh(after, refreshToken);
      expect(start).toMatchObject({
        outcome: 'rotate',
        grant: {
          id: grant.id,
          claims: { roles: [] },
          claimsCheckedAt: checkedAt,
          display: { name: 'Ada Byron', email: 'Ada@example.com' },
        },
      });
      bench.clock.advance(fresh);
      expect((await asking(after, refreshToken)).providerRefreshToken).toBe('provider-2');
    });

    it('an answer without claims confirms the session, not the roles; without a token the old one stays', async () => {
      const store = await bench.open();
      const { refreshToken, grant } = await held(store);
      const { lease } = await asking(store, refreshToken);
      await store.commitProviderAnswer(lease, {});
      const again = await asking(store, refreshToken);
      expect(again.providerRefreshToken).toBe('provider-1');
      expect(again.grant).toMatchObject({
        claims: grant.claims,
        claimsCheckedAt: grant.claimsCheckedAt,
        providerCheckedAt: bench.clock.now(),
      });
    });

    it('a lease ends by itself after 8 seconds; the same owner may ask again at once', async () => {
      const store = await bench.open();
      const { refreshToken } = await held(store);
      await asking(store, refreshToken, 'dead');
      await asking(store, refreshToken, 'dead');
      bench.clock.advance(8 * second - 1);
      expect(await beginRefresh(store, refreshToken)).toEqual({ outcome: 'wait', retryAfterMs: 1 });
      bench.clock.advance(1);
      expect(await beginRefresh(store, refreshToken)).toMatchObject({ outcome: 'ask' });
    });

    it('never says to wait longer than 200 ms before looking again', async () => {
      const store = await bench.open();
      const { refreshToken } = await held(store);
      await asking(store, refreshToken);
      expect(await beginRefresh(store, refreshToken)).toEqual({ outcome: 'wait', retryAfterMs: 200 });
    });

    it('an answer that comes after the deadline is kept; the one that overtook it is told to begin again', async () => {
      const store = await bench.open();
      const { refreshToken } = await held(store);
      const slow = await asking(store, refreshToken);
      bench.clock.advance(8 * second);
      const quick = await asking(store, refreshToken);
      expect(await store.commitProviderAnswer(slow.lease, { refreshToken: 'provider-2', claims: {} })).toBe(true);
      expect(await store.providerRefused(quick.lease, here)).toBeUndefined();
      expect(await store.commitProviderAnswer(quick.lease, { refreshToken: 'provider-stale' })).toBe(false);
      bench.clock.advance(fresh);
      expect((await asking(store, refreshToken)).providerRefreshToken).toBe('provider-2');
    });

    it('A22: invalid_grant of the provider ends the grant', async () => {
      const store = await bench.open();
      const { refreshToken, accessToken } = await held(store);
      const { lease } = await asking(store, refreshToken);
      expect(await store.providerRefused(lease, here)).toBe('provider_refused');
      expect(await store.findAccess(accessToken)).toBeUndefined();
      expect(await beginRefresh(store, refreshToken)).toEqual({ outcome: 'grant_over', reason: 'provider_refused' });
      expect(await kinds(store)).toContain('provider_refused');
    });

    it.each([
      ['its asker vanished', async () => bench.clock.advance(8 * second)],
      [
        'the answer was lost on the way',
        async (store: Store, lease: Parameters<Store['leaveProvider']>[0]) => store.leaveProvider(lease, true),
      ],
    ])('P02’s one exception: if %s and the provider then refuses, the reason is provider_rotation_lost', async (_, vanish) => {
      const store = await bench.open();
      const { refreshToken } = await held(store);
      await vanish(store, (await asking(store, refreshToken, 'first')).lease);
      const { lease } = await asking(store, refreshToken, 'second');
      expect(await store.providerRefused(lease, here)).toBe('provider_rotation_lost');
      expect(await kinds(store)).toContain('provider_rotation_lost');
    });

    it('a provider that was never reached is no lost rotation, and one that answered since is none either', async () => {
      const store = await bench.open();
      const { refreshToken } = await held(store);
      await store.leaveProvider((await asking(store, refreshToken)).lease, true);
      await store.commitProviderAnswer((await asking(store, refreshToken)).lease, {});
      await store.leaveProvider((await asking(store, refreshToken)).lease, false);
      expect(await store.providerRefused((await asking(store, refreshToken)).lease, here)).toBe('provider_refused');
    });

    it('an answer for a grant that was revoked meanwhile is dropped', async () => {
      const store = await bench.open();
      const { refreshToken, grant } = await held(store);
      const { lease } = await asking(store, refreshToken);
      await store.revokeGrant(ada, grant.id, 'user_revoked', here);
      expect(await store.commitProviderAnswer(lease, { refreshToken: 'provider-2' })).toBe(false);
      expect(await store.providerRefused(lease, here)).toBeUndefined();
      expect(await store.keyUse()).toEqual([]);
    });
  });
