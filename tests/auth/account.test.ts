import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { Jar } from './jar.ts';
import { csrfOf, signInFields, view, Whole } from './whole.ts';

let w: Whole;
beforeAll(async () => {
  w = await Whole.start();
  w.idp.metadata = { end_session_endpoint: `${w.idp.url}/logout` };
});
afterAll(() => w.stop());

const minutes = (count: number): number => count * 60_000;
const kindsOf = async (subject: string): Promise<string[]> =>
  (await w.store.listEvents({ user: { issuer: w.idp.url, subject }, limit: 100 })).map(({ kind }) => kind);
const sessionOf = (jar: Jar): string | undefined => jar.cookies(w.base).get('kmcp-account');

/** Somebody of their own, so that tests don't meet. */
let people = 0;
const somebody = (claims: Record<string, unknown> = {}): string => {
  const name = `person${people++}`;
  w.idp.users.set(name, {
    sub: `sub-${name}`,
    claims: { name: `Person ${name}`, email: `${name}@acme.example`, roles: ['kestra-viewer'], groups: ['g1'], ...claims },
  });
  return name;
};

describe('signing in at /account', () => {
  it('asks first: looking costs no row, and the provider hears nothing', async () => {
    const before = w.idp.requests.length;
    const page = await w.open(new Jar());
    expect(page.status).toBe(200);
    expect(page.text).toContain('Sign in');
    expect(w.idp.requests.length).toBe(before);
  });

  it('has a sign-in of its own: PKCE, state, nonce and no refresh token asked for', async () => {
    const jar = new Jar();
    const url = new URL(await w.toProvider(jar, await w.open(jar)));
    expect(url.searchParams.get('code_challenge_method')).toBe('S256');
    for (const name of ['code_challenge', 'state', 'nonce']) expect(url.searchParams.get(name)?.length).toBeGreaterThan(40);
    expect(url.searchParams.get('redirect_uri')).toBe(`${w.base}/oauth/callback`);
    expect(url.searchParams.get('scope')).not.toContain('offline_access');
    expect(url.searchParams.has('prompt')).toBe(false);
  });

  it('shows who it is, which role came from which claim, and what each tool needs', async () => {
    const { text, html } = await w.open(await w.visitor(somebody({ roles: ['kestra-operator', 'something-else'] })));
    expect(text).toMatch(/You are signed in as Person person\d+ person\d+@acme\.example/);
    expect(text).toContain('kestra-operator from the claim roles of the ID token');
    expect(text).toContain('Create or update flow create_or_update_flow needs kestra.flow.write');
    expect(text).toContain('something-else');
    expect(html).not.toMatch(/<script|style="|\son\w+=/);
  });

  it('lets somebody without any role in, and says that there is none', async () => {
    const { status, text } = await w.open(await w.visitor(somebody({ roles: [] })));
    expect(status).toBe(200);
    expect(text).toContain('You have no role here.');
    expect(text).toMatch(/4 of \d+ tools are open/);
  });

  it('R52 keeps one cookie that scripts do not see, with a new value at each sign-in, and the old one is dead', async () => {
    const user = somebody();
    const jar = new Jar();
    const callback = await w.words.idpLogin(jar, user, await w.toProvider(jar, await w.open(jar)));
    const response = await jar.fetch(callback);
    const line = response.headers.getSetCookie().find((one) => one.startsWith('kmcp-account='));
    expect(line).toMatch(/^kmcp-account=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/);
    const first = sessionOf(jar) ?? '';
    w.clock.advance(minutes(6));
    const again = await w.words.idpLogin(jar, user, await w.toProvider(jar, await w.open(jar)));
    expect((await jar.fetch(again)).status).toBe(303);
    expect(sessionOf(jar)).not.toBe(first);
    const old = new Jar();
    old.cookies(w.base).set('kmcp-account', first);
    expect((await w.open(old)).text).toContain('You are not signed in any more.');
  });

  it('ends after 15 minutes without use, and after 8 hours whatever is done', async () => {
    const user = somebody();
    const idle = await w.visitor(user);
    w.clock.advance(minutes(16));
    expect((await w.open(idle)).text).not.toContain('You are signed in as');
    const busy = await w.visitor(user);
    for (let passed = 0; passed < 8 * 60 - 10; passed += 10) {
      w.clock.advance(minutes(10));
      expect((await w.open(busy)).text).toContain('You are signed in as');
    }
    w.clock.advance(minutes(11));
    expect((await w.open(busy)).text).not.toContain('You are signed in as');
  });

  it('says why it did not work, in our words', async () => {
    const jar = new Jar();
    const state = new URL(await w.toProvider(jar, await w.open(jar))).searchParams.get('state') ?? '';
    const answer = new URLSearchParams({ error: 'access_denied', error_description: '<script>', state, iss: w.idp.url });
    const { status, text, html } = await view(await jar.fetch(`${w.base}/oauth/callback?${answer}`));
    expect(status).toBe(403);
    expect(text).toContain("Your company's sign-in refused");
    expect(html).not.toContain('<script');
    expect(sessionOf(jar)).toBeUndefined();
  });
});

describe('the Kestra credential', () => {
  it('is checked with Kestra, stored, shown by no more than its end, tested, replaced and removed', async () => {
    const jar = await w.visitor(somebody());
    const before = w.kestra.requests.length;
    const stored = await w.register(jar, 'kestra-admin-token');
    expect(stored.status).toBe(303);
    expect(w.kestra.requests.slice(before).some(({ headers }) => headers.authorization === 'Bearer kestra-admin-token')).toBe(true);
    const page = await w.open(jar, stored.headers.get('Location') ?? '');
    expect(page.text).toContain('Kestra has accepted your credential, and it is stored.');
    expect(page.text).toContain('API token stored just now');
    expect(page.html).not.toContain('kestra-admin-token');
    const tested = await w.act(jar, '/account/credential/test');
    expect((await w.open(jar, tested.headers.get('Location') ?? '')).text).toContain('Kestra accepts your credential.');
    expect((await w.register(jar, 'ada-token')).status).toBe(303);
    const removed = await w.act(jar, '/account/credential/remove');
    expect((await w.open(jar, removed.headers.get('Location') ?? '')).text).toContain('None is stored yet.');
    expect(await kindsOf(`sub-person${people - 1}`)).toEqual(['credential_removed', 'credential_stored', 'credential_stored', 'sign_in']);
  });

  it('is refused with the reason when Kestra does not accept it, and the one before stays', async () => {
    const user = somebody();
    const jar = await w.visitor(user);
    await w.register(jar, 'grace-token');
    const { status, text, html } = await view(await w.register(jar, 'WRONG-token-of-mine'));
    expect(status).toBe(422);
    expect(text).toContain('Kestra does not accept this API token. Nothing was stored.');
    expect(html).not.toContain('WRONG-token-of-mine');
    const kept = await w.store.getCredential(w.vaultKey(`sub-${user}`));
    expect(kept).toMatchObject({ outcome: 'found', secret: JSON.stringify({ kind: 'token', token: 'grace-token' }) });
    expect(await kindsOf(`sub-${user}`)).toContain('credential_refused');
  });

  it('is not stored while Kestra is down', async () => {
    const user = somebody();
    const jar = await w.visitor(user);
    w.kestra.faults.add({ kind: 'dropBefore' }, { times: 50 });
    const { status, text } = await view(await w.register(jar, 'ada-token'));
    w.kestra.faults.clear();
    expect(status).toBe(503);
    expect(text).toContain('Nothing was stored.');
    expect(await w.store.getCredential(w.vaultKey(`sub-${user}`))).toEqual({ outcome: 'none' });
  });

  it('says so when Kestra does not accept the stored one any more', async () => {
    const user = somebody();
    const jar = await w.visitor(user);
    await w.store.putCredential(w.vaultKey(`sub-${user}`), { secret: JSON.stringify({ kind: 'token', token: 'revoked' }) }, {});
    const { status, text } = await view(await w.act(jar, '/account/credential/test'));
    expect(status).toBe(422);
    expect(text).toContain('Kestra does not accept this API token. It is still stored.');
  });

  it.each([{ kind: 'token' }, { kind: 'token', token: '' }, { kind: 'password', username: 'a' }, { kind: 'password', password: 'b' }, {}])(
    'needs all its parts: %o',
    async (fields) => {
      const { status, text } = await view(
        await w.act(await w.visitor(somebody()), '/account/credential', fields as Record<string, string>),
      );
      expect([status, text]).toEqual([422, expect.stringContaining('Nothing was stored.')]);
    },
  );

  it('is asked for without being remembered, completed or spelled', async () => {
    const { html } = await w.open(await w.visitor(somebody()));
    const input = /<input id="token"[^>]*>/.exec(html)?.[0] ?? '';
    for (const part of ['type="password"', 'autocomplete="off"', 'spellcheck="false"', 'autocapitalize="none"'])
      expect(input).toContain(part);
    expect(input).not.toContain('value=');
  });
});

describe('a change needs a sign-in of the last five minutes', () => {
  it('offers no form and takes none after that', async () => {
    const user = somebody();
    const jar = await w.visitor(user);
    const csrf = csrfOf(await w.open(jar));
    w.clock.advance(minutes(6));
    const page = await w.open(jar);
    expect(page.text).toContain('Sign in again to change it');
    expect(page.html).not.toContain('id="token"');
    for (const [path, fields] of [
      ['/account/credential', { csrf, kind: 'token', token: 'ada-token' }],
      ['/account/credential/remove', { csrf }],
    ] as const) {
      const { status, text } = await view(await w.post(jar, path, fields));
      expect([status, text]).toEqual([403, expect.stringContaining('sign in once more')]);
    }
    expect(await w.store.getCredential(w.vaultKey(`sub-${user}`))).toEqual({ outcome: 'none' });
  });

  const againAs = async (jar: Jar, user: string): Promise<Response> => {
    w.clock.advance(minutes(6));
    const url = await w.toProvider(jar, await w.open(jar));
    expect(new URL(url).searchParams.get('prompt')).toBe('login');
    expect(new URL(url).searchParams.get('max_age')).toBe('0');
    return w.words.login(jar, user, url);
  };

  it('makes the provider ask again, and then takes it', async () => {
    const user = somebody();
    const jar = await w.visitor(user);
    expect((await againAs(jar, user)).headers.get('Location')).toBe('/account#credential');
    expect((await w.register(jar, 'ada-token')).status).toBe(303);
  });

  it('is not satisfied by another person, and nothing changes', async () => {
    const jar = await w.visitor(somebody());
    const session = sessionOf(jar);
    const { status, text } = await view(await againAs(jar, somebody()));
    expect(status).toBe(403);
    expect(text).toContain('You signed in as somebody else than before');
    expect(sessionOf(jar)).toBe(session);
  });

  it('is not satisfied by a provider that did not ask, where it says when it did (auth_time)', async () => {
    const user = somebody();
    const jar = await w.visitor(user);
    const hourAgo = () => Math.floor(w.clock.now() / 1000) - 3600;
    w.idp.breaks = { claims: (claims) => ({ ...claims, auth_time: hourAgo() }) };
    const { status, text } = await view(await againAs(jar, user));
    expect(status).toBe(403);
    expect(text).toContain('let you through without asking');
    w.idp.breaks = { claims: (claims) => ({ ...claims, auth_time: Math.floor(w.clock.now() / 1000) - 5 }) };
    expect((await againAs(jar, user)).status).toBe(303);
    w.idp.breaks = {};
  });
});

describe('connected applications', () => {
  it('are listed with where they are and what they may, and each can be disconnected', async () => {
    const user = somebody();
    const clientId = await w.words.reg({ client_name: 'My <b>Client</b>' });
    const one = await w.words.signIn({ user, clientId });
    const two = await w.words.signIn({ user, clientId, parameters: { scope: 'kestra.read' } });
    const jar = await w.visitor(user);
    const page = await w.open(jar);
    expect(page.text).toMatch(/My <b>Client<\/b> client\.example may see, run, change and delete; connected just now , last used just now/);
    expect(page.html).not.toContain('My <b>Client');
    const grants = [...page.html.matchAll(/name="grant" value="([^"]+)"/g)].map(([, id = '']) => id);
    expect(grants).toHaveLength(2);
    const listed = await w.store.listGrants({ issuer: w.idp.url, subject: `sub-${user}` });
    const readOnly = listed.find(({ scopes }) => scopes.length === 1);
    const done = await w.act(jar, '/account/applications/disconnect', { grant: readOnly?.id ?? '' });
    expect((await w.open(jar, done.headers.get('Location') ?? '')).text).toContain('The application is disconnected.');
    expect(await w.words.isDead(clientId, two.tokens)).toBe(true);
    expect((await w.words.mcp(one.tokens.access_token)).status).toBe(200);
  });

  it('can be disconnected all at once, and the page stays', async () => {
    const user = somebody();
    const signedIn = [await w.words.signIn({ user }), await w.words.signIn({ user })];
    const jar = await w.visitor(user);
    expect((await w.act(jar, '/account/applications/disconnect-all')).status).toBe(303);
    for (const { clientId, tokens } of signedIn) expect(await w.words.isDead(clientId, tokens)).toBe(true);
    expect((await w.open(jar)).text).toContain('Connected applications None.');
    expect((await kindsOf(`sub-${user}`)).filter((kind) => kind === 'grant_revoked')).toHaveLength(2);
  });
});

describe('signing out', () => {
  it('here ends this session alone', async () => {
    const user = somebody();
    const [here, there] = [await w.visitor(user), await w.visitor(user)];
    const session = sessionOf(here) ?? '';
    const out = await w.act(here, '/account/sign-out');
    expect([out.status, out.headers.get('Location')]).toEqual([303, '/account/signed-out']);
    expect(sessionOf(here)).toBeUndefined();
    here.cookies(w.base).set('kmcp-account', session);
    expect((await w.open(here)).text).not.toContain('You are signed in as');
    expect((await w.open(there)).text).toContain('You are signed in as');
    expect(await kindsOf(`sub-${user}`)).toContain('signed_out');
    expect((await w.open(here, '/account/signed-out')).text).toContain('You are signed out here');
  });

  it('everywhere ends every session and every application', async () => {
    const user = somebody();
    const { clientId, tokens } = await w.words.signIn({ user });
    const [here, there] = [await w.visitor(user), await w.visitor(user)];
    expect((await w.act(here, '/account/sign-out', { from: 'everywhere' })).status).toBe(303);
    expect((await w.open(there)).text).not.toContain('You are signed in as');
    expect(await w.words.isDead(clientId, tokens)).toBe(true);
  });

  it("goes to the provider's own sign-out, and back to our page", async () => {
    const jar = await w.visitor(somebody());
    const session = sessionOf(jar) ?? '';
    const out = await w.act(jar, '/account/sign-out', { from: 'provider' });
    const url = new URL(out.headers.get('Location') ?? '');
    expect(`${url.origin}${url.pathname}`).toBe(`${w.idp.url}/logout`);
    expect(url.searchParams.get('post_logout_redirect_uri')).toBe(`${w.base}/account/signed-out`);
    expect(url.searchParams.get('id_token_hint')?.split('.')).toHaveLength(3);
    jar.cookies(w.base).set('kmcp-account', session);
    expect((await w.open(jar)).text).not.toContain('You are signed in as');
  });
});

test('a notice is shown only to the session whose form made it', async () => {
  const jar = await w.visitor(somebody());
  const stored = await w.register(jar, 'ada-token');
  const location = stored.headers.get('Location') ?? '';
  const other = await w.visitor(somebody());
  for (const path of [location, '/account?notice=stored', '/account?notice=stored.x']) {
    expect((await w.open(other, path)).text).not.toContain('it is stored');
  }
});

test('the sign-in form is good in the browser that it was shown to, and once', async () => {
  const jar = new Jar();
  const fields = signInFields(await w.open(jar));
  expect((await w.post(new Jar(), '/account/sign-in', fields)).status).toBe(403);
  const sent = await Promise.all([1, 2, 3].map(() => w.post(jar, '/account/sign-in', fields)));
  expect(new Set(sent.map((response) => response.headers.get('Location'))).size).toBe(1);
  const user = somebody();
  const callbacks = [];
  for (const response of sent) callbacks.push(await w.words.idpLogin(jar, user, response.headers.get('Location') ?? ''));
  const ends = await Promise.all(callbacks.map((url) => jar.fetch(url)));
  expect(ends.filter(({ status }) => status === 303)).toHaveLength(1);
});
