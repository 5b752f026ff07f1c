import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Fetched } from '../../src/auth/clients/guarded-fetch.ts';
import { Harness, pkce } from './harness.ts';
import { Jar } from './jar.ts';

const url = 'https://client.example/oauth/client.json';
const cb = 'https://client.example/cb';
const good = {
  client_id: url,
  client_name: 'Claude Code',
  redirect_uris: [cb, 'http://localhost/callback'],
  grant_types: ['authorization_code', 'refresh_token'],
};
const json = { 'content-type': 'application/json' };

describe('A24, R29, R31: at /authorize', () => {
  let h: Harness;
  let fetched: string[] = [];
  let answer: () => Promise<Fetched> | Fetched;
  const document =
    (changes: object = {}, headers: Record<string, string> = json, status = 200) =>
    () => ({
      status,
      headers,
      body: JSON.stringify({ ...good, ...changes }),
    });
  beforeAll(async () => {
    h = await Harness.start({
      fetchDocument: async (address) => {
        fetched.push(address);
        return answer();
      },
    });
  });
  afterAll(() => h.stop());
  beforeEach(() => {
    fetched = [];
    h.clock.advance(25 * 3_600_000);
    answer = document();
  });

  const authorize = (clientId = url, redirect = cb) =>
    new Jar().fetch(h.authorizeUrl({ client_id: clientId, redirect_uri: redirect, code_challenge: pkce().challenge }));
  const refused = async (clientId = url, redirect = cb) => {
    const before = h.idp.requests.length;
    const response = await authorize(clientId, redirect);
    expect([clientId, response.status, response.headers.get('location')]).toEqual([clientId, 400, null]);
    expect(h.idp.requests.length).toBe(before);
    return response.text();
  };

  test('R32 a good document: the consent page shows its host, its name as unverified, and where the answer goes', async () => {
    const page = await (await authorize(url, 'http://localhost:51234/callback')).text();
    expect(page).toMatch(/describes itself at <strong>client\.example<\/strong>/);
    expect(page).toContain('unverified');
    expect(page).toContain('localhost:51234');
    expect(page).toContain('A program on this computer is asking.');
  });

  test('the whole sign-in; /token, refresh and /revoke never fetch', async () => {
    const { tokens } = await h.signIn({ clientId: url, parameters: { redirect_uri: cb } });
    expect(fetched).toEqual([url]);
    h.clock.advance(600_000);
    answer = () => Promise.reject(new Error('gone'));
    const refreshed = await h.refresh(url, tokens.refresh_token);
    expect(refreshed.status).toBe(200);
    const { access_token } = (await refreshed.json()) as { access_token: string };
    expect((await h.revoke({ client_id: url, token: access_token })).status).toBe(200);
    expect(fetched).toEqual([url]);
  });

  test.each([
    ...[
      'https://127.0.0.1/c.json',
      'https://localhost/c.json',
      'https://[::1]/c.json',
      'https://[::ffff:127.0.0.1]/c.json',
      'https://[::ffff:7f00:1]/c.json',
    ],
    ...[
      'https://0.0.0.0/c.json',
      'https://169.254.169.254/c.json',
      'https://10.0.0.1/c.json',
      'https://[fd00::1]/c.json',
      'https://[64:ff9b::7f00:1]/c.json',
      'https://8.8.8.8/c.json',
    ],
    ...[
      'https://2130706433/c.json',
      'https://0177.0.0.1/c.json',
      'https://0x7f.1/c.json',
      'https://127.1/c.json',
      'https://client.example./c.json',
      'https://intranet/c.json',
    ],
    ...[
      'https://user@client.example/c.json',
      'https://user:p@client.example/c.json',
      'https://client.example/c.json#f',
      'https://client.example/c.json#',
      'https://client.example',
    ],
    ...[
      'https://client.example/',
      'https://client.example/a/../c.json',
      'https://client.example/./c.json',
      'https://client.example/%2e%2e/c.json',
      'https://client.example/a%2fc.json',
    ],
    ...[
      'https://client.example\\c.json',
      'https://client.example/c .json',
      'https://client.example/c\n.json',
      'https://client.example:8443/c.json',
      'https://client.example:443/c.json',
    ],
    ...[
      'HTTPS://client.example/c.json',
      'https://Client.example/c.json',
      'https:/client.example/c.json',
      'https://cliént.example/c.json',
      'https://client_.example/c.json',
    ],
    ...[
      'http://client.example/c.json',
      `https://client.example/${'a'.repeat(2000)}`,
      'https://client.example?x/c.json',
      'https://-client.example/c.json',
    ],
  ])('the client_id %j: refused, nothing is fetched', async (clientId) => {
    await refused(clientId);
    expect(fetched).toEqual([]);
  });

  test.each<[string, () => Promise<Fetched> | Fetched]>([
    ['another client_id', document({ client_id: `${url}/` })],
    ['a client_id in other case', document({ client_id: url.replace('client.json', 'Client.json') })],
    ['no client_id', document({ client_id: undefined })],
    ['no name', document({ client_name: undefined })],
    ['no redirect URIs', document({ redirect_uris: [] })],
    ['a javascript redirect URI', document({ redirect_uris: [cb, 'javascript:alert(1)'] })],
    ['a wildcard', document({ redirect_uris: [cb, 'https://*.client.example/cb'] })],
    ['a secret', document({ client_secret: 'x' })],
    ['a secret to be used', document({ token_endpoint_auth_method: 'client_secret_post' })],
    ['a key to be used', document({ token_endpoint_auth_method: 'private_key_jwt' })],
    ['an http home page', document({ client_uri: 'http://client.example' })],
    ['status 206', document({}, json, 206)],
    ['status 302', document({}, { ...json, location: 'https://127.0.0.1/' }, 302)],
    ['status 404', document({}, json, 404)],
    ['status 500', document({}, json, 500)],
    ['HTML', document({}, { 'content-type': 'text/html' })],
    ['no content type', document({}, {})],
    ['no JSON', () => ({ status: 200, headers: json, body: '{' })],
    ['an array', () => ({ status: 200, headers: json, body: '[]' })],
    ['null', () => ({ status: 200, headers: json, body: 'null' })],
    ['no answer', () => Promise.reject(new Error('connect ECONNREFUSED 10.1.2.3:443'))],
  ])('a document with %s: refused, and a good one works at once afterwards', async (_, bad) => {
    answer = bad;
    expect(await refused()).not.toMatch(/10\.1\.2\.3|ECONNREFUSED/);
    answer = document();
    expect((await authorize()).status).toBe(200);
    expect(fetched.length).toBe(2);
  });

  test('R29 a redirect URI that the document does not have: refused', () => refused(url, 'https://client.example/other'));

  test.each([
    ['max-age=120', 119_000, 1],
    ['max-age=120', 121_000, 2],
    ['public, max-age=31536000', 23 * 3_600_000, 1],
    ['public, max-age=31536000', 25 * 3_600_000, 2],
    ['no-store', 0, 2],
    ['no-cache', 0, 2],
    ['max-age=0', 0, 2],
    ['', 299_000, 1],
    ['', 301_000, 2],
  ])('cached as %j says: after %d ms there have been %d fetches', async (control, ms, fetches) => {
    answer = document({}, control ? { ...json, 'cache-control': control } : json);
    await authorize();
    h.clock.advance(ms);
    await authorize();
    expect(fetched.length).toBe(fetches);
  });

  test('many people at once: one fetch', async () => {
    answer = () => new Promise((resolve) => setTimeout(() => resolve(document()()), 50));
    await Promise.all(Array.from({ length: 20 }, () => authorize()));
    expect(fetched.length).toBe(1);
  });

  test('fetches are limited by host: 429, and the others are served', async () => {
    const at = (host: string, i: number) => authorize(`https://${host}/c${i}.json`);
    const statuses: number[] = [];
    for (let i = 0; i < 25; i += 1) statuses.push((await at('flood.example', i)).status);
    expect(statuses.filter((status) => status === 429).length).toBe(5);
    expect((await at('other.example', 1)).status).toBe(400);
  });

  test('limited to hosts', async () => {
    const other = await Harness.start({
      env: { KESTRA_MCP_CIMD_HOSTS: 'claude.ai, *.client.example' },
      idp: h.idp,
      fetchDocument: async (address) => ({ status: 200, headers: json, body: JSON.stringify({ ...good, client_id: address }) }),
    });
    const status = async (clientId: string) =>
      (await new Jar().fetch(other.authorizeUrl({ client_id: clientId, redirect_uri: cb, code_challenge: pkce().challenge }))).status;
    expect(await status('https://claude.ai/c.json')).toBe(200);
    expect(await status('https://a.client.example/c.json')).toBe(200);
    for (const host of ['client.example', 'evilclient.example', 'claude.ai.evil.example', 'x.claude.ai']) {
      expect([host, await status(`https://${host}/c.json`)]).toEqual([host, 400]);
    }
    await other.stop();
  });

  test('R31 switched off: not advertised, refused, nothing is fetched', async () => {
    const other = await Harness.start({
      env: { KESTRA_MCP_CIMD: 'false' },
      idp: h.idp,
      fetchDocument: async (address) => {
        fetched.push(address);
        return document()();
      },
    });
    const metadata = await (await fetch(`${other.base}/.well-known/oauth-authorization-server`)).json();
    expect(metadata).not.toHaveProperty('client_id_metadata_document_supported');
    const response = await new Jar().fetch(other.authorizeUrl({ client_id: url, redirect_uri: cb, code_challenge: pkce().challenge }));
    expect(response.status).toBe(400);
    expect(fetched).toEqual([]);
    await other.stop();
  });
});
