import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PublicError } from '../../src/errors.ts';
import type { Store } from '../../src/store/store.ts';
import { errorOf, Harness, pkce, redirectUri } from './harness.ts';
import { Jar } from './jar.ts';

let h: Harness;
let down = false;

/** A store that can't serve while `down`, as the real one says it. */
const failing = (store: Store): Store =>
  new Proxy(store, {
    get: (target, name, receiver) => {
      const value: unknown = Reflect.get(target, name, receiver);
      if (typeof value !== 'function' || name === 'close') return value;
      return (...input: unknown[]) => {
        if (down)
          return Promise.reject(new PublicError('unavailable', 'the store is locked', new Error('CANARY-detail /var/lib/store.db')));
        return value.apply(target, input);
      };
    },
  });

beforeEach(async () => {
  down = false;
  h = await Harness.start({ wrap: failing });
});
afterEach(() => h.stop());

const isUnavailable = async (response: Response): Promise<void> => {
  const body = await response.text();
  expect(response.status).toBe(503);
  expect(Number(response.headers.get('Retry-After'))).toBeGreaterThan(0);
  expect(response.headers.get('Cache-Control')).toBe('no-store');
  expect(body).not.toContain('CANARY');
  expect(body).not.toContain('invalid_grant');
};

describe('R77, P06 a store that is down is 503 with Retry-After, and nobody is logged out', () => {
  it('at /token, for codes and refresh tokens; both are good afterwards', async () => {
    const { code, verifier, clientId } = await h.code();
    const fields = { client_id: clientId, code, code_verifier: verifier, redirect_uri: redirectUri };
    down = true;
    const answer = await h.redeem(fields);
    expect(answer.headers.get('Content-Type')).toMatch(/json/);
    expect(await errorOf(answer.clone())).toBe('temporarily_unavailable');
    await isUnavailable(answer);
    down = false;
    const tokens = (await (await h.redeem(fields)).json()) as { refresh_token: string; access_token: string };
    down = true;
    await isUnavailable(await h.refresh(clientId, tokens.refresh_token));
    await isUnavailable(await h.revoke({ client_id: clientId, token: tokens.refresh_token }));
    const called = await h.mcp(tokens.access_token);
    expect(called.status).toBe(503);
    expect(called.headers.has('WWW-Authenticate')).toBe(false);
    down = false;
    expect((await h.mcp(tokens.access_token)).status).toBe(200);
    expect((await h.refresh(clientId, tokens.refresh_token)).status).toBe(200);
  });

  it('at the approval and at the callback: a page, and the sign-in can go on', async () => {
    const jar = new Jar();
    const clientId = await h.reg();
    const page = await h.authorize(jar, { client_id: clientId, code_challenge: pkce().challenge });
    down = true;
    await isUnavailable(await h.decide(jar, page));
    down = false;
    const provider = await h.approve(jar, page);
    const callback = await h.idpLogin(jar, 'eve', provider);
    down = true;
    await isUnavailable(await jar.fetch(callback));
    down = false;
    expect((await jar.fetch(callback)).status).toBe(303);
  });

  it('when it fails after the provider answered, the refresh is 503 and works afterwards, with a rotating provider too', async () => {
    h.idp.rotate = true;
    const { clientId, tokens } = await h.signIn();
    h.clock.advance(6 * 60_000);
    const rotate = h.store.rotateRefresh;
    let failed = false;
    h.store.rotateRefresh = async (...input) => {
      if (failed) return rotate.apply(h.store, input);
      failed = true;
      throw new PublicError('unavailable', 'the store is locked');
    };
    await isUnavailable(await h.refresh(clientId, tokens.refresh_token));
    expect((await h.refresh(clientId, tokens.refresh_token)).status).toBe(200);
  });

  it('a store that is busy for a moment does not lose the rotated token of the provider', async () => {
    h.idp.rotate = true;
    const { clientId, tokens } = await h.signIn();
    h.clock.advance(6 * 60_000);
    const commit = h.store.commitProviderAnswer;
    let failures = 3;
    h.store.commitProviderAnswer = async (...input) => {
      if (failures-- > 0) throw new PublicError('unavailable', 'the store is locked');
      return commit.apply(h.store, input);
    };
    const next = (await (await h.refresh(clientId, tokens.refresh_token)).json()) as { refresh_token: string };
    h.clock.advance(6 * 60_000);
    expect((await h.refresh(clientId, next.refresh_token)).status).toBe(200);
  });

  it('at /account: the session is good afterwards', async () => {
    const jar = new Jar();
    const landing = await (await jar.fetch(`${h.base}/account`)).text();
    const fields = [...landing.matchAll(/name="(\w+)" value="([^"]*)"/g)].map(([, name = '', value = '']): [string, string] => [
      name,
      value,
    ]);
    const sent = await jar.fetch(`${h.base}/account/sign-in`, { method: 'POST', body: new URLSearchParams(fields) });
    expect((await h.login(jar, 'eve', sent.headers.get('Location') ?? '')).status).toBe(303);
    down = true;
    await isUnavailable(await jar.fetch(`${h.base}/account`));
    down = false;
    expect(await (await jar.fetch(`${h.base}/account`)).text()).toContain('You are signed in as');
  });
});
