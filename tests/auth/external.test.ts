import { createHmac, generateKeyPairSync } from 'node:crypto';
import { CompactSign } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { command, Program, settings } from '../harness/program.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { FakeIdp, fakeClient, unsigned } from './fake-idp.ts';

const audience = 'https://mcp.example/kestra';
const idp = new FakeIdp();
let kestra: Kestra;
let program: Program;
/** One that takes people of one Entra tenant and does not look at scopes. */
let entra: Program;

beforeAll(async () => {
  await idp.start();
  kestra = await startKestra({ version: '2.0.0-SNAPSHOT', edition: 'EE' });
  const env = {
    ...(await settings({ kestra, idp })),
    KESTRA_MCP_AUTH: 'external',
    OIDC_AUDIENCE: audience,
    OIDC_SCOPE_MAP: 'api.read=kestra.read,api.all=kestra.write',
    KESTRA_API_TOKEN: 'kestra-admin-token',
  };
  const other = await settings({ kestra, idp });
  const own = { KESTRA_MCP_PORT: other.KESTRA_MCP_PORT, KESTRA_MCP_STORE: other.KESTRA_MCP_STORE };
  [program, entra] = await Promise.all([
    Program.start(env, idp),
    Program.start({ ...env, ...own, OIDC_PRESET: 'entra', OIDC_TENANTS: 'tenant-1', KESTRA_MCP_SCOPES: 'off' }, idp),
  ]);
});
afterAll(async () => {
  await Promise.all([program?.stop(), entra?.stop()]);
  await kestra.close();
  await idp.stop();
});
afterEach(() => {
  idp.breaks = {};
});

type Claims = Record<string, unknown>;
const now = () => Math.floor(Date.now() / 1000);
const good = (more: Claims = {}): Claims => ({
  iss: idp.url,
  aud: audience,
  sub: 'sub-eve',
  client_id: 'a-client',
  iat: now(),
  exp: now() + 300,
  roles: ['kestra-editor'],
  scope: 'openid api.all',
  ...more,
});
const sign = (more: Claims = {}, header: Record<string, unknown> = { typ: 'at+jwt' }) => idp.tools.sign(good(more), header);
const kid = (): string => JSON.parse(Buffer.from(current.split('.')[0] ?? '', 'base64url').toString()).kid;
let current = '';

describe('mode external: tokens of the provider itself', () => {
  it('a right one is let in, with the rights of its claims and the user it names', async () => {
    const { structured, isError } = await program.call(await sign(), 'auth_status');
    expect(isError).toBe(false);
    expect(structured).toMatchObject({
      user_key: `${idp.url}|sub-eve`,
      signed_in: `an access token of ${idp.url}`,
      roles: [{ name: 'kestra-editor', from: 'the access token' }],
      scopes: ['kestra.read', 'kestra.execute', 'kestra.write'],
    });
    expect(
      (await program.call(await sign({ aud: ['https://other.example', audience] }), 'list_flows', { namespace: 'acme' })).isError,
    ).toBe(false);
    expect((await program.call(await sign({}, { typ: 'JWT' }), 'search_namespaces')).isError).toBe(false);
  });

  it.each<[string, () => Promise<string> | string]>([
    ['none at all', () => 'kmcp_at_x'],
    ['for another audience', () => sign({ aud: 'https://other.example' })],
    ['for our client id: an ID token', () => sign({ aud: fakeClient.id })],
    ['without an audience', () => sign({ aud: undefined })],
    ['of another issuer', () => sign({ iss: 'https://evil.example' })],
    ['of an issuer with a slash more', () => sign({ iss: `${idp.url}/` })],
    ['with a nonce: an ID token', () => sign({ nonce: 'n' })],
    ['that Keycloak calls an ID token', () => sign({ typ: 'ID' })],
    ['of another type', () => sign({}, { typ: 'logout+jwt' })],
    ['expired', () => sign({ iat: now() - 600, exp: now() - 120 })],
    ['without an end', () => sign({ exp: undefined })],
    ['not valid yet', () => sign({ nbf: now() + 300 })],
    ['from the future', () => sign({ iat: now() + 300, exp: now() + 900 })],
    ['without the time of its issue', () => sign({ iat: undefined })],
    ['without a subject', () => sign({ sub: undefined })],
    ['with alg none', () => unsigned({ alg: 'none', typ: 'at+jwt' }, good())],
    ['with alg none and a signature', () => unsigned({ alg: 'None', typ: 'at+jwt' }, good(), 'AAAA')],
    [
      'A13 signed with the public key as a shared secret',
      () => {
        const body = unsigned({ alg: 'HS256', typ: 'at+jwt' }, good()).replace(/\.$/, '');
        return `${body}.${createHmac('sha256', idp.tools.publicPem).update(body).digest('base64url')}`;
      },
    ],
    [
      'A14 signed by another key under the same key id',
      async () => {
        current = await sign();
        const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
        const bytes = Buffer.from(JSON.stringify(good()));
        return new CompactSign(bytes).setProtectedHeader({ alg: 'RS256', kid: kid(), typ: 'at+jwt' }).sign(privateKey);
      },
    ],
    [
      'changed',
      async () => (await sign()).replace(/\.[^.]+\./, `.${Buffer.from(JSON.stringify(good({ sub: 'root' }))).toString('base64url')}.`),
    ],
  ])('A18, R83 one %s is refused, and Kestra hears nothing', async (_, make) => {
    const before = kestra.requests.length;
    const { status, challenge, text } = await program.call(await make(), 'search_namespaces');
    expect(status).toBe(401);
    expect(challenge).toContain(`resource_metadata="${program.base}/.well-known/oauth-protected-resource/mcp"`);
    expect(challenge).toContain('error="invalid_token"');
    expect(text).toBe('');
    expect(kestra.requests.length).toBe(before);
  });

  it('R08 without a token the challenge names no error', async () => {
    const { status, challenge } = await program.call(undefined, 'search_namespaces');
    expect(status).toBe(401);
    expect(challenge).not.toContain('error=');
  });

  it("its scopes count in this server's words, the roles first", async () => {
    const source = 'id: a\nnamespace: acme\ntasks:\n  - id: t\n    type: io.kestra.plugin.core.log.Log\n    message: x\n';
    for (const scope of ['openid api.read', 'kestra.read', undefined]) {
      const reading = await sign({ scope, scp: scope === undefined ? ['api.read'] : undefined });
      expect((await program.call(reading, 'search_namespaces')).isError).toBe(false);
      const { status, challenge } = await program.call(reading, 'create_or_update_flow', { source });
      expect(status).toBe(403);
      expect(challenge).toMatch(/error="insufficient_scope".*/);
      expect(challenge).toContain('scope="kestra.read kestra.write"');
    }
    const none = await program.call(await sign({ scope: 'openid' }), 'search_namespaces');
    expect(none.status).toBe(403);
    // Whatever is no tool and shows things of Kestra is reading too.
    const [nothing, reading] = [await sign({ scope: 'openid' }), await sign({ scope: 'api.read' })];
    for (const [method, params] of [
      ['resources/read', { uri: 'kestra-mcp://flows/acme/none' }],
      ['prompts/get', { name: 'review_flow', arguments: { namespace: 'acme', flow_id: 'none' } }],
      ['completion/complete', { ref: { type: 'ref/prompt', name: 'review_flow' }, argument: { name: 'namespace', value: '' } }],
    ] as const) {
      const before = kestra.requests.length;
      const refused = await program.client.mcp(nothing, method, params);
      expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([403, expect.stringContaining('scope="kestra.read"')]);
      expect(kestra.requests.length).toBe(before);
      expect((await program.client.mcp(reading, method, params)).status).toBe(200);
      expect((await program.client.mcp(await sign({ scope: 'openid', roles: [] }), method, params)).status).toBe(200);
    }
    const noRole = await program.call(await sign({ roles: ['kestra-viewer'], scope: 'api.read' }), 'create_or_update_flow', { source });
    expect(noRole.error?.message).toContain('Tool "create_or_update_flow" not found');
  });

  it('KESTRA_MCP_SCOPES=off: the roles alone decide', async () => {
    const token = await sign({ scope: undefined, tid: 'tenant-1', oid: 'oid-1' });
    expect((await entra.call(token, 'execute_flow', { namespace: 'acme', flow_id: 'none' })).structured.error).toBe('not_found');
    expect((await entra.call(token, 'auth_status')).structured.user_key).toBe(`${idp.url}|oid-1`);
  });

  it('A15 of another tenant, or of none, is refused', async () => {
    for (const ids of [{ tid: 'tenant-2', oid: 'oid-1' }, { oid: 'oid-1' }, { tid: 'tenant-1' }]) {
      const { status, challenge } = await entra.call(await sign(ids), 'search_namespaces');
      expect(status).toBe(401);
      expect(challenge).toContain('people of this tenant or domain may not use this server');
    }
  });

  it('the metadata names the provider, and there is no authorization server here', async () => {
    const document = await fetch(`${program.base}/.well-known/oauth-protected-resource/mcp`);
    expect(await document.json()).toMatchObject({ resource: `${program.base}/mcp`, authorization_servers: [idp.url] });
    for (const path of ['/.well-known/oauth-authorization-server', '/authorize', '/oauth/callback?code=a&state=b', '/account']) {
      expect((await fetch(`${program.base}${path}`)).status, path).toBe(404);
    }
    for (const path of ['/token', '/register', '/revoke']) {
      expect((await fetch(`${program.base}${path}`, { method: 'POST' })).status, path).toBe(404);
    }
  });

  it('one credential serves everybody: none is asked for, and the log says what that means', async () => {
    expect(await program.list(await sign())).not.toContain('register_kestra_token');
    expect(program.stderr).toContain('the roles and the audit of this server are the only boundary');
  });

  it('A22 revoke ends what was issued before, at once, and nothing of anybody else', async () => {
    const [before, others] = [await sign({ sub: 'sub-vic' }), await sign({ sub: 'sub-otto' })];
    expect((await program.call(before, 'search_namespaces')).status).toBe(200);
    const { code, stdout } = await command(['revoke', `${idp.url}|sub-vic`], program.env);
    expect([code, stdout]).toEqual([0, `0 sign-ins of ${idp.url}|sub-vic ended, and tokens issued before now do not count.\n`]);
    const { status, challenge } = await program.call(before, 'search_namespaces');
    expect([status, challenge]).toEqual([401, expect.stringContaining('this sign-in was ended: sign in again')]);
    expect((await program.call(others, 'search_namespaces')).status).toBe(200);
    const later = await sign({ sub: 'sub-vic', iat: now() + 2 });
    expect((await program.call(later, 'search_namespaces')).status).toBe(200);
  });

  it.each([
    ['keys', (path: string) => path === '/jwks'],
    ['metadata', (path: string) => path === '/.well-known/openid-configuration'],
  ])('P06 a provider whose %s can not be had just now is 503, and logs nobody out', async (_, broken) => {
    const env = { ...program.env, ...(await settings({ kestra, idp })), OIDC_AUDIENCE: audience };
    idp.breaks = { answer: ({ path }) => (broken(path) ? { status: 500, body: 'down' } : undefined) };
    const late = await Program.start(env, idp);
    try {
      const token = await sign();
      expect((await late.call(token, 'search_namespaces')).status).toBe(503);
      idp.breaks = {};
      await expect.poll(async () => (await late.call(token, 'search_namespaces')).status, { timeout: 15_000, interval: 500 }).toBe(200);
    } finally {
      await late.stop();
    }
  });
});

describe('settings of the mode external', () => {
  it.concurrent.each([
    [{ OIDC_AUDIENCE: undefined }, 'OIDC_AUDIENCE is missing'],
    [{ OIDC_AUDIENCE: fakeClient.id }, 'OIDC_AUDIENCE must not be the client id'],
    [{ OIDC_ISSUER_URL: undefined }, 'OIDC_ISSUER_URL is missing'],
    [{ OIDC_SCOPE_MAP: 'api.read=read' }, 'OIDC_SCOPE_MAP: api.read=read should be like theirs=kestra.read'],
    [{ KESTRA_API_TOKEN: undefined }, 'One Kestra credential is to serve everybody'],
  ])('%o does not start', async (change, why) => {
    const { code, stderr } = await command([], { ...program.env, ...change });
    expect([1, 2]).toContain(code);
    expect(stderr).toContain(why);
  });
});
