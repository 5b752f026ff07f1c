import { createHash } from 'node:crypto';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { Jar } from './jar.ts';
import { csrfOf, signInFields, view, Whole } from './whole.ts';

let w: Whole;
beforeAll(async () => {
  w = await Whole.start({ version: '1.3.25', edition: 'EE' }, { KESTRA_API_TOKEN: 'kestra-admin-token' });
});
afterAll(() => w.stop());

const none = { outcome: 'none' };
const vaultOf = (subject: string) => w.store.getCredential(w.vaultKey(subject));
/** The page that register_kestra_token names, as a path. */
const linkOf = async (user: string): Promise<string> => {
  const { tokens } = await w.words.signIn({ user });
  const { text } = await w.call(tokens, 'register_kestra_token');
  const url = new URL(/http\S+\/account\?for=[\w-]+/.exec(text)?.[0] ?? '');
  return `${url.pathname}${url.search}`;
};

describe('A55 signing the victim into the account of the attacker', () => {
  it("the attacker's callback in the victim's browser: 403, no session, and the provider is not asked", async () => {
    const [attacker, victim] = [new Jar(), new Jar()];
    const callback = await w.words.idpLogin(attacker, 'eve', await w.toProvider(attacker, await w.open(attacker)));
    await w.open(victim);
    const before = w.idp.hits('/token');
    const { status, text } = await view(await victim.fetch(callback));
    expect([status, text]).toEqual([403, expect.stringContaining('not started in this browser')]);
    expect(victim.cookies(w.base).has('kmcp-account')).toBe(false);
    expect(w.idp.hits('/token')).toBe(before);
    expect((await attacker.fetch(callback)).status).toBe(303);
  });

  it('a link made for one person refuses another, and does not say whose it is', async () => {
    const link = await linkOf('eve');
    const { status, text, html } = await w.open(await w.visitor('vic'), link);
    expect(status).toBe(403);
    expect(text).toContain('This link was made for somebody else');
    expect(html).not.toMatch(/\beve\b|sub-eve/i);
    expect(html).not.toMatch(/name="token"|account\/credential/);
  });

  it('nor does signing in after opening it help another person', async () => {
    const jar = new Jar();
    const link = await linkOf('eve');
    const end = await w.signIn(jar, 'vic', link);
    expect(end).toBe(link);
    expect((await w.open(jar, end)).status).toBe(403);
    const own = new Jar();
    expect((await w.open(own, await w.signIn(own, 'eve', link))).text).toContain('You are signed in as Eve Editor');
  });

  it('whoever is refused can sign in as the one who asked, and the provider must ask who it is', async () => {
    const jar = await w.visitor('vic');
    const link = await linkOf('eve');
    const url = await w.toProvider(jar, await w.open(jar, link));
    expect(new URL(url).searchParams.get('prompt')).toBe('login');
    expect((await w.words.login(jar, 'eve', url)).headers.get('Location')).toBe(link);
    expect((await w.open(jar, link)).status).toBe(200);
  });

  it.each([
    ['a letter', 'x'],
    ['the right length', 'A'.repeat(22)],
    ['nothing', ''],
    ['a null', '%00'],
    ['far too much', 'a'.repeat(5000)],
  ])('a link of nobody with %s: nothing of it is taken', async (_, mark) => {
    const jar = await w.visitor('eve');
    const { status, html } = await w.open(jar, `/account?for=${mark}`);
    expect(status).toBe(mark === '' ? 200 : 403);
    expect(html.includes('name="token"')).toBe(mark === '');
  });

  it("a form of the attacker's session in that of the victim: 403, and nothing is stored for either", async () => {
    const [attacker, victim] = [await w.visitor('eve'), await w.visitor('vic')];
    const csrf = csrfOf(await w.open(attacker));
    expect((await w.post(victim, '/account/credential', { csrf, kind: 'token', token: 'ada-token' })).status).toBe(403);
    expect([await vaultOf('sub-eve'), await vaultOf('sub-vic')]).toEqual([none, none]);
  });

  it('says whose vault it is in the largest type of the page', async () => {
    const { html } = await w.open(await w.visitor('vic'));
    const size = (selector: string) => Number(new RegExp(`\\n${selector} \\{[^}]*font-size: ([\\d.]+)rem`).exec(html)?.[1]);
    expect(html).toMatch(
      /<h2 id="credential">Kestra credential<\/h2>\s*<div class="goes"><span[^>]*>This is the vault of<\/span><strong>Vic Viewer<\/strong>/,
    );
    expect(size('\\.goes strong')).toBeGreaterThan(size('h1'));
  });
});

describe('A03 forms from elsewhere', () => {
  const paths = [
    '/account/credential',
    '/account/credential/test',
    '/account/credential/remove',
    '/account/applications/disconnect',
    '/account/applications/disconnect-all',
    '/account/sign-out',
  ];
  const elsewhere = [
    { Origin: 'https://evil.example' },
    { Origin: 'null' },
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-site' },
  ];

  it.each(paths)('%s: refused without the token of the session, with another one, and from another origin', async (path) => {
    const jar = await w.visitor('eve');
    const csrf = csrfOf(await w.open(jar));
    const fields = { kind: 'token', token: 'ada-token', grant: 'x' };
    expect((await w.post(jar, path, fields)).status).toBe(400);
    expect((await w.post(jar, path, { ...fields, csrf: 'x' })).status).toBe(403);
    for (const headers of elsewhere) {
      expect((await w.post(jar, path, { ...fields, csrf }, headers as unknown as Record<string, string>)).status).toBe(403);
    }
    expect((await w.post(new Jar(), path, { ...fields, csrf })).status).toBe(403);
    expect((await w.open(jar)).text).toContain('You are signed in as');
    expect(await vaultOf('sub-eve')).toEqual(none);
  });

  it('/account/sign-in: refused from elsewhere, and a form of the consent page is none of it', async () => {
    const jar = new Jar();
    const fields = signInFields(await w.open(jar));
    for (const headers of elsewhere) {
      expect((await w.post(jar, '/account/sign-in', fields, headers as unknown as Record<string, string>)).status).toBe(403);
    }
    const consent = await w.words.authorize(jar, { client_id: await w.words.reg(), code_challenge: 'a'.repeat(43) });
    expect((await w.post(jar, '/account/sign-in', consent.fields)).status).toBe(400);
    expect((await w.words.decide(jar, { ...consent, fields })).status).toBe(400);
  });

  it('nothing happens on GET', async () => {
    const jar = await w.visitor('eve');
    for (const path of [...paths, '/account/sign-in']) expect((await jar.fetch(`${w.base}${path}`)).status).toBe(405);
    expect((await w.open(jar)).text).toContain('You are signed in as');
  });
});

describe('A37 what is of others', () => {
  it("another person's application: 404, and it lives", async () => {
    const { tokens } = await w.words.signIn({ user: 'eve' });
    const [grant] = await w.store.listGrants({ issuer: w.idp.url, subject: 'sub-eve' });
    const other = await w.visitor('vic');
    expect((await w.act(other, '/account/applications/disconnect', { grant: grant?.id ?? '' })).status).toBe(404);
    expect((await w.words.mcp(tokens.access_token)).status).toBe(200);
    expect((await w.open(other)).html).not.toContain(grant?.id);
  });

  it('A38 two sealed rows that were swapped open for neither: each is told to register anew, and Kestra hears nothing', async () => {
    w.idp.users.set('swap-a', { sub: 'swap-a', claims: { name: 'A', roles: ['kestra-viewer'] } });
    w.idp.users.set('swap-b', { sub: 'swap-b', claims: { name: 'B', roles: ['kestra-viewer'] } });
    for (const [user, token] of [
      ['swap-a', 'ada-token'],
      ['swap-b', 'grace-token'],
    ] as const) {
      expect((await w.register(await w.visitor(user), token)).status).toBe(303);
    }
    const database = new Database(w.file);
    const rows = database
      .prepare("SELECT c.user_id, c.sealed FROM credentials c JOIN users u ON u.id = c.user_id WHERE u.subject LIKE 'swap-%'")
      .all() as { user_id: number; sealed: Buffer }[];
    const put = database.prepare('UPDATE credentials SET sealed = ? WHERE user_id = ?');
    put.run(rows[1]?.sealed, rows[0]?.user_id);
    put.run(rows[0]?.sealed, rows[1]?.user_id);
    database.close();
    const before = w.kestra.requests.length;
    for (const user of ['swap-a', 'swap-b']) {
      const { tokens } = await w.words.signIn({ user });
      const called = await w.call(tokens, 'list_flows', { namespace: 'acme' });
      expect([called.isError, called.structured.error]).toEqual([true, 'no_credential']);
      expect(called.text).toMatch(/can not be opened any more.*\/account\?for=/);
      expect((await w.open(await w.visitor(user))).text).toContain('can not be opened any more');
    }
    expect(w.kestra.requests.slice(before).filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
    const { tokens } = await w.words.signIn({ user: 'swap-a' });
    expect((await w.call(tokens, 'register_kestra_token', { token: 'ada-token' })).isError).toBe(false);
    expect((await w.call(tokens, 'list_flows', { namespace: 'acme' })).isError).toBe(false);
  });
});

test('A38 without a credential of one’s own Kestra is asked nothing, though the environment has one', async () => {
  const { tokens } = await w.words.signIn({ user: 'vic' });
  const before = w.kestra.requests.length;
  const called = await w.call(tokens, 'list_flows', { namespace: 'acme' });
  expect([called.isError, called.structured.error]).toEqual([true, 'no_credential']);
  expect(called.text).toMatch(/\/account\?for=[\w-]{22}\b/);
  const asked = w.kestra.requests.slice(before);
  expect(asked.filter(({ path }) => path !== '/api/v1/configs')).toEqual([]);
  expect(JSON.stringify(asked.map(({ headers }) => headers))).not.toContain('kestra-admin-token');
});

test('A15 the same e-mail with another subject is another person', async () => {
  w.idp.users.set('mail-1', { sub: 'mail-1', claims: { name: 'Same', email: 'same@acme.example', email_verified: true } });
  w.idp.users.set('mail-2', { sub: 'mail-2', claims: { name: 'Same', email: 'same@acme.example', email_verified: true } });
  await w.register(await w.visitor('mail-1'), 'ada-token');
  expect((await w.open(await w.visitor('mail-2'))).text).toContain('None is stored yet.');
  expect((await w.open(await w.visitor('mail-2'), await linkOf('mail-1'))).status).toBe(403);
});

describe('A18 a session here is no token there', () => {
  it('the cookie of the page opens no /mcp, and an access token no page', async () => {
    const jar = await w.visitor('eve');
    const session = jar.cookies(w.base).get('kmcp-account') ?? '';
    const mcp = await jar.fetch(`${w.base}/mcp`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' });
    expect(mcp.status).toBe(401);
    expect((await w.words.mcp(session)).status).toBe(401);
    const { tokens } = await w.words.signIn({ user: 'eve' });
    const page = await view(await fetch(`${w.base}/account`, { headers: { Authorization: `Bearer ${tokens.access_token}` } }));
    expect(page.text).not.toContain('You are signed in as');
    const forged = new Jar();
    forged.cookies(w.base).set('kmcp-account', tokens.access_token.slice(-43));
    expect((await w.open(forged)).text).not.toContain('You are signed in as');
  });
});

describe('A39, A42 what is pasted goes nowhere but into its header', () => {
  it.each([
    ['a header', 'abc\r\nX-Admin: 1'],
    ['a space', 'a b'],
    ['a tab', 'a\tb'],
    ['a null', 'a\u0000b'],
    ['a line', 'a\nb'],
    ['letters beyond ASCII', 'tökén'],
    ['no end', 'x'.repeat(4097)],
  ])('a token with %s in it is refused, and Kestra hears nothing', async (_, token) => {
    const jar = await w.visitor('eve');
    await w.open(jar);
    const before = w.kestra.requests.length;
    const { status, html } = await view(await w.register(jar, token));
    expect(status).toBe(422);
    expect(html).not.toContain('X-Admin');
    expect(w.kestra.requests.slice(before).filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
    expect(await vaultOf('sub-eve')).toEqual(none);
  });

  it('spaces around it are nothing of it', async () => {
    w.idp.users.set('spacy', { sub: 'spacy', claims: {} });
    expect((await w.register(await w.visitor('spacy'), '  ada-token\r\n')).status).toBe(303);
    expect(await vaultOf('spacy')).toMatchObject({ secret: JSON.stringify({ kind: 'token', token: 'ada-token' }) });
  });

  it('a form or header that names another Kestra changes nothing', async () => {
    w.idp.users.set('other-kestra', { sub: 'other-kestra', claims: {} });
    const jar = await w.visitor('other-kestra');
    const fields = { csrf: csrfOf(await w.open(jar)), kind: 'token', token: 'ada-token', url: 'http://127.0.0.1:9', host: 'evil.example' };
    const before = w.kestra.requests.length;
    expect((await w.post(jar, '/account/credential', fields, { 'X-Kestra-Url': 'http://127.0.0.1:9' })).status).toBe(303);
    expect(w.kestra.requests.length).toBeGreaterThan(before);
  });

  it('is not tried without end', async () => {
    w.idp.users.set('guesser', { sub: 'guesser', claims: {} });
    const jar = await w.visitor('guesser');
    const csrf = csrfOf(await w.open(jar));
    const before = w.kestra.requests.length;
    const tries = [];
    for (let i = 0; i < 55; i++)
      tries.push((await w.post(jar, '/account/credential', { csrf, kind: 'token', token: `guess-${i}` })).status);
    expect(tries.slice(0, 50)).toEqual(Array(50).fill(422));
    expect(tries.slice(50)).toEqual(Array(5).fill(429));
    expect(w.kestra.requests.slice(before).filter(({ headers }) => headers.authorization?.includes('guess-')).length).toBeLessThanOrEqual(
      50,
    );
  });
});

describe('A26, A49, A51 every answer', () => {
  const pages: [string, (jar: Jar) => Promise<Response>][] = [
    ['landing', () => fetch(`${w.base}/account`)],
    ['account', (jar) => jar.fetch(`${w.base}/account`)],
    ["another's link", (jar) => jar.fetch(`${w.base}/account?for=x`)],
    ['a refused form', (jar) => w.act(jar, '/account/credential', { kind: 'token', token: 'a b' })],
    ['a form of nobody', () => w.post(new Jar(), '/account/sign-out', { csrf: 'x' })],
    ['signed out', () => fetch(`${w.base}/account/signed-out`)],
    ['a wrong form', (jar) => w.post(jar, '/account/sign-out', { csrf: 'x' })],
    ['a wrong method', (jar) => jar.fetch(`${w.base}/account`, { method: 'DELETE' })],
    [
      'a wrong body',
      (jar) => jar.fetch(`${w.base}/account/sign-out`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' }),
    ],
  ];
  it.each(pages)('%s: headers of a page, no CORS', async (_, get) => {
    const answer = await get(await w.visitor('eve'));
    const html = await answer.text();
    const style = /<style>([\s\S]*)<\/style>/.exec(html)?.[1] ?? '';
    const policy = answer.headers.get('content-security-policy') ?? '';
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(policy).toContain(`style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`);
    expect(policy).toMatch(/^default-src 'none'.*base-uri 'none'; frame-ancestors 'none'$/);
    expect(answer.headers.get('x-frame-options')).toBe('DENY');
    expect(answer.headers.get('referrer-policy')).toBe('same-origin');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    expect(html).not.toMatch(/<script|node_modules|\bat \//);
  });

  it('A50 forms answer with 303', async () => {
    const jar = await w.visitor('eve');
    for (const answer of [
      await w.post(new Jar(), '/account/sign-in', {}),
      await w.act(jar, '/account/applications/disconnect-all'),
      await w.act(jar, '/account/sign-out'),
    ]) {
      expect([303, 400]).toContain(answer.status);
    }
  });

  it('a name that is markup, reorders or is endless is shown as text', async () => {
    w.idp.users.set('markup', {
      sub: '"><script>alert(1)</script>',
      claims: {
        name: `<img src=x onerror=alert(1)>\u202e${'x'.repeat(500)}`,
        email: '"><b>@x',
        roles: ['<i>', 'kestra-viewer'],
        groups: ['\u202egnp'],
      },
    });
    const { html } = await w.open(await w.visitor('markup'));
    expect(html).not.toMatch(/<img|<script|<b>@|<i>|\u202e/);
    expect(html).toContain('&lt;img src=x');
  });
});

test('R52 on https the cookie of the session is __Host- and Secure, and the provider is named our https address', async () => {
  const https = await Whole.start(undefined, {
    KESTRA_MCP_PUBLIC_URL: 'https://mcp.example.com',
    KESTRA_MCP_ALLOWED_HOSTS: '127.0.0.1:$PORT',
  });
  https.base = `http://127.0.0.1:${https.config.http.port}`;
  const jar = new Jar();
  const fields = signInFields(await https.open(jar));
  const sent = await https.post(jar, '/account/sign-in', fields, { Origin: 'https://mcp.example.com' });
  const callback = new URL(await https.words.idpLogin(jar, 'eve', sent.headers.get('Location') ?? ''));
  expect(callback.origin).toBe('https://mcp.example.com');
  const response = await jar.fetch(`${https.base}${callback.pathname}${callback.search}`);
  expect(response.headers.getSetCookie()).toContainEqual(
    expect.stringMatching(/^__Host-kmcp-account=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Secure$/),
  );
  expect((await https.open(jar)).text).toContain('You are signed in as Eve Editor');
  await https.stop();
});
