import { describe, expect, it } from 'vitest';
import { Bench } from './bench.ts';
import { ada, begin, clientRequest, connect, type Engine, here, isLive, kinds, minute, secret, signIn, sweepAll, take } from './story.ts';

export const signInsContract = (engine: Engine) =>
  describe('sign-ins', () => {
    const bench = new Bench(engine);
    const complete = (signInId: string, user = ada) => ({ signInId, user, display: {}, claims: {}, code: secret('code') });

    it('gives back what was begun, once', async () => {
      const store = await bench.open();
      const request = clientRequest('v');
      const begun = await begin(store, request);
      const taken = await store.takeSignIn(begun);
      expect(taken).toEqual({ outcome: 'taken', id: begun.id, nonce: begun.nonce, verifier: begun.verifier, request });
      expect(await store.takeSignIn(begun)).toEqual({ outcome: 'used' });
    });

    it('keeps a request without state, and one of the account page', async () => {
      const store = await bench.open();
      const { state: _, ...request } = clientRequest('v');
      expect(await store.takeSignIn(await begin(store, request))).toMatchObject({ outcome: 'taken', request });
      const account = { kind: 'account', returnTo: '/account', expectedUser: ada } as const;
      const taken = await store.takeSignIn(await begin(store, account));
      expect(taken).toMatchObject({ outcome: 'taken', request: account });
    });

    it('begins a form that is sent twice once', async () => {
      const store = await bench.open();
      const begun = await begin(store);
      expect(await store.beginSignIn({ ...begun, state: secret('other'), browser: secret('other') })).toBe(false);
      expect(await store.takeSignIn(begun)).toMatchObject({ outcome: 'taken' });
      expect(await store.beginSignIn({ ...begun, state: secret('other') })).toBe(false);
    });

    it('A02: another browser, or none, consumes nothing', async () => {
      const store = await bench.open();
      const begun = await begin(store);
      const other = await begin(store);
      for (const browser of [undefined, '', secret('browser'), other.browser]) {
        expect(await store.takeSignIn({ state: begun.state, browser })).toEqual({ outcome: 'other_browser' });
      }
      expect(await store.takeSignIn(begun)).toMatchObject({ outcome: 'taken', id: begun.id });
    });

    it('A12: knows no made-up state, and none that is too old', async () => {
      const store = await bench.open();
      const begun = await begin(store);
      expect(await store.takeSignIn({ ...begun, state: secret('state') })).toEqual({ outcome: 'unknown' });
      bench.clock.advance(10 * minute);
      expect(await store.takeSignIn(begun)).toEqual({ outcome: 'expired' });
      await sweepAll(store);
      expect(await store.takeSignIn(begun)).toEqual({ outcome: 'unknown' });
    });

    it('A12: 20 parallel callbacks have one winner', async () => {
      const store = await bench.open();
      const begun = await begin(store);
      const all = await Promise.all(Array.from({ length: 20 }, () => store.takeSignIn(begun)));
      expect(all.filter(({ outcome }) => outcome === 'taken')).toHaveLength(1);
      expect(all.filter(({ outcome }) => outcome === 'used')).toHaveLength(19);
    });

    it('one approval gives one code, however often its last step is raced', async () => {
      const store = await bench.open();
      const id = await take(store);
      const all = await Promise.all(Array.from({ length: 20 }, () => store.completeSignIn(complete(id), here)));
      expect(all.filter(Boolean)).toHaveLength(1);
    });

    it('completes only what was taken, and only as what it was begun', async () => {
      const store = await bench.open();
      const { id } = await begin(store);
      expect(await store.completeSignIn(complete(id), here)).toBeUndefined();
      expect(await store.completeSignIn(complete(secret('id')), here)).toBeUndefined();
      const account = await take(store, { kind: 'account', returnTo: '/account' });
      expect(await store.completeSignIn(complete(account), here)).toBeUndefined();
      const client = await take(store);
      expect(await store.startAccountSession({ ...complete(client), session: secret('s') }, here)).toBe(false);
      expect(await store.completeSignIn(complete(client), here)).toBeDefined();
      expect(await store.startAccountSession({ ...complete(account), session: secret('s') }, here)).toBe(true);
    });

    it('leaves the exchange a minute when it was taken in its last second', async () => {
      const store = await bench.open();
      const begun = await begin(store);
      bench.clock.advance(10 * minute - 1);
      await store.takeSignIn(begun);
      bench.clock.advance(30_000);
      await sweepAll(store);
      expect(await store.completeSignIn(complete(begun.id), here)).toBeDefined();
    });

    it('a revocation between the answer of the provider and its completion wins', async () => {
      const store = await bench.open();
      const [first, second] = [await take(store), await take(store)];
      await store.revokeUser(ada, 'administrator_revoked', here);
      expect(await store.completeSignIn(complete(first), here)).toBeUndefined();
      expect(await store.completeSignIn(complete(second, { ...ada, subject: 'other' }), here)).toBeDefined();
      bench.clock.advance(1);
      expect(await store.completeSignIn(complete(await take(store)), here)).toBeDefined();
    });

    it('A28: 500 approvals that nobody finishes leave no more rows than the limit, and a newcomer gets through', async () => {
      const store = await bench.open({ bounds: { signIns: 25 } });
      const all = [];
      for (let i = 0; i < 500; i += 1) {
        all.push(await begin(store));
        bench.clock.advance(1);
      }
      const known = await Promise.all(all.map(({ state }) => store.takeSignIn({ state, browser: undefined })));
      expect(known.map(({ outcome }) => outcome !== 'unknown')).toEqual(all.map((_, i) => i >= 475));
      const last = all.at(-1);
      expect(last && (await store.takeSignIn(last))).toMatchObject({ outcome: 'taken' });
    });

    it('A28: a flood does not push out those who are back from the provider before those who are done', async () => {
      const store = await bench.open({ bounds: { signIns: 3 } });
      const mine = await take(store);
      bench.clock.advance(1);
      const done = await take(store);
      await store.completeSignIn(complete(done), here);
      bench.clock.advance(2 * minute);
      await begin(store);
      await begin(store);
      expect(await store.completeSignIn(complete(mine), here)).toBeDefined();
    });

    it('tells of consent and sign-in, once each, with the address', async () => {
      const store = await bench.open();
      const approvedAt = bench.clock.now();
      const { grant } = await signIn(store);
      expect(await kinds(store)).toEqual(['sign_in', 'consent']);
      const [signedIn, consent] = await store.listEvents({ limit: 10 });
      expect(signedIn).toMatchObject({ user: ada, clientId: 'client-1', grantId: grant.id, ...here });
      expect(consent).toMatchObject({ at: approvedAt, user: ada, detail: { redirectUri: grant.redirectUri, scopes: grant.scopes } });
    });

    it('ends the grants that were used least recently when a user has too many, and nobody else’s', async () => {
      const store = await bench.open({ bounds: { grantsPerUser: 3 } });
      const bystander = await connect(store, { user: { ...ada, subject: 'bystander' } });
      const held = [];
      for (let i = 0; i < 5; i += 1) {
        held.push(await connect(store));
        bench.clock.advance(second);
      }
      expect(await Promise.all(held.map((one) => isLive(store, one)))).toEqual([false, false, true, true, true]);
      expect(await isLive(store, bystander)).toBe(true);
      expect(await store.listGrants(ada)).toHaveLength(3);
    });
  });

const second = 1000;
