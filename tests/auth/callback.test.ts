import { afterAll, afterEach, beforeAll, describe, expect, it, test } from 'vitest';
import { Harness, pkce } from './harness.ts';
import { Jar } from './jar.ts';

let h: Harness;
let clientId: string;
beforeAll(async () => {
  h = await Harness.start();
  clientId = await h.reg();
});
afterAll(() => h.stop());
afterEach(() => {
  h.idp.breaks = {};
});

const approved = async (jar: Jar, parameters: Record<string, string | undefined> = {}): Promise<string> =>
  h.approve(jar, await h.authorize(jar, { client_id: clientId, code_challenge: pkce().challenge, ...parameters }));

/** Our callback's URL as the provider sends it, not opened yet. */
const callbackFor = async (jar: Jar, user = 'eve'): Promise<string> => h.idpLogin(jar, user, await approved(jar));

const noRedirect = (response: Response): void => {
  expect(response.status).toBeGreaterThanOrEqual(400);
  expect(response.headers.has('Location')).toBe(false);
};

describe('A02 the provider URL handed to a victim', () => {
  it('ends in another browser before the provider is asked, and the own flow goes on', async () => {
    const [a, b] = [new Jar(), new Jar()];
    const providerUrl = await approved(a);
    const before = h.idp.hits('/token');
    const stolen = await h.login(b, 'vic', providerUrl);
    noRedirect(stolen);
    expect(stolen.status).toBe(403);
    expect(h.idp.hits('/token')).toBe(before);
    const own = await h.login(a, 'eve', providerUrl);
    expect(own.status).toBe(303);
  });

  it("does not help to hold a cookie of one's own, under the right name or another", async () => {
    const [a, b] = [new Jar(), new Jar()];
    const url = await callbackFor(a);
    await callbackFor(b);
    const before = h.idp.hits('/token');
    const [own] = [...b.cookies(h.base)].filter(([name]) => name.startsWith('kmcp-txn-'));
    const name = [...a.cookies(h.base).keys()].find((one) => one.startsWith('kmcp-txn-')) ?? '';
    expect((await b.fetch(url)).status).toBe(403);
    b.cookies(h.base).set(name, own?.[1] ?? '');
    expect((await b.fetch(url)).status).toBe(403);
    expect(h.idp.hits('/token')).toBe(before);
    expect((await a.fetch(url)).status).toBe(303);
  });
});

describe('A12 forged and repeated callbacks', () => {
  it.each(['', '?code=x', '?state=', '?code=x&state=unknown', '?code=x&state=a.b', '?code=x&state=../../x', '?state=a&state=b&code=x'])(
    'refuses %j',
    async (query) => {
      const before = h.idp.hits('/token');
      noRedirect(await new Jar().fetch(`${h.base}/oauth/callback${query}`));
      expect(h.idp.hits('/token')).toBe(before);
    },
  );

  it('takes a state once', async () => {
    const jar = new Jar();
    const url = await callbackFor(jar);
    const name = [...jar.cookies(h.base)].find(([one]) => one.startsWith('kmcp-txn-'));
    expect((await jar.fetch(url)).status).toBe(303);
    const before = h.idp.hits('/token');
    noRedirect(await jar.fetch(url));
    jar.cookies(h.base).set(name?.[0] ?? '', name?.[1] ?? '');
    noRedirect(await jar.fetch(url));
    expect(h.idp.hits('/token')).toBe(before);
  });

  it('gives one code however often the last step is raced', async () => {
    const jar = new Jar();
    const url = await callbackFor(jar);
    const all = await Promise.all(Array.from({ length: 15 }, () => jar.fetch(url)));
    expect(all.filter(({ status }) => status === 303)).toHaveLength(1);
  });

  it('refuses an expired state', async () => {
    const jar = new Jar();
    const url = await callbackFor(jar);
    h.clock.advance(601_000);
    const before = h.idp.hits('/token');
    noRedirect(await jar.fetch(url));
    expect(h.idp.hits('/token')).toBe(before);
  });

  it('refuses the code of one sign-in with the state of another', async () => {
    const jar = new Jar();
    const [one, other] = [new URL(await callbackFor(jar)), new URL(await callbackFor(jar))];
    one.searchParams.set('code', other.searchParams.get('code') ?? '');
    noRedirect(await jar.fetch(one.href));
  });

  it("shows the provider's error escaped, with a link back that carries error, state and iss", async () => {
    const jar = new Jar();
    const providerUrl = new URL(await approved(jar));
    const evil = '<script>alert(1)</script>\r\nX-Evil: 1';
    const query = new URLSearchParams({ error: evil, error_description: evil, state: providerUrl.searchParams.get('state') ?? '' });
    const before = h.idp.hits('/token');
    const response = await jar.fetch(`${h.base}/oauth/callback?${query}`);
    noRedirect(response);
    const html = await response.text();
    expect(html).not.toContain('alert(1)');
    expect(response.headers.has('X-Evil')).toBe(false);
    const href = /href="(https:\/\/client\.example[^"]+)"/.exec(html)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const answer = new URL(href).searchParams;
    expect([answer.get('error'), answer.get('state'), answer.getAll('iss')]).toEqual(['access_denied', 'client-state', [h.base]]);
    expect(h.idp.hits('/token')).toBe(before);
    noRedirect(await jar.fetch(`${h.base}/oauth/callback?${query}`));
  });

  it('refuses an answer of another issuer, or one without the issuer that the provider promises (RFC 9207)', async () => {
    for (const change of [
      (url: URL) => url.searchParams.set('iss', 'https://evil.example'),
      (url: URL) => url.searchParams.delete('iss'),
    ]) {
      const jar = new Jar();
      const url = new URL(await callbackFor(jar));
      change(url);
      const before = h.idp.hits('/token');
      noRedirect(await jar.fetch(url.href));
      expect(h.idp.hits('/token')).toBe(before);
    }
  });

  it('a HEAD request takes nothing', async () => {
    const jar = new Jar();
    const url = await callbackFor(jar);
    expect((await jar.fetch(url, { method: 'HEAD' })).status).toBe(405);
    expect((await jar.fetch(url)).status).toBe(303);
  });
});

describe('A11, R10 iss', () => {
  it('is there once, equal to the issuer of the metadata', async () => {
    const metadata = (await (await fetch(`${h.base}/.well-known/oauth-authorization-server`)).json()) as Record<string, unknown>;
    const { location } = await h.code({ clientId });
    expect(location.searchParams.getAll('iss')).toEqual([metadata.issuer]);
    expect(metadata.issuer).not.toMatch(/\/$/);
  });
});

describe('R45, R46 state and query', () => {
  it.each(['plain', 'a b+c%26&=?#', '"\'<>\\', 'ü€😀', 's'.repeat(2048), '%', '\t\n'])('echoes %j unchanged', async (state) => {
    const { location } = await h.code({ clientId, parameters: { state } });
    expect(location.searchParams.get('state')).toBe(state);
  });

  it('sends no state where there was none', async () => {
    expect((await h.code({ clientId, parameters: { state: undefined } })).location.searchParams.has('state')).toBe(false);
  });

  it('keeps the query of the redirect URI as it is', async () => {
    const uri = 'https://client.example/cb?a=1&b=%2F&c';
    const id = await h.reg({ redirect_uris: [uri] });
    const { location } = await h.code({ clientId: id, parameters: { redirect_uri: uri } });
    expect(location.href.startsWith(`${uri}&code=kmcp_code_`)).toBe(true);
  });

  it('R27 a loopback redirect may name any port', async () => {
    const id = await h.reg({ redirect_uris: ['http://127.0.0.1:3000/cb'] });
    const { location } = await h.code({ clientId: id, parameters: { redirect_uri: 'http://127.0.0.1:49152/cb' } });
    expect(location.origin).toBe('http://127.0.0.1:49152');
  });
});

describe('what the provider is sent', () => {
  it('is PKCE S256, a fresh state and nonce, and our callback', async () => {
    const jar = new Jar();
    const [one, other] = [new URL(await approved(jar)).searchParams, new URL(await approved(jar)).searchParams];
    expect(one.get('code_challenge_method')).toBe('S256');
    expect(one.get('redirect_uri')).toBe(`${h.base}/oauth/callback`);
    for (const name of ['state', 'nonce', 'code_challenge']) {
      expect(one.get(name)?.length).toBeGreaterThanOrEqual(43);
      expect(one.get(name)).not.toBe(other.get(name));
    }
  });

  it('a provider that is down gives a page that says so, and no code', async () => {
    const jar = new Jar();
    const url = await callbackFor(jar);
    h.idp.breaks.answer = ({ path }) => (path === '/token' ? { status: 503, body: 'down' } : undefined);
    const response = await jar.fetch(url);
    noRedirect(response);
    expect(response.status).toBe(503);
    expect(await response.text()).toContain('error=temporarily_unavailable');
  });
});

test('an app with a scheme of its own: a page says that it worked, and the answer goes to the app by itself', async () => {
  const redirect_uri = 'cursor://anysphere.cursor-mcp/oauth/callback';
  const app = await h.reg({ client_name: 'Cursor', redirect_uris: [redirect_uri] });
  const jar = new Jar();
  const { verifier, challenge } = pkce();
  const page = await h.authorize(jar, { client_id: app, code_challenge: challenge, redirect_uri });
  const response = await h.login(jar, 'eve', await h.approve(jar, page));
  expect(response.status).toBe(200);
  expect(await response.text()).toContain('You are signed in as Eve Editor');
  expect(response.headers.get('cache-control')).toBe('no-store');
  const [, location = ''] = /^0;url=(cursor:.+)$/.exec(response.headers.get('refresh') ?? '') ?? [];
  const { searchParams } = new URL(location);
  expect([searchParams.getAll('state'), searchParams.getAll('iss')]).toEqual([['client-state'], [h.base]]);
  const redeemed = await h.redeem({ client_id: app, code: searchParams.get('code') ?? '', code_verifier: verifier, redirect_uri });
  expect(redeemed.status).toBe(200);
});
