import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Harness, type Page, pkce } from './harness.ts';
import { Jar } from './jar.ts';

let h: Harness;
let clientId: string;
beforeAll(async () => {
  h = await Harness.start();
  clientId = await h.reg();
});
afterAll(() => h.stop());

const open = (jar: Jar, parameters: Record<string, string | undefined> = {}): Promise<Page> =>
  h.authorize(jar, { client_id: clientId, code_challenge: pkce().challenge, ...parameters });

const signedInAtIdp = (): Jar => {
  const jar = new Jar();
  jar.cookies(h.idp.url).set('idp_user', 'eve');
  return jar;
};

describe('A01 confused deputy', () => {
  it('asks first, shows where the answer goes, and the provider hears nothing before approval', async () => {
    const evil = await h.reg({ redirect_uris: ['https://evil.example/cb'], client_name: 'Claude' });
    const before = h.idp.requests.length;
    const page = await open(signedInAtIdp(), { client_id: evil, redirect_uri: 'https://evil.example/cb' });
    expect(page.response.status).toBe(200);
    expect(page.html).toContain('<strong>evil.example</strong>');
    expect(h.idp.requests.length).toBe(before);
  });
});

describe('A03 CSRF on the consent form', () => {
  it('refuses a form that was shown to another browser', async () => {
    const [a, b] = [new Jar(), new Jar()];
    const page = await open(a);
    expect((await h.decide(b, page)).status).toBe(403);
    await open(b);
    expect((await h.decide(b, page)).status).toBe(403);
    expect((await h.decide(a, page)).status).toBe(303);
  });

  it('refuses a form without its token, or with that of another form', async () => {
    const jar = new Jar();
    const [first, second] = [await open(jar), await open(jar)];
    expect((await h.decide(jar, first, { csrf: '' })).status).toBe(400);
    expect((await h.decide(jar, first, { csrf: second.fields.csrf ?? '' })).status).toBe(403);
  });

  it.each([
    { Origin: 'https://evil.example' },
    { Origin: 'null' },
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-site' },
    { Origin: 'http://127.0.0.1.evil.example' },
  ])('refuses a form from elsewhere: %o', async (headers) => {
    const jar = new Jar();
    const page = await open(jar);
    expect((await h.decide(jar, page, {}, headers as unknown as Record<string, string>)).status).toBe(403);
    expect(jar.cookies(h.base).size).toBe(1);
  });

  it('takes the first form after a second was rendered', async () => {
    const jar = new Jar();
    const first = await open(jar);
    await open(jar);
    expect((await h.decide(jar, first)).status).toBe(303);
  });

  it('begins one sign-in however often one form is sent, and gives one code', async () => {
    const jar = new Jar();
    const page = await open(jar);
    const sent = await Promise.all([1, 2, 3, 4, 5].map(() => h.decide(jar, page)));
    expect(sent.map((response) => response.status)).toEqual([303, 303, 303, 303, 303]);
    expect(new Set(sent.map((response) => response.headers.get('Location'))).size).toBe(1);
    const callbacks = await Promise.all(sent.map((response) => h.login(jar, 'eve', response.headers.get('Location') ?? '')));
    expect(callbacks.filter((response) => response.status === 303)).toHaveLength(1);
  });
});

describe('A04 remembered consent', () => {
  it.each([{}, { 'Sec-Fetch-Site': 'cross-site' }, { 'Sec-Fetch-Site': 'none' }])('is never: asks again with %o', async (headers) => {
    const jar = signedInAtIdp();
    await h.approve(jar, await open(jar));
    Object.assign(jar.headers, headers);
    const again = await open(jar);
    expect(again.response.status).toBe(200);
    expect(again.fields).toHaveProperty('csrf');
  });
});

describe('A05 redirect URI', () => {
  it.each(['https://client.example/other', 'https://client.example/cb/', 'https://evil.example/cb', 'https://client.example/cb?x=1'])(
    'refuses %s here, without a redirect',
    async (uri) => {
      const { response } = await open(new Jar(), { redirect_uri: uri });
      expect(response.status).toBe(400);
      expect(response.headers.has('Location')).toBe(false);
    },
  );

  it('lets nobody change the request inside the form', async () => {
    const jar = new Jar();
    const page = await open(jar);
    const sealed = page.fields.request ?? '';
    const changed = `${sealed.slice(0, 60)}${sealed[60] === 'A' ? 'B' : 'A'}${sealed.slice(61)}`;
    expect((await h.decide(jar, page, { request: changed })).status).toBe(400);
    const extra = await h.decide(jar, page, { redirect_uri: 'https://evil.example/cb', client_id: 'other', scope: 'kestra.write' });
    const callback = await h.login(jar, 'eve', extra.headers.get('Location') ?? '');
    expect(callback.headers.get('Location')).toMatch(/^https:\/\/client\.example\/cb\?/);
  });

  it('refuses the approval once the client is gone', async () => {
    const jar = new Jar();
    const page = await open(jar);
    const other = await Harness.start({ idp: h.idp, key: h.key });
    const cookies = jar.cookies(other.base);
    for (const [name, value] of jar.cookies(h.base)) cookies.set(name, value);
    const response = await other.decide(jar, page);
    expect(response.status).toBe(400);
    await other.stop();
  });
});

describe('deny', () => {
  it('A10, A11 stays here and gives a link with error, state and iss', async () => {
    const jar = new Jar();
    const before = h.idp.requests.length;
    const response = await h.decide(jar, await open(jar, { state: 'a&b "q" ü' }), { decision: 'deny' });
    expect(response.status).toBe(200);
    expect(response.headers.has('Location')).toBe(false);
    const href = /href="(https:\/\/client\.example[^"]+)"/.exec(await response.text())?.[1]?.replaceAll('&amp;', '&') ?? '';
    const answer = new URL(href).searchParams;
    expect([answer.get('error'), answer.get('state'), answer.getAll('iss')]).toEqual(['access_denied', 'a&b "q" ü', [h.base]]);
    expect(h.idp.requests.length).toBe(before);
    expect([...jar.cookies(h.base).keys()]).toEqual(['kmcp-csrf']);
  });
});

describe('cookies', () => {
  it('R53 the page sets only the random CSRF cookie; the approval sets that of the sign-in', async () => {
    const jar = new Jar();
    const page = await open(jar);
    expect(page.response.headers.getSetCookie()).toHaveLength(1);
    expect(page.response.headers.getSetCookie()[0]).toMatch(/^kmcp-csrf=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/);
    const approved = await h.decide(jar, page);
    expect(approved.headers.getSetCookie()).toHaveLength(1);
    expect(approved.headers.getSetCookie()[0]).toMatch(/^kmcp-txn-[\w-]{22}=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600$/);
  });

  it('R52 on https they are __Host- and Secure', async () => {
    const https = await Harness.start({
      idp: h.idp,
      env: { KESTRA_MCP_PUBLIC_URL: 'https://mcp.example.com', KESTRA_MCP_ALLOWED_HOSTS: '127.0.0.1:$PORT' },
    });
    https.base = `http://127.0.0.1:${https.config.http.port}`;
    const jar = new Jar();
    const page = await https.authorize(jar, { client_id: await https.reg(), code_challenge: pkce().challenge });
    const approved = await https.decide(jar, page, {}, { Origin: 'https://mcp.example.com' });
    expect(page.response.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^__Host-kmcp-csrf=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Secure$/),
    ]);
    expect(approved.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^__Host-kmcp-txn-[\w-]{22}=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Secure; Max-Age=600$/),
    ]);
    expect(new URL(approved.headers.get('Location') ?? '').searchParams.get('redirect_uri')).toBe('https://mcp.example.com/oauth/callback');
    await https.stop();
  });

  it('keeps at most ten sign-ins of one browser, and several tabs work at once', async () => {
    const jar = new Jar();
    const providers: string[] = [];
    for (let i = 0; i < 12; i++) providers.push(await h.approve(jar, await open(jar)));
    expect([...jar.cookies(h.base).keys()].filter((name) => name.startsWith('kmcp-txn-'))).toHaveLength(10);
    const outcomes: number[] = [];
    for (const provider of providers.reverse()) outcomes.push((await h.login(jar, 'eve', provider)).status);
    expect(outcomes).toEqual([...Array(10).fill(303), 403, 403]);
  });
});

describe('answers', () => {
  it('A50, R50 the form is answered by 303', async () => {
    const jar = new Jar();
    expect((await h.decide(jar, await open(jar))).status).toBe(303);
  });

  it('A49, R44 no CORS at the pages', async () => {
    for (const path of ['/authorize', '/oauth/callback']) {
      const response = await fetch(`${h.base}${path}`, {
        method: 'OPTIONS',
        headers: { Origin: 'https://evil.example', 'Access-Control-Request-Method': 'POST' },
      });
      expect(response.headers.has('Access-Control-Allow-Origin')).toBe(false);
      expect(response.status).toBe(405);
    }
    const page = await open(new Jar());
    expect(page.response.headers.has('Access-Control-Allow-Origin')).toBe(false);
  });

  it('A51, R49 every page forbids framing, errors too', async () => {
    const jar = new Jar();
    const page = await open(jar);
    const pages = [
      page.response,
      (await open(jar, { redirect_uri: 'https://evil.example/' })).response,
      await h.decide(jar, page, { decision: 'deny' }),
      await h.decide(new Jar(), page),
      await fetch(`${h.base}/oauth/callback?state=x`),
      await fetch(`${h.base}/authorize`, { method: 'PUT' }),
    ];
    for (const { headers } of pages) {
      expect(headers.get('Content-Security-Policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
      expect(headers.get('X-Frame-Options')).toBe('DENY');
      expect(headers.get('Referrer-Policy')).toBe('same-origin');
      expect(headers.get('X-Content-Type-Options')).toBe('nosniff');
      expect(headers.get('Cache-Control')).toBe('no-store');
    }
  });

  it('R51 unticking write leaves it out', async () => {
    const { tokens } = await h.signIn({ answer: { write: '' } });
    expect(tokens.scope).toBe('kestra.read kestra.execute');
  });

  it('A28 the page costs no row: it can be looked at without end', async () => {
    const begin = h.store.beginSignIn;
    let rows = 0;
    h.store.beginSignIn = async (signIn) => {
      rows += 1;
      return begin.call(h.store, signIn);
    };
    for (let i = 0; i < 50; i++) await open(new Jar());
    h.store.beginSignIn = begin;
    expect(rows).toBe(0);
  });

  it('refuses a form that was open for too long, and one with a decision of its own', async () => {
    const jar = new Jar();
    const page = await open(jar);
    expect((await h.decide(jar, page, { decision: 'maybe' })).status).toBe(400);
    h.clock.advance(601_000);
    expect((await h.decide(jar, page)).status).toBe(400);
  });
});
