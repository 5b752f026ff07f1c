import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorOf, Harness, redirectUri } from './harness.ts';

const secret = 'CANARY-client-secret-0123456789abcdef';
let h: Harness;
let clientId: string;
beforeAll(async () => {
  h = await Harness.start({
    clients: [
      { client_id: 'conf', client_secret: secret, client_name: 'Confidential', redirect_uris: [redirectUri] },
      { client_id: 'guessed', client_secret: secret, client_name: 'Guessed', redirect_uris: [redirectUri] },
      { client_id: 'pub', client_name: 'Public', redirect_uris: [redirectUri] },
    ],
  });
  clientId = await h.reg();
});
afterAll(() => h.stop());

const basic = (id: string, password: string): Record<string, string> => ({
  Authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(password)}`).toString('base64')}`,
});
const confidentialCode = async () => {
  const { code, verifier } = await h.code({ clientId: 'conf' });
  return { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: redirectUri };
};

describe('R60 method and form', () => {
  it.each(['GET', 'PUT', 'DELETE', 'PATCH'])('%s is 405 with Allow', async (method) => {
    for (const path of ['/token', '/revoke']) {
      const response = await fetch(`${h.base}${path}`, { method });
      expect(response.status).toBe(405);
      expect(response.headers.get('Allow')).toBe('POST');
      expect(response.headers.get('Content-Type')).toMatch(/json/);
    }
  });

  it.each([
    ['application/json', '{"grant_type":"refresh_token"}'],
    ['text/plain', 'grant_type=refresh_token'],
    ['multipart/form-data; boundary=x', '--x--'],
  ])('%s is refused', async (type, body) => {
    for (const path of ['/token', '/revoke']) {
      const response = await fetch(`${h.base}${path}`, { method: 'POST', headers: { 'Content-Type': type }, body });
      expect([400, 415]).toContain(response.status);
      expect(await errorOf(response)).toBe('invalid_request');
    }
  });

  it('parameters in the query do not count, repeated ones are refused, large and compressed bodies too', async () => {
    const query = await fetch(`${h.base}/token?grant_type=refresh_token&client_id=${clientId}`, {
      method: 'POST',
      body: new URLSearchParams(),
    });
    expect(query.status).toBe(400);
    const twice = await fetch(`${h.base}/token`, { method: 'POST', body: new URLSearchParams('grant_type=a&grant_type=a') });
    expect(await errorOf(twice)).toBe('invalid_request');
    const large = await fetch(`${h.base}/token`, { method: 'POST', body: new URLSearchParams({ code: 'x'.repeat(40_000) }) });
    expect(large.status).toBe(413);
    expect(await errorOf(large)).toBe('invalid_request');
    const packed = await fetch(`${h.base}/token`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Encoding': 'gzip' },
      body: 'x',
    });
    expect(packed.status).toBe(415);
  });
});

describe('R61 nothing is cached', () => {
  it('on success and on errors', async () => {
    const { code, verifier } = await h.code({ clientId });
    const answers = [
      await h.redeem({ client_id: clientId, code, code_verifier: verifier }),
      await h.redeem({ client_id: clientId, code: 'x', code_verifier: verifier }),
      await h.redeem({ client_id: 'nobody', code }),
      await fetch(`${h.base}/token`),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 400, 401, 405]);
    for (const { headers } of answers) expect(headers.get('Cache-Control')).toBe('no-store');
  });
});

describe('R62, R63, R28 client authentication', () => {
  it('an unknown client is 401', async () => {
    for (const id of ['nobody', '__proto__', 'constructor']) {
      const response = await h.token({ grant_type: 'refresh_token', client_id: id, refresh_token: 'x' });
      expect(response.status).toBe(401);
      expect(response.headers.has('WWW-Authenticate')).toBe(false);
      expect(await errorOf(response)).toBe('invalid_client');
    }
  });

  it('client_secret_basic and client_secret_post both work', async () => {
    expect((await h.token(await confidentialCode(), basic('conf', secret))).status).toBe(200);
    expect((await h.token({ ...(await confidentialCode()), client_id: 'conf', client_secret: secret })).status).toBe(200);
  });

  it('a wrong secret, or none, is 401, with a challenge if Basic was used, and consumes nothing', async () => {
    const fields = await confidentialCode();
    const wrong = await h.token(fields, basic('conf', 'wrong'));
    expect([wrong.status, wrong.headers.get('WWW-Authenticate')]).toEqual([401, expect.stringMatching(/^Basic /)]);
    expect(await errorOf(wrong)).toBe('invalid_client');
    const posted = await h.token({ ...fields, client_id: 'conf', client_secret: 'wrong' });
    expect([posted.status, posted.headers.has('WWW-Authenticate')]).toEqual([401, false]);
    expect((await h.token({ ...fields, client_id: 'conf' })).status).toBe(401);
    expect((await h.token(fields, { Authorization: 'Basic !!!' })).status).toBe(401);
    expect((await h.token(fields, { Authorization: 'Bearer x' })).status).toBe(401);
    expect((await h.token(fields, basic('conf', secret))).status).toBe(200);
  });

  it('two ways at once are refused', async () => {
    const fields = await confidentialCode();
    expect(await errorOf(await h.token({ ...fields, client_secret: secret }, basic('conf', secret)))).toBe('invalid_request');
    expect(await errorOf(await h.token({ ...fields, client_id: 'pub' }, basic('conf', secret)))).toBe('invalid_request');
  });

  it('a public client cannot use a secret', async () => {
    expect((await h.token({ grant_type: 'refresh_token', refresh_token: 'x', client_id: clientId, client_secret: 'any' })).status).toBe(
      401,
    );
    expect((await h.token({ grant_type: 'refresh_token', refresh_token: 'x' }, basic(clientId, 'any'))).status).toBe(401);
    expect(
      (await h.token({ grant_type: 'refresh_token', refresh_token: 'x', client_id: 'https://client.example/id', client_secret: 'any' }))
        .status,
    ).toBe(401);
  });

  it('R64 200 wrong secrets are too many, for this client alone', async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 200; i++) statuses.push((await h.token({ grant_type: 'x' }, basic('guessed', `wrong-${i}`))).status);
    expect(statuses[0]).toBe(401);
    expect(statuses.at(-1)).toBe(429);
    const limited = await h.token({ grant_type: 'x' }, basic('guessed', 'wrong'));
    expect(Number(limited.headers.get('Retry-After'))).toBeGreaterThan(0);
    expect((await h.token(await confidentialCode(), basic('conf', secret))).status).toBe(200);
    expect((await h.signIn({ clientId })).tokens.access_token).toMatch(/^kmcp_at_/);
  });
});

describe('R69 errors', () => {
  it.each([
    [{ grant_type: undefined }, 'invalid_request'],
    [{ grant_type: 'password' }, 'unsupported_grant_type'],
    [{ grant_type: 'client_credentials' }, 'unsupported_grant_type'],
    [{ grant_type: '__proto__' }, 'unsupported_grant_type'],
    [{ grant_type: 'authorization_code' }, 'invalid_request'],
    [{ grant_type: 'refresh_token' }, 'invalid_request'],
    [{ grant_type: 'refresh_token', refresh_token: 'garbage' }, 'invalid_grant'],
    [{ grant_type: 'refresh_token', refresh_token: 'garbage', scope: 'bogus' }, 'invalid_scope'],
    [{ grant_type: 'refresh_token', refresh_token: 'garbage', resource: 'https://other.example' }, 'invalid_target'],
  ])('%o', async (fields, error) => {
    const response = await h.token({ client_id: clientId, ...fields });
    expect(response.status).toBe(400);
    expect(await errorOf(response)).toBe(error);
  });

  it('R54 descriptions have only the characters that they may', async () => {
    for (const grant_type of ['"\\\u0000\r\n', 'ü<script>', undefined]) {
      const { error_description } = (await (await h.token({ client_id: clientId, grant_type })).json()) as { error_description: string };
      expect(error_description).toMatch(/^[\x20-\x21\x23-\x5B\x5D-\x7E]+$/);
    }
  });
});

describe('R70 scope', () => {
  it('is always returned', async () => {
    const { tokens } = await h.signIn({ clientId, parameters: { scope: 'kestra.read' } });
    expect(tokens.scope).toBe('kestra.read');
  });
});

describe('A17, R83 tokens of others', () => {
  it('are answered by the challenge', async () => {
    const { tokens } = await h.signIn({ clientId });
    const idToken = await h.idp.tools.sign({ iss: h.idp.url, sub: 'sub-eve', aud: 'kestra-mcp', exp: Date.now() / 1000 + 300 });
    const another = await Harness.start({ idp: h.idp });
    const foreign = (await another.signIn()).tokens.access_token;
    await another.stop();
    for (const token of [idToken, 'idp-at-0123', 'kestra-token', foreign, tokens.refresh_token, '', 'a b', `${tokens.access_token}x`]) {
      const response = await h.mcp(token);
      expect(response.status).toBe(401);
      const challenge = response.headers.get('WWW-Authenticate') ?? '';
      expect(challenge).toContain(`resource_metadata="${h.base}/.well-known/oauth-protected-resource/mcp"`);
    }
    expect((await h.mcp(tokens.access_token)).status).toBe(200);
  });

  it('R08, R82 the challenge has an error only if a token was sent', async () => {
    const without = (await h.mcp(undefined)).headers.get('WWW-Authenticate') ?? '';
    expect(without).not.toContain('error');
    expect(without).toContain('scope="kestra.read kestra.execute kestra.write"');
    expect((await h.mcp('kmcp_at_x')).headers.get('WWW-Authenticate')).toContain('error="invalid_token"');
  });

  it('an expired access token is 401', async () => {
    const own = await Harness.start({ idp: h.idp });
    const { tokens } = await own.signIn();
    own.clock.advance(901_000);
    expect((await own.mcp(tokens.access_token)).status).toBe(401);
    await own.stop();
  });
});

describe('A49 scripts of other origins', () => {
  it('may use the machine endpoints, without cookies', async () => {
    for (const path of [
      '/token',
      '/revoke',
      '/register',
      '/.well-known/oauth-authorization-server',
      '/.well-known/oauth-protected-resource/mcp',
    ]) {
      const headers = {
        Origin: 'https://app.example',
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'content-type',
      };
      const preflight = await fetch(`${h.base}${path}`, { method: 'OPTIONS', headers });
      expect([preflight.status, preflight.headers.get('Access-Control-Allow-Origin')]).toEqual([204, '*']);
      expect(preflight.headers.has('Access-Control-Allow-Credentials')).toBe(false);
    }
    expect((await h.token({ client_id: 'nobody' }, { Origin: 'https://app.example' })).headers.get('Access-Control-Allow-Origin')).toBe(
      '*',
    );
  });
});

describe('A48, R78 tokens cannot be guessed', () => {
  it('are distinct, 32 random bytes and evenly spread', async () => {
    const { mint } = await import('../../src/auth/secret.ts');
    const made = Array.from({ length: 2000 }, () => mint('at'));
    expect(new Set(made).size).toBe(2000);
    const bytes = Buffer.concat(made.map((token) => Buffer.from(token.replace('kmcp_at_', ''), 'base64url')));
    expect(bytes.length).toBe(64_000);
    const counts = new Array<number>(256).fill(0);
    for (const byte of bytes) counts[byte] = (counts[byte] ?? 0) + 1;
    const chiSquare = counts.reduce((sum, count) => sum + (count - 250) ** 2 / 250, 0);
    expect(chiSquare).toBeLessThan(400);
    const { tokens } = await h.signIn({ clientId });
    expect(tokens.access_token).toMatch(/^kmcp_at_[\w-]{43}$/);
    expect(tokens.refresh_token).toMatch(/^kmcp_rt_[\w-]{43}$/);
  });
});
