import { describe, expect, it } from 'vitest';
import { Bench } from './bench.ts';
import {
  ada,
  connect,
  day,
  type Engine,
  here,
  isLive,
  kinds,
  minute,
  refresh,
  second,
  secret,
  sha256url,
  signIn,
  tokens,
} from './story.ts';

export const codesContract = (engine: Engine) =>
  describe('codes and access tokens', () => {
    const bench = new Bench(engine);
    const redemption = (signedIn: Awaited<ReturnType<typeof signIn>>) => {
      const { code, clientId, redirectUri, challenge } = signedIn;
      return { code, clientId, redirectUri, challenge, tokens: tokens() };
    };

    it('R47: redeems a code for tokens that work', async () => {
      const store = await bench.open();
      const request = redemption(await signIn(store));
      const redeemed = await store.redeemCode(request, here);
      expect(redeemed).toMatchObject({
        outcome: 'redeemed',
        answer: { ...request.tokens, expiresInSeconds: 900, scopes: ['kestra.read', 'kestra.execute'] },
        grant: { user: ada, claims: { roles: ['kestra-editor'] }, client: { client_name: 'Assistant' }, refreshable: true },
      });
      expect(await store.findAccess(request.tokens.accessToken)).toMatchObject({
        scopes: ['kestra.read', 'kestra.execute'],
        expiresAt: bench.clock.now() + 15 * minute,
        grant: { user: ada, display: { name: 'Ada L.', email: 'Ada@example.com' }, resource: 'https://mcp.example.com/mcp' },
      });
      expect(await refresh(store, request.tokens.refreshToken)).toMatchObject({ outcome: 'rotated' });
    });

    it('issues no refresh token to a client that did not register the grant', async () => {
      const store = await bench.open();
      const request = redemption(await signIn(store, { request: { refreshable: false } }));
      const redeemed = await store.redeemCode(request, here);
      expect(redeemed.outcome === 'redeemed' && redeemed.answer.refreshToken).toBeUndefined();
      expect(await refresh(store, request.tokens.refreshToken)).toEqual({ outcome: 'unknown' });
    });

    it('P05: 20 parallel exchanges of one code have one winner; the second right use revokes what the first one got', async () => {
      const store = await bench.open();
      const signedIn = await signIn(store);
      const all = await Promise.all(Array.from({ length: 20 }, () => store.redeemCode(redemption(signedIn), here)));
      expect(all.filter(({ outcome }) => outcome === 'redeemed')).toHaveLength(1);
      expect(all.filter(({ outcome }) => outcome === 'reused')).toHaveLength(1);
      expect(all.filter(({ outcome }) => outcome === 'grant_over')).toHaveLength(18);
      const [winner] = all.flatMap((one) => (one.outcome === 'redeemed' ? [one.answer] : []));
      expect(winner && (await isLive(store, winner))).toBe(false);
      expect(winner && (await refresh(store, winner.refreshToken ?? ''))).toEqual({ outcome: 'grant_over', reason: 'code_reused' });
      expect((await kinds(store)).filter((kind) => kind === 'code_reused')).toHaveLength(1);
    });

    it('A07: a reused code is recognised long after it has expired', async () => {
      const store = await bench.open();
      const signedIn = await signIn(store);
      const first = redemption(signedIn);
      await store.redeemCode(first, here);
      bench.clock.advance(5 * day);
      expect(await store.redeemCode(redemption(signedIn), here)).toMatchObject({
        outcome: 'reused',
        grantId: signedIn.grant.id,
        user: ada,
      });
      expect(await refresh(store, first.tokens.refreshToken)).toMatchObject({ outcome: 'grant_over' });
    });

    it('A07: without the right client, redirect and verifier a second use does nothing to the grant', async () => {
      const store = await bench.open();
      const signedIn = await signIn(store);
      const first = redemption(signedIn);
      await store.redeemCode(first, here);
      const wrong = { ...redemption(signedIn), challenge: sha256url('guess') };
      for (let i = 0; i < 7; i += 1) expect(await store.redeemCode(wrong, here)).toEqual({ outcome: 'wrong_verifier', dead: false });
      expect(await store.redeemCode({ ...redemption(signedIn), clientId: 'client-2' }, here)).toEqual({ outcome: 'other_client' });
      expect(await store.redeemCode({ ...redemption(signedIn), redirectUri: 'https://x' }, here)).toEqual({ outcome: 'redirect_mismatch' });
      expect(await isLive(store, first.tokens)).toBe(true);
      expect(await store.redeemCode({ ...redemption(signedIn), resource: 'https://other' }, here)).toMatchObject({ outcome: 'reused' });
    });

    it('A07, A18, R67: another client, redirect or resource consumes nothing, however often', async () => {
      const store = await bench.open();
      const signedIn = await signIn(store);
      const right = redemption(signedIn);
      for (let i = 0; i < 6; i += 1) {
        expect(await store.redeemCode({ ...right, clientId: 'client-2' }, here)).toEqual({ outcome: 'other_client' });
        expect(await store.redeemCode({ ...right, redirectUri: `${right.redirectUri}/` }, here)).toEqual({ outcome: 'redirect_mismatch' });
        expect(await store.redeemCode({ ...right, resource: 'https://mcp.example.com/mcp-other' }, here)).toEqual({
          outcome: 'resource_mismatch',
        });
      }
      expect(await store.redeemCode(right, here)).toMatchObject({ outcome: 'redeemed' });
    });

    it('a redirect that is left out, and the resource spelled out, are fine', async () => {
      const store = await bench.open();
      const { redirectUri: _, ...right } = redemption(await signIn(store));
      expect(await store.redeemCode({ ...right, resource: 'https://mcp.example.com/mcp' }, here)).toMatchObject({ outcome: 'redeemed' });
    });

    it('A06: four failed guesses leave the code alive, the fifth kills it', async () => {
      const store = await bench.open();
      const [lucky, dead] = [await signIn(store), await signIn(store)];
      const guess = (signedIn: typeof dead) => store.redeemCode({ ...redemption(signedIn), challenge: sha256url('guess') }, here);
      for (let i = 0; i < 4; i += 1) {
        expect(await guess(lucky)).toEqual({ outcome: 'wrong_verifier', dead: false });
        expect(await guess(dead)).toEqual({ outcome: 'wrong_verifier', dead: false });
      }
      expect(await store.redeemCode(redemption(lucky), here)).toMatchObject({ outcome: 'redeemed' });
      expect(await guess(dead)).toEqual({ outcome: 'wrong_verifier', dead: true });
      expect(await store.redeemCode(redemption(dead), here)).toEqual({ outcome: 'unknown' });
    });

    it('A06: parallel guesses are counted, too', async () => {
      const store = await bench.open();
      const signedIn = await signIn(store);
      const guesses = Array.from({ length: 10 }, () => store.redeemCode({ ...redemption(signedIn), challenge: sha256url('guess') }, here));
      const all = await Promise.all(guesses);
      expect(all.filter((one) => one.outcome === 'wrong_verifier')).toHaveLength(5);
      expect(await store.redeemCode(redemption(signedIn), here)).toEqual({ outcome: 'unknown' });
    });

    it('R47: a code lives 60 seconds, not one millisecond more', async () => {
      const store = await bench.open();
      const [early, late] = [await signIn(store), await signIn(store)];
      bench.clock.advance(60 * second - 1);
      expect(await store.redeemCode(redemption(early), here)).toMatchObject({ outcome: 'redeemed' });
      bench.clock.advance(1);
      expect(await store.redeemCode(redemption(late), here)).toEqual({ outcome: 'expired' });
    });

    it('A07: a made-up code hurts nobody', async () => {
      const store = await bench.open();
      const held = await connect(store);
      const made = { code: secret('code'), clientId: 'client-1', challenge: sha256url('v'), tokens: tokens() };
      expect(await store.redeemCode(made, here)).toEqual({ outcome: 'unknown' });
      expect(await isLive(store, held)).toBe(true);
    });

    it('a code of a grant that was revoked meanwhile gives nothing', async () => {
      const store = await bench.open();
      const signedIn = await signIn(store);
      await store.revokeUser(ada, 'administrator_revoked', here);
      expect(await store.redeemCode(redemption(signedIn), here)).toEqual({ outcome: 'grant_over', reason: 'administrator_revoked' });
    });

    it('an access token lives 15 minutes, and no longer than the grant', async () => {
      const store = await bench.open();
      const long = await connect(store);
      const short = await connect(store, { endsWithinMs: 5 * minute });
      expect(short.grant.endsAt).toBe(bench.clock.now() + 5 * minute);
      bench.clock.advance(5 * minute);
      expect(await isLive(store, short)).toBe(false);
      expect(await refresh(store, short.refreshToken)).toEqual({ outcome: 'grant_over', reason: 'expired' });
      bench.clock.advance(10 * minute - 1);
      expect(await isLive(store, long)).toBe(true);
      bench.clock.advance(1);
      expect(await isLive(store, long)).toBe(false);
    });

    it('P01: codes and tokens outlive a restart', async () => {
      const before = await bench.open();
      const held = await connect(before);
      const signedIn = await signIn(before);
      await before.close();
      const after = await bench.open();
      expect(await isLive(after, held)).toBe(true);
      expect(await after.redeemCode(redemption(signedIn), here)).toMatchObject({ outcome: 'redeemed' });
      expect(await refresh(after, held.refreshToken)).toMatchObject({ outcome: 'rotated' });
    });

    it('a refresh token, a code and nothing at all are no access tokens', async () => {
      const store = await bench.open();
      const { refreshToken } = await connect(store);
      const { code } = await signIn(store);
      for (const token of [refreshToken, code, '', secret('at')]) expect(await store.findAccess(token)).toBeUndefined();
    });
  });
