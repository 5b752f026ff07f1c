import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { metadata } from '../../src/auth/endpoints/metadata.ts';
import { readConfig } from '../../src/config.ts';
import { raw, startServer } from '../server/harness.ts';
import { Harness } from './harness.ts';

let h: Harness;
beforeAll(async () => {
  h = await Harness.start();
});
afterAll(() => h.stop());

const read = async (path: string): Promise<Record<string, unknown>> => {
  const answer = await fetch(`${h.base}${path}`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toMatch(/^application\/json(;|$)/);
  return (await answer.json()) as Record<string, unknown>;
};
const server = () => read('/.well-known/oauth-authorization-server');
const resource = () => read('/.well-known/oauth-protected-resource/mcp');

test('R01, R02, R04, R10 authorization server metadata', async () => {
  expect(await server()).toEqual({
    issuer: h.base,
    authorization_endpoint: `${h.base}/authorize`,
    token_endpoint: `${h.base}/token`,
    revocation_endpoint: `${h.base}/revoke`,
    registration_endpoint: `${h.base}/register`,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none'],
    revocation_endpoint_auth_methods_supported: ['none'],
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: true,
    scopes_supported: ['kestra.read', 'kestra.execute', 'kestra.write'],
    protected_resources: [`${h.base}/mcp`],
    service_documentation: `${h.base}/`,
  });
});

test('R02 issuer, authorization_servers and iss are the same, byte for byte, without a trailing slash', async () => {
  const { issuer } = await server();
  expect(issuer).toBe(h.base);
  expect(issuer).not.toMatch(/\/$/);
  expect((await resource()).authorization_servers).toEqual([issuer]);
  const { location } = await h.code();
  expect(location.searchParams.getAll('iss')).toEqual([issuer]);
});

test('R03 openid-configuration: a clean 404 in JSON, wherever it is looked for', async () => {
  for (const path of [
    '/.well-known/openid-configuration',
    '/.well-known/openid-configuration/mcp',
    '/mcp/.well-known/openid-configuration',
  ]) {
    const answer = await fetch(`${h.base}${path}`, { headers: { Accept: 'text/html, */*' } });
    expect([path, answer.status]).toEqual([path, 404]);
    expect(await answer.json()).toMatchObject({ error: expect.any(String) });
  }
});

test('R06 protected resource metadata, at both places', async () => {
  expect(await resource()).toEqual({
    resource: h.mcpUrl,
    authorization_servers: [h.base],
    scopes_supported: ['kestra.read', 'kestra.execute', 'kestra.write'],
    bearer_methods_supported: ['header'],
    resource_name: 'Kestra',
    resource_documentation: `${h.base}/`,
  });
  expect(await read('/.well-known/oauth-protected-resource')).toEqual(await resource());
});

test('R07 the URL in the challenge leads there', async () => {
  const challenge = (await h.mcp(undefined)).headers.get('www-authenticate') ?? '';
  const url = /resource_metadata="([^"]+)"/.exec(challenge)?.[1] ?? '';
  expect(url).toBe(`${h.base}/.well-known/oauth-protected-resource/mcp`);
  expect(await (await fetch(url)).json()).toMatchObject({ resource: h.mcpUrl });
});

test('R05 what is advertised is there', async () => {
  const document = await server();
  for (const [name, method] of [
    ['authorization_endpoint', 'GET'],
    ['token_endpoint', 'POST'],
    ['revocation_endpoint', 'POST'],
    ['registration_endpoint', 'POST'],
  ] as const) {
    expect([name, (await fetch(String(document[name]), { method })).status]).not.toEqual([name, 404]);
  }
});

test('R05 secrets are advertised only where a client has one', async () => {
  const client = { client_id: 'backend', client_secret: 's'.repeat(40), redirect_uris: ['https://b.example/cb'] };
  const other = await Harness.start({ clients: [client], idp: h.idp });
  const document = (await (await fetch(`${other.base}/.well-known/oauth-authorization-server`)).json()) as Record<string, unknown>;
  expect(document.token_endpoint_auth_methods_supported).toEqual(['none', 'client_secret_basic', 'client_secret_post']);
  await other.stop();
});

test('R09 no member is null or empty; R08 no offline_access', async () => {
  for (const document of [await server(), await resource()]) {
    expect(
      Object.values(document).filter((value) => value === null || value === '' || (Array.isArray(value) && value.length === 0)),
    ).toEqual([]);
    expect(JSON.stringify(document)).not.toContain('offline_access');
  }
});

test('R12, A49 metadata may be kept and read by scripts, without cookies', async () => {
  const answer = await fetch(`${h.base}/.well-known/oauth-authorization-server`, { headers: { Origin: 'https://x.example' } });
  expect(answer.headers.get('cache-control')).toMatch(/max-age=\d+/);
  expect(answer.headers.get('access-control-allow-origin')).toBe('*');
  expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
  const preflight = await fetch(`${h.base}/.well-known/oauth-protected-resource/mcp`, {
    method: 'OPTIONS',
    headers: { Origin: 'https://x.example', 'Access-Control-Request-Headers': 'mcp-protocol-version' },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-headers')).toMatch(/MCP-Protocol-Version/i);
});

test('A49 none of it at the pages and the authorization endpoint', async () => {
  for (const path of ['/', '/authorize', '/oauth/callback', '/nothing']) {
    for (const method of ['GET', 'OPTIONS']) {
      const answer = await fetch(`${h.base}${path}`, { method, headers: { Origin: 'https://x.example' } });
      expect([path, method, answer.headers.get('access-control-allow-origin')]).toEqual([path, method, null]);
    }
  }
});

test('A33 metadata and challenge come from the configuration, whatever the request says', async () => {
  const other = await startServer({
    config: { publicUrl: 'https://mcp.example.com', allowedHosts: ['internal:8081'] },
    authorization: (issuer) =>
      metadata({ issuer, resource: `${issuer}/mcp`, registration: true, metadataDocuments: false, confidentialClients: false }),
  });
  const spoofed = {
    'X-Forwarded-Host': 'evil.example',
    'X-Forwarded-Proto': 'http',
    Forwarded: 'host=evil.example',
    'X-Original-Host': 'evil.example',
  };
  // Each answer has an id of its own.
  const said = (body: string): string => body.replace(/"request_id":"[\w-]+"/, '"request_id"');
  for (const path of ['/.well-known/oauth-authorization-server', '/.well-known/oauth-protected-resource/mcp', '/mcp', '/']) {
    const plain = await raw(other.port, { path, headers: { Host: 'mcp.example.com' } });
    expect(plain.body + plain.headers['www-authenticate']).not.toContain('127.0.0.1');
    for (const headers of [{ Host: 'mcp.example.com', ...spoofed }, { Host: 'internal:8081' }, { Host: 'MCP.example.com' }]) {
      const answer = await raw(other.port, { path, headers });
      expect([answer.status, said(answer.body), answer.headers['www-authenticate']]).toEqual([
        plain.status,
        said(plain.body),
        plain.headers['www-authenticate'],
      ]);
    }
    expect((await raw(other.port, { path, headers: { Host: 'evil.example', ...spoofed } })).status).toBe(421);
  }
  expect((await raw(other.port, { path: '/', headers: { Host: 'mcp.example.com' } })).headers['strict-transport-security']).toMatch(
    /max-age/,
  );
  await other.stop();
});

describe('R11: the public URL', () => {
  const publicUrl = (url: string) => readConfig({ KESTRA_MCP_PUBLIC_URL: url }).http.publicUrl;

  test.each([
    'http://mcp.example.com',
    'http://10.0.0.1:8081',
    'http://127.0.0.1.evil.example',
    'https://mcp.example.com/kestra',
    'https://mcp.example.com/?x=1',
    'https://mcp.example.com/#f',
    'https://user:pass@mcp.example.com',
    'ftp://mcp.example.com',
    'mcp.example.com',
  ])('%s: refused', (url) => expect(() => publicUrl(url)).toThrow(/^KESTRA_MCP_PUBLIC_URL: /));

  test.each([
    ['https://mcp.example.com/', 'https://mcp.example.com'],
    ['https://MCP.example.com:443', 'https://mcp.example.com'],
    ['http://localhost:9000/', 'http://localhost:9000'],
    ['http://[::1]:9000', 'http://[::1]:9000'],
  ])('%s becomes %s', (url, normal) => expect(publicUrl(url)).toBe(normal));

  test('R90 without one: loopback and the port, which is also what is bound', () => {
    expect(readConfig({ KESTRA_MCP_PORT: '9000' }).http).toMatchObject({
      publicUrl: 'http://127.0.0.1:9000',
      host: '127.0.0.1',
      port: 9000,
    });
  });

  test('a host without a public URL, and a proxy that hides addresses: warned of', () => {
    expect(readConfig({ KESTRA_MCP_HOST: '0.0.0.0' }).warnings.join()).toMatch(/KESTRA_MCP_PUBLIC_URL is not set/);
    const behind = readConfig({ HTTPS_PROXY: 'http://proxy:3128' });
    expect(behind.http.metadataDocuments.on).toBe(false);
    expect(behind.warnings.join()).toMatch(/KESTRA_MCP_CIMD_HOSTS/);
    expect(readConfig({ HTTPS_PROXY: 'http://proxy:3128', KESTRA_MCP_CIMD_HOSTS: 'claude.ai' }).http.metadataDocuments.on).toBe(true);
  });
});
