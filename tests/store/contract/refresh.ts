import { describe, expect, it } from 'vitest';
import { Bench } from './bench.ts';
import { ada, connect, day, type Engine, here, isLive, kinds, minute, refresh, rotated, second, secret, sweepAll } from './story.ts';

export const refreshContract = (engine: Engine) =>
  describe('refresh', () => {
    const bench = new Bench(engine);
    const answerOf = (rotation: Awaited<ReturnType<typeof refresh>>) => ('answer' in rotation ? rotation.answer : undefined);

    it('rotates: the new pair works, the scope is the same', async () => {
      const store = await bench.open();
      const { refreshToken, grant } = await connect(store);
      const rotation = await refresh(store, refreshToken);
      expect(rotation).toMatchObject({
        outcome: 'rotated',
        grant: { id: grant.id },
        answer: { expiresInSeconds: 900, scopes: grant.scopes },
      });
      const answer = answerOf(rotation);
      expect(answer && (await isLive(store, answer))).toBe(true);
      expect(await refresh(store, answer?.refreshToken ?? '')).toMatchObject({ outcome: 'rotated' });
    });

    it('P05, A19: 20 parallel refreshes give one pair, and everybody gets it', async () => {
      const store = await bench.open();
      const { refreshToken } = await connect(store);
      const all = await Promise.all(Array.from({ length: 20 }, () => refresh(store, refreshToken)));
      expect(all.filter(({ outcome }) => outcome === 'rotated')).toHaveLength(1);
      expect(all.filter(({ outcome }) => outcome === 'replay')).toHaveLength(19);
      expect(new Set(all.map((one) => JSON.stringify(answerOf(one)))).size).toBe(1);
    });

    it('P03: a lost answer can be had again for 30 seconds, byte for byte, after a restart too, and is audited', async () => {
      const before = await bench.open();
      const { refreshToken } = await connect(before);
      const lost = answerOf(await refresh(before, refreshToken));
      await before.close();
      bench.clock.advance(30 * second - 1);
      const after = await bench.open();
      const replay = await refresh(after, refreshToken);
      expect(replay.outcome).toBe('replay');
      expect(JSON.stringify(answerOf(replay))).toBe(JSON.stringify(lost));
      const [event] = await after.listEvents({ limit: 1 });
      expect(event).toMatchObject({ kind: 'refresh_replayed', user: ada, ...here });
      expect(await refresh(after, lost?.refreshToken ?? '')).toMatchObject({ outcome: 'rotated' });
    });

    it('A19: after the window a used token kills the family', async () => {
      const store = await bench.open();
      const held = await connect(store);
      const successor = await rotated(store, held.refreshToken);
      bench.clock.advance(30 * second);
      expect(await refresh(store, held.refreshToken)).toEqual({ outcome: 'reused', grantId: held.grant.id, user: ada });
      expect(await isLive(store, held)).toBe(false);
      expect(await refresh(store, successor)).toEqual({ outcome: 'grant_over', reason: 'refresh_reused' });
      expect((await kinds(store)).filter((kind) => kind === 'refresh_reused')).toHaveLength(1);
    });

    it('A19: once the successor is used a used token kills the family, inside the window too', async () => {
      const store = await bench.open();
      const held = await connect(store);
      const next = await rotated(store, await rotated(store, held.refreshToken));
      expect(await refresh(store, held.refreshToken)).toMatchObject({ outcome: 'reused' });
      expect(await refresh(store, next)).toMatchObject({ outcome: 'grant_over' });
    });

    it.each([
      ['another client', { clientId: 'client-2' }],
      ['fewer scopes', { scopes: ['kestra.read'] }],
      ['another resource', { resource: 'https://mcp.example.com/mcp-other' }],
    ])('A19: a replay with %s kills the family', async (_, change) => {
      const store = await bench.open();
      const held = await connect(store);
      const successor = await rotated(store, held.refreshToken);
      expect(await refresh(store, held.refreshToken, change)).toMatchObject({ outcome: 'reused' });
      expect(await refresh(store, successor)).toMatchObject({ outcome: 'grant_over' });
    });

    it('A19: a window of 0 seconds gives no replay', async () => {
      const store = await bench.open({ lifetimes: { replayMs: 0 } });
      const held = await connect(store);
      await refresh(store, held.refreshToken);
      expect(await refresh(store, held.refreshToken)).toMatchObject({ outcome: 'reused' });
    });

    it('a replay that spells out what the first one left out is the same request', async () => {
      const store = await bench.open();
      const { refreshToken, grant } = await connect(store);
      await refresh(store, refreshToken);
      const spelled = { scopes: [...grant.scopes].reverse(), resource: grant.resource };
      expect(await refresh(store, refreshToken, spelled)).toMatchObject({ outcome: 'replay' });
    });

    it('a replay asks for what the first one asked for: narrowed is not all', async () => {
      const store = await bench.open();
      const { refreshToken } = await connect(store);
      const narrow = await refresh(store, refreshToken, { scopes: ['kestra.read'] });
      expect(await refresh(store, refreshToken, { scopes: ['kestra.read'] })).toMatchObject({
        outcome: 'replay',
        answer: answerOf(narrow),
      });
      expect(await refresh(store, refreshToken)).toMatchObject({ outcome: 'reused' });
    });

    it('A20, A21: another client, wider scopes or another resource consume nothing of an unused token', async () => {
      const store = await bench.open();
      const { refreshToken } = await connect(store);
      expect(await refresh(store, refreshToken, { clientId: 'client-2' })).toEqual({ outcome: 'other_client' });
      expect(await refresh(store, refreshToken, { scopes: ['kestra.read', 'kestra.write'] })).toEqual({ outcome: 'scope_exceeded' });
      expect(await refresh(store, refreshToken, { resource: 'https://other' })).toEqual({ outcome: 'resource_mismatch' });
      expect(await refresh(store, refreshToken)).toMatchObject({ outcome: 'rotated' });
    });

    it('R73: narrowed scopes are the access token’s alone; the refresh token keeps those of the grant', async () => {
      const store = await bench.open();
      const { refreshToken, grant } = await connect(store);
      const narrow = answerOf(await refresh(store, refreshToken, { scopes: ['kestra.read'] }));
      expect(narrow?.scopes).toEqual(['kestra.read']);
      expect(narrow && (await store.findAccess(narrow.accessToken))?.scopes).toEqual(['kestra.read']);
      expect(answerOf(await refresh(store, narrow?.refreshToken ?? ''))?.scopes).toEqual(grant.scopes);
    });

    it('an unused token ends after 30 idle days, the grant after 90 whatever is refreshed', async () => {
      const store = await bench.open();
      const idle = await connect(store);
      const busy = await connect(store);
      let token = busy.refreshToken;
      bench.clock.advance(29 * day);
      token = await rotated(store, token);
      bench.clock.advance(1 * day);
      expect(await refresh(store, idle.refreshToken)).toEqual({ outcome: 'expired' });
      bench.clock.advance(28 * day);
      token = await rotated(store, token);
      bench.clock.advance(28 * day);
      token = await rotated(store, token);
      bench.clock.advance(4 * day - minute);
      const last = answerOf(await refresh(store, token));
      expect(last?.expiresInSeconds).toBe(60);
      bench.clock.advance(minute);
      expect(await refresh(store, last?.refreshToken ?? '')).toEqual({ outcome: 'grant_over', reason: 'expired' });
    });

    it('a used token is recognised until its own idle expiry, through every sweep', async () => {
      const store = await bench.open();
      const held = await connect(store);
      let token = await rotated(store, held.refreshToken);
      bench.clock.advance(20 * day);
      token = await rotated(store, token);
      bench.clock.advance(10 * day - 1);
      await sweepAll(store);
      expect(await refresh(store, held.refreshToken)).toMatchObject({ outcome: 'reused' });
      expect(await refresh(store, token)).toMatchObject({ outcome: 'grant_over' });
    });

    it('after its idle expiry a used token is nothing, and the family lives', async () => {
      const store = await bench.open();
      const held = await connect(store);
      let token = await rotated(store, held.refreshToken);
      bench.clock.advance(20 * day);
      token = await rotated(store, token);
      bench.clock.advance(10 * day);
      expect(await refresh(store, held.refreshToken)).toEqual({ outcome: 'expired' });
      await sweepAll(store);
      expect(await refresh(store, held.refreshToken)).toEqual({ outcome: 'unknown' });
      expect(await refresh(store, token)).toMatchObject({ outcome: 'rotated' });
    });

    it('P18: forgets the oldest used tokens of a client that refreshes without end', async () => {
      const store = await bench.open({ bounds: { generations: 10 } });
      const held = await connect(store);
      let token = held.refreshToken;
      for (let i = 0; i < 15; i += 1) token = await rotated(store, token);
      expect(await refresh(store, held.refreshToken)).toEqual({ outcome: 'unknown' });
      expect(await refresh(store, token)).toMatchObject({ outcome: 'rotated' });
    });

    it('knows no made-up token, no access token, and none of a revoked grant', async () => {
      const store = await bench.open();
      const held = await connect(store);
      for (const token of [secret('rt'), '', held.accessToken]) expect(await refresh(store, token)).toEqual({ outcome: 'unknown' });
      await store.revokeGrant(ada, held.grant.id, 'user_revoked', here);
      expect(await refresh(store, held.refreshToken)).toEqual({ outcome: 'grant_over', reason: 'user_revoked' });
    });
  });
