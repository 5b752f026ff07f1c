import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashSecret, secretMatches } from '../../src/auth/clients/client.ts';
import { preconfiguredClients } from '../../src/auth/clients/preconfigured.ts';
import { errorOf, Harness, pkce } from './harness.ts';
import { Jar } from './jar.ts';

const secret = 'CANARY-CLIENT-SECRET-0123456789abcdef';
const redirect_uris = ['https://b.example/cb'];
const policy = { ownOrigin: 'https://mcp.example.com', privateSchemes: [] };
const read = (clients: unknown) => preconfiguredClients(typeof clients === 'string' ? clients : JSON.stringify(clients), policy);

describe('clients of the configuration', () => {
  test('only the hash of a secret is kept', () => {
    const client = read([{ client_id: 'backend', client_secret: secret, redirect_uris }]).get('backend');
    expect(JSON.stringify(client)).not.toContain('CANARY');
    expect(client).toMatchObject({
      source: 'preconfigured',
      secretHash: hashSecret(secret),
      grantTypes: ['authorization_code', 'refresh_token'],
    });
    expect(client && secretMatches(client, secret)).toBe(true);
    expect(client && secretMatches(client, `${secret}x`)).toBe(false);
    expect(client && secretMatches(client, '')).toBe(false);
  });

  test('R28 a client without a secret matches none', () => {
    const client = read([{ client_id: 'public', redirect_uris }]).get('public');
    expect(client && secretMatches(client, '')).toBe(false);
    expect(client?.secretHash).toBeUndefined();
  });

  test.each([
    ['no JSON', '['],
    ['no array', { client_id: 'a', redirect_uris }],
    ['a short secret', [{ client_id: 'a', client_secret: 'hunter2', redirect_uris }]],
    ['an id of a metadata document', [{ client_id: 'https://x.example/c', redirect_uris }]],
    ['an id as we generate them', [{ client_id: 'kmcp-x', redirect_uris }]],
    ['an id with a space', [{ client_id: 'a b', redirect_uris }]],
    [
      'the same id twice',
      [
        { client_id: 'a', redirect_uris },
        { client_id: 'a', redirect_uris },
      ],
    ],
    ['no redirect URIs', [{ client_id: 'a' }]],
    ['a bad redirect URI', [{ client_id: 'a', redirect_uris: ['http://x.example/cb'] }]],
  ])('%s: the start is refused, with the setting and without the secret', (_, clients) => {
    expect(() => read(clients)).toThrow(/^KESTRA_MCP_CLIENTS: /);
    expect(() => read(clients)).not.toThrow(/hunter2/);
  });
});

describe('R28: who has a secret must use it', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await Harness.start({
      clients: [
        { client_id: 'backend', client_secret: secret, redirect_uris },
        { client_id: 'public', redirect_uris },
      ],
    });
  });
  afterAll(() => h.stop());

  const code = (clientId: string) => h.code({ clientId, parameters: { redirect_uri: redirect_uris[0] } });
  const redeem = (clientId: string, { code, verifier }: { code: string; verifier: string }, fields = {}, headers = {}) =>
    h.token(
      { grant_type: 'authorization_code', client_id: clientId, code, code_verifier: verifier, redirect_uri: redirect_uris[0], ...fields },
      headers,
    );

  test('without, or with a wrong one: 401, and the code lives', async () => {
    const made = await code('backend');
    for (const fields of [{}, { client_secret: 'wrong' }, { client_secret: '' }]) {
      const answer = await redeem('backend', made, fields);
      expect([answer.status, await errorOf(answer)]).toEqual([401, 'invalid_client']);
    }
    expect((await redeem('backend', made, { client_secret: secret })).status).toBe(200);
  });

  test('a public client cannot use one', async () => {
    const made = await code('public');
    expect((await redeem('public', made, { client_secret: secret })).status).toBe(401);
    expect((await redeem('public', made)).status).toBe(200);
  });

  test('its redirect URIs are as exact as any', async () => {
    const answer = await new Jar().fetch(
      h.authorizeUrl({ client_id: 'backend', redirect_uri: 'https://b.example/other', code_challenge: pkce().challenge }),
    );
    expect(answer.status).toBe(400);
  });

  test('A46 the secret is in no log', () => expect(h.logged.join('')).not.toContain('CANARY'));
});
