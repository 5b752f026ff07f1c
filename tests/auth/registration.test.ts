import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Harness, pkce } from './harness.ts';
import { Jar } from './jar.ts';
import { registrations } from './registrations.ts';

let h: Harness;
beforeAll(async () => {
  h = await Harness.start({ env: { KESTRA_MCP_TRUST_PROXY: '1' } });
});
afterAll(() => h.stop());

let address = 0;
/** From an address of its own, so that no test meets the limits of another. */
const register = (body: unknown, { from = `198.18.${address >> 8}.${address++ & 255}`, type = 'application/json' } = {}) =>
  fetch(`${h.base}/register`, {
    method: 'POST',
    headers: { 'Content-Type': type, 'X-Forwarded-For': from },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

interface Registered {
  client_id: string;
  redirect_uris: string[];
  grant_types: string[];
  [member: string]: unknown;
}
const registered = async (body: unknown, options = {}): Promise<Registered> => {
  const answer = await register(body, options);
  expect(answer.status).toBe(201);
  return (await answer.json()) as Registered;
};

const refused = async (body: unknown, error: string, options = {}) => {
  const answer = await register(body, options);
  const text = await answer.text();
  expect([answer.status, JSON.parse(text).error]).toEqual([400, error]);
  expect(JSON.parse(text).error_description).toMatch(/^[\x20-\x21\x23-\x5B\x5D-\x7E]+$/);
  expect(answer.headers.get('cache-control')).toBe('no-store');
};

const cb = 'https://client.example/cb';

describe('what real clients send is accepted as it is', () => {
  test.each(Object.entries(registrations))('%s', async (_, metadata) => {
    const answer = await registered(metadata);
    expect(answer.redirect_uris).toEqual(metadata.redirect_uris);
    expect(answer.client_name).toBe(metadata.client_name);
    expect(answer.grant_types).toEqual(['authorization_code', 'refresh_token']);
    expect(answer.response_types).toEqual(['code']);
    expect(answer.token_endpoint_auth_method).toBe('none');
    for (const uri of metadata.redirect_uris as string[]) {
      const page = await new Jar().fetch(
        h.authorizeUrl({ client_id: answer.client_id, redirect_uri: uri, code_challenge: pkce().challenge }),
      );
      expect(page.status).toBe(200);
    }
  });
});

describe('R20, R21, R25, R26, R33: the answer', () => {
  test('201 with a client_id, when it was made, and no secret', async () => {
    const response = await register({ redirect_uris: [cb], token_endpoint_auth_method: 'client_secret_basic' });
    const answer = (await response.json()) as Registered;
    expect(response.status).toBe(201);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(answer.client_id).toMatch(/^kmcp-[A-Za-z0-9_-]{22}$/);
    expect(Math.abs((answer.client_id_issued_at as number) - Date.now() / 1000)).toBeLessThan(60);
    expect(answer.token_endpoint_auth_method).toBe('none');
    expect(answer).not.toHaveProperty('client_secret');
    expect(answer).not.toHaveProperty('client_secret_expires_at');
  });

  test('R20 the same metadata gives the same client; other metadata another', async () => {
    const first = await registered({ redirect_uris: [cb], client_name: 'A' });
    const again = await registered({ client_name: 'A', redirect_uris: [cb], unknown: 1 });
    expect(again.client_id).toBe(first.client_id);
    const others = [{ client_name: 'B' }, { grant_types: ['authorization_code', 'refresh_token'] }, { client_uri: 'https://x.example' }];
    const ids = await Promise.all(
      others.map(async (other) => (await registered({ redirect_uris: [cb], client_name: 'A', ...other })).client_id),
    );
    expect(new Set([first.client_id, ...ids]).size).toBe(4);
  });

  test('a native program that registers anew with another free port is the same client', async () => {
    const [first, second] = [
      await registered({ redirect_uris: ['http://localhost:1111/cb'] }),
      await registered({ redirect_uris: ['http://localhost:2222/cb'] }),
    ];
    expect(second.client_id).toBe(first.client_id);
    expect(second.redirect_uris).toEqual(['http://localhost:2222/cb']);
  });

  test('R25 nobody chooses an id or a secret', async () => {
    const answer = await registered({
      redirect_uris: [cb],
      client_id: 'https://mine.example/c',
      client_secret: 'mine',
      registration_client_uri: 'x',
    });
    expect(answer.client_id).not.toContain('mine');
    expect(JSON.stringify(answer)).not.toContain('mine');
  });

  test('R24 grant types are narrowed to ours; without the code grant there is no client', async () => {
    expect((await registered({ redirect_uris: [cb] })).grant_types).toEqual(['authorization_code']);
    expect((await registered({ redirect_uris: [cb], grant_types: ['authorization_code', 'implicit', 'password'] })).grant_types).toEqual([
      'authorization_code',
    ]);
    await refused({ redirect_uris: [cb], grant_types: ['implicit'] }, 'invalid_client_metadata');
    await refused({ redirect_uris: [cb], grant_types: ['refresh_token'] }, 'invalid_client_metadata');
    await refused({ redirect_uris: [cb], response_types: ['token'] }, 'invalid_client_metadata');
  });

  test('a registered scope is no ceiling', async () => {
    const clientId = await h.reg({ scope: 'kestra.read' });
    const { tokens } = await h.signIn({ clientId, parameters: { scope: 'kestra.read kestra.execute' } });
    expect(tokens.scope).toBe('kestra.read kestra.execute');
  });

  test('A49 scripts of any page may register, without cookies', async () => {
    const answer = await fetch(`${h.base}/register`, { method: 'OPTIONS', headers: { Origin: 'https://x.example' } });
    expect(answer.status).toBe(204);
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
  });
});

describe('R22: what is no metadata', () => {
  test.each([
    ['no JSON', '{"redirect_uris":'],
    ['an array', '[{"redirect_uris":["https://x.example/cb"]}]'],
    ['a text', '"https://x.example/cb"'],
    ['null', 'null'],
  ])('%s', (_, body) => refused(body, 'invalid_client_metadata'));

  test('a form', () =>
    refused('redirect_uris=https://x.example/cb', 'invalid_client_metadata', { type: 'application/x-www-form-urlencoded' }));

  test.each([
    ['missing', {}],
    ['no body at all', ''],
    ['empty', { redirect_uris: [] }],
    ['a text', { redirect_uris: cb }],
    ['an array of numbers', { redirect_uris: [1] }],
    ['an array with null', { redirect_uris: [cb, null] }],
    ['101 of them', { redirect_uris: Array.from({ length: 101 }, (_, i) => `${cb}${i}`) }],
    ['too long', { redirect_uris: [`${cb}/${'a'.repeat(3000)}`] }],
    ['one bad among good', { redirect_uris: [cb, 'http://evil.example/cb'] }],
  ])('redirect_uris: %s', (_, body) => refused(body, 'invalid_redirect_uri'));

  test.each([
    { client_name: 'x'.repeat(90_000 / 2) },
    { client_name: { toString: 'x' } },
    { client_uri: 'javascript:alert(1)' },
    { client_uri: 'file:///x' },
    { client_uri: 'http://plain.example' },
    { client_uri: 'https://user:pass@x.example' },
    { client_uri: 'https://x.example/"onmouseover="x' },
    { policy_uri: 'javascript:alert(1)' },
    { tos_uri: 'data:text/html,x' },
    { logo_uri: 'http://127.0.0.1/logo.png' },
    { jwks_uri: 'http://169.254.169.254/' },
    { grant_types: 'authorization_code' },
    { grant_types: Array(1000).fill('authorization_code') },
    { token_endpoint_auth_method: ['none'] },
  ])('%j', (metadata) => refused({ redirect_uris: [cb], ...metadata }, 'invalid_client_metadata'));

  test('A43 a body of 150 KB: 413 in JSON, no stack', async () => {
    const answer = await register({ redirect_uris: [cb], x: 'y'.repeat(150_000) });
    expect(answer.status).toBe(413);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await answer.text()).not.toMatch(/node_modules|\.js:/);
  });

  test('GET: 405', async () => {
    const answer = await fetch(`${h.base}/register`);
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
  });

  test('A45 __proto__ and constructor change nothing', async () => {
    await registered(`{"redirect_uris":["${cb}"],"__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}}}`);
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });
});

describe('A27, A29: many registrations', () => {
  test('new ones from one address: 429 with Retry-After well before 100, and none is lost', async () => {
    const from = '203.0.113.7';
    const answers: Response[] = [];
    for (let i = 0; i < 100; i += 1) answers.push(await register({ redirect_uris: [cb], client_name: `flood ${i}` }, { from }));
    const made = answers.filter(({ status }) => status === 201).length;
    expect(made).toBe(30);
    const last = answers.at(-1) as Response;
    expect(last.status).toBe(429);
    expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await last.json()).toMatchObject({ error: 'slow_down' });
    // Another address is served, and so is a known client from the first.
    await registered({ redirect_uris: [cb], client_name: 'other' });
  });

  test('the limit holds for requests at the same time too', async () => {
    const from = '203.0.113.8';
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, i) => register({ redirect_uris: [cb], client_name: `parallel ${i}` }, { from })),
    );
    expect(answers.filter(({ status }) => status === 201).length).toBe(30);
  });

  test('the same metadata 100 times from one address: one client, no limit', async () => {
    const ids = new Set<string>();
    for (let i = 0; i < 100; i += 1)
      ids.add((await registered({ redirect_uris: [cb], client_name: 'same' }, { from: '203.0.113.9' })).client_id);
    expect(ids.size).toBe(1);
  });

  test('A29 one trusted hop: what the client itself wrote into X-Forwarded-For does not count', async () => {
    let limited = 0;
    for (let i = 0; i < 40; i += 1) {
      const answer = await register({ redirect_uris: [cb], client_name: `spoof ${i}` }, { from: `192.0.2.${i}, 203.0.113.10` });
      if (answer.status === 429) limited += 1;
    }
    expect(limited).toBe(10);
  });

  test('A29 without trusted proxies the header counts for nothing', async () => {
    const other = await Harness.start({ idp: h.idp });
    let limited = 0;
    for (let i = 0; i < 40; i += 1) {
      const answer = await fetch(`${other.base}/register`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'X-Forwarded-For': `192.0.2.${i}` },
        body: JSON.stringify({ redirect_uris: [cb], client_name: `x ${i}` }),
      });
      if (answer.status === 429) limited += 1;
    }
    expect(limited).toBe(10);
    await other.stop();
  });

  test('A25 no URI of the metadata is ever fetched or shown as an image', async () => {
    const clientId = (
      await registered({
        redirect_uris: [cb],
        ...Object.fromEntries(
          ['logo_uri', 'jwks_uri', 'policy_uri', 'tos_uri', 'client_uri'].map((name) => [name, 'https://canary.example/x']),
        ),
        sector_identifier_uri: h.idp.url,
      })
    ).client_id;
    const before = h.idp.requests.length;
    const page = await (await new Jar().fetch(h.authorizeUrl({ client_id: clientId, code_challenge: pkce().challenge }))).text();
    expect(page).not.toMatch(/<img|src=|<a /);
    expect(h.idp.requests.length).toBe(before);
  });
});

describe('registration can be switched off', () => {
  test('no endpoint, and the metadata does not name it', async () => {
    const other = await Harness.start({ env: { KESTRA_MCP_REGISTRATION: 'false' }, idp: h.idp });
    expect((await fetch(`${other.base}/register`, { method: 'POST', body: '{}' })).status).toBe(404);
    const metadata = (await (await fetch(`${other.base}/.well-known/oauth-authorization-server`)).json()) as object;
    expect(metadata).not.toHaveProperty('registration_endpoint');
    await other.stop();
  });
});
