import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Harness, pkce } from './harness.ts';
import { Jar } from './jar.ts';

let h: Harness;
let clientId: string;
beforeAll(async () => {
  h = await Harness.start();
  clientId = await h.reg();
});
afterAll(() => h.stop());

/** "Refused locally": 4xx, no redirect, no provider. */
const refused = async (parameters: Record<string, string | undefined>, more = ''): Promise<string> => {
  const jar = new Jar();
  const before = h.idp.requests.length;
  const url = h.authorizeUrl({ client_id: clientId, code_challenge: pkce().challenge, ...parameters }) + more;
  const response = await jar.fetch(url);
  expect(response.status).toBeGreaterThanOrEqual(400);
  expect(response.status).toBeLessThan(500);
  expect(response.headers.has('Location')).toBe(false);
  expect(response.headers.getSetCookie()).toEqual([]);
  expect(h.idp.requests.length).toBe(before);
  return response.text();
};

const shown = async (parameters: Record<string, string | undefined>, more = ''): Promise<string> => {
  const response = await new Jar().fetch(h.authorizeUrl({ client_id: clientId, code_challenge: pkce().challenge, ...parameters }) + more);
  expect(response.status).toBe(200);
  return response.text();
};

describe('R40 unknown client or redirect URI', () => {
  it.each([
    [{ client_id: undefined }],
    [{ client_id: 'kmcp-nobody' }],
    [{ client_id: '__proto__' }],
    [{ client_id: '' }],
    [{ redirect_uri: undefined }],
    [{ redirect_uri: 'https://evil.example/cb' }],
    [{ redirect_uri: 'javascript:alert(1)' }],
  ])('%o', async (parameters) => {
    await refused(parameters);
  });
});

describe('A10, R41 no open redirector: other errors stay here too', () => {
  it.each([
    [{ scope: 'bogus' }],
    [{ response_type: 'x' }],
    [{ response_type: undefined }],
    [{ code_challenge: undefined }],
    [{ resource: 'https://other.example/mcp' }],
    [{ response_mode: 'fragment' }],
    [{ state: 's'.repeat(4097) }],
  ])('%o', async (parameters) => {
    await refused(parameters);
  });
});

describe('R48 response types', () => {
  it.each(['token', 'id_token', 'code token', 'none', 'CODE'])('%s', async (response_type) => {
    expect(await refused({ response_type })).toMatch(/response_type must be code/i);
  });
});

describe('A06, R42 PKCE', () => {
  it.each([
    [{ code_challenge: undefined }],
    [{ code_challenge: '' }],
    [{ code_challenge: 'a' }],
    [{ code_challenge: 'a'.repeat(42) }],
    [{ code_challenge: 'a'.repeat(44) }],
    [{ code_challenge: `${'a'.repeat(42)}=` }],
    [{ code_challenge_method: 'plain' }],
    [{ code_challenge_method: undefined }],
    [{ code_challenge_method: 's256' }],
  ])('%o', async (parameters) => {
    await refused(parameters);
  });
});

describe('A18, R74 resource', () => {
  it.each([
    'https://other.example/mcp',
    '/mcp',
    'javascript:alert(1)',
    'MCP#f',
    'MCP/',
    'MCP-other',
    'MCP/sub',
    'MCP?x=1',
    'http://127.0.0.1/mcp',
  ])('refuses %s', async (resource) => {
    await refused({ resource: resource.replace('MCP', h.mcpUrl) });
  });

  it('takes ours, in any case of scheme and host, and absent', async () => {
    await shown({ resource: h.mcpUrl });
    await shown({ resource: h.mcpUrl.replace('http', 'HTTP') });
    await shown({});
  });

  it('refuses two', async () => {
    await refused({ resource: h.mcpUrl }, `&resource=${encodeURIComponent(h.mcpUrl)}`);
  });
});

describe('R43 parameters', () => {
  it('refuses repeated ones, known or not', async () => {
    await refused({}, '&state=b');
    await refused({}, '&scope=kestra.read&scope=kestra.write');
    await refused({}, '&foo=1&foo=2');
  });

  it('ignores unknown ones, and takes empty ones for absent', async () => {
    await shown({}, '&foo=1&prompt=none&__proto__=x');
    expect(await shown({ scope: '' })).toContain('name="write"');
  });
});

describe('scopes', () => {
  it('drops unknown ones and returns what is granted', async () => {
    const { tokens } = await h.signIn({ parameters: { scope: 'openid kestra.read profile offline_access' } });
    expect(tokens.scope).toBe('kestra.read');
  });

  it('none asked = the default; write includes the others', async () => {
    expect((await h.signIn()).tokens.scope).toBe('kestra.read kestra.execute kestra.write');
    expect((await h.signIn({ parameters: { scope: 'kestra.write' } })).tokens.scope).toBe('kestra.read kestra.execute kestra.write');
    expect((await h.signIn({ parameters: { scope: 'kestra.execute' } })).tokens.scope).toBe('kestra.read kestra.execute');
  });
});

describe('A42, R54 nothing of the request gets into a header, and it is escaped in the page', () => {
  it.each(['\r\nX-Evil: 1', '<script>alert(1)</script>', '"><img src=x>', '\u0000'])('%j', async (evil) => {
    for (const name of ['scope', 'response_type', 'client_id', 'redirect_uri', 'resource', 'code_challenge']) {
      const response = await new Jar().fetch(h.authorizeUrl({ client_id: clientId, code_challenge: pkce().challenge, [name]: evil }));
      expect(response.headers.has('X-Evil')).toBe(false);
      const html = await response.text();
      expect(html).not.toContain('<script>');
      expect(html).not.toContain('<img src=x');
    }
  });
});
