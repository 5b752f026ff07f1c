import { createHmac, generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CompactSign } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Breaks, unsigned } from './fake-idp.ts';
import { Harness, pkce } from './harness.ts';
import { Jar } from './jar.ts';

let h: Harness;
let clientId: string;
const canary = { hits: 0, url: '' };
const canaryServer = createServer((_, response) => {
  canary.hits += 1;
  response.end('{"keys":[]}');
});
beforeAll(async () => {
  h = await Harness.start();
  clientId = await h.reg();
  await new Promise<void>((resolve) => canaryServer.listen(0, '127.0.0.1', resolve));
  canary.url = `http://127.0.0.1:${(canaryServer.address() as AddressInfo).port}/`;
});
afterAll(async () => {
  canaryServer.close();
  await h.stop();
});
afterEach(() => {
  h.idp.breaks = {};
});

const attempt = async (harness = h, id = clientId): Promise<Response> => {
  const jar = new Jar();
  const page = await harness.authorize(jar, { client_id: id, code_challenge: pkce().challenge });
  return harness.login(jar, 'eve', await harness.approve(jar, page));
};

type IdToken = NonNullable<Breaks['idToken']>;
const hs256 = (claims: unknown, key: string | Buffer, header: object = {}): string => {
  const text = unsigned({ alg: 'HS256', typ: 'JWT', ...header }, claims).slice(0, -1);
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
};
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
const foreign: IdToken = (claims, { sign }) => {
  void sign;
  return new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader({ alg: 'RS256', kid: 'key-1' }).sign(stranger.privateKey);
};

describe('A13 an ID token that proves nothing signs nobody in', () => {
  it('while the right one does', async () => {
    expect((await attempt()).status).toBe(303);
  });

  const tokens: Record<string, IdToken> = {
    'alg none': (claims) => unsigned({ alg: 'none', typ: 'JWT' }, claims),
    'alg None': (claims) => unsigned({ alg: 'None' }, claims, 'x'),
    'no signature': async (claims, { sign }) => `${(await sign(claims)).split('.').slice(0, 2).join('.')}.`,
    'HS256 with the client secret': (claims, { secret }) => hs256(claims, secret),
    'HS256 with the public key': (claims, { publicPem }) => hs256(claims, publicPem, { kid: 'key-1' }),
    'an unknown key': foreign,
    'a changed payload': async (claims, { sign }) => {
      const [header, , signature] = (await sign(claims)).split('.');
      return `${header}.${Buffer.from(JSON.stringify({ ...claims, roles: ['kestra-admin'] })).toString('base64url')}.${signature}`;
    },
    'kid a path': (claims, { sign }) => sign(claims, { kid: '../../dev/null' }),
    'kid SQL': (claims, { sign }) => sign(claims, { kid: "' OR 1=1--" }),
    'kid of 64 KB': (claims, { sign }) => sign(claims, { kid: 'k'.repeat(65_536) }),
    garbage: () => 'a.b.c',
    'not a JWT': () => 'garbage',
    JWE: () => 'a.b.c.d.e',
  };
  it.each(Object.entries(tokens))('%s', async (_, idToken) => {
    h.idp.breaks = { idToken };
    const response = await attempt();
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(response.headers.has('Location')).toBe(false);
  });

  it.each(['jku', 'x5u', 'jwk'])('a header %s that points elsewhere is never followed', async (name) => {
    const value = name === 'jwk' ? stranger.publicKey.export({ format: 'jwk' }) : canary.url;
    h.idp.breaks = {
      idToken: (claims) =>
        new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader({ alg: 'RS256', [name]: value }).sign(stranger.privateKey),
    };
    expect((await attempt()).status).toBeGreaterThanOrEqual(400);
    expect(canary.hits).toBe(0);
  });

  const now = () => Math.floor(Date.now() / 1000);
  const claims: Record<string, Record<string, unknown>> = {
    'iss other': { iss: 'https://evil.example' },
    'iss with a slash': { iss: 'SLASH' },
    'aud other': { aud: 'another' },
    'aud several without azp': { aud: ['kestra-mcp', 'another'] },
    'aud several, azp other': { aud: ['kestra-mcp', 'another'], azp: 'another' },
    'aud missing': { aud: undefined },
    'exp past': { exp: now() - 3600 },
    'exp missing': { exp: undefined },
    'iat in the future': { iat: now() + 3600, exp: now() + 7200 },
    'iat a little too far in the future': { iat: now() + 120, exp: now() + 7200 },
    'iat missing': { iat: undefined },
    'nonce missing': { nonce: undefined },
    'nonce other': { nonce: 'other' },
    'sub missing': { sub: undefined },
    'sub empty': { sub: '' },
    'sub a number': { sub: 42 },
  };
  it.each(Object.entries(claims))('%s', async (_, change) => {
    h.idp.breaks = { claims: (before) => ({ ...before, ...change, ...(change.iss === 'SLASH' && { iss: `${h.idp.url}/` }) }) };
    const users = await h.store.listUsers({ limit: 100 });
    const response = await attempt();
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(response.headers.has('Location')).toBe(false);
    expect(await h.store.listUsers({ limit: 100 })).toEqual(users);
  });

  it('a token response without an ID token, or with a body that is none', async () => {
    for (const tokens of [
      ({ id_token: _, ...rest }: Record<string, unknown>) => rest,
      () => ({ error: 'x' }),
      (response: Record<string, unknown>) => ({ ...response, access_token: 1 }),
    ]) {
      h.idp.breaks = { tokens };
      expect((await attempt()).status).toBeGreaterThanOrEqual(400);
    }
  });

  it('P19 a clock that differs by less than a minute is borne', async () => {
    h.idp.breaks = { claims: (before) => ({ ...before, iat: now() + 50, exp: now() + 350 }) };
    expect((await attempt()).status).toBe(303);
    h.idp.breaks = { claims: (before) => ({ ...before, iat: now() - 350, exp: now() - 50 }) };
    expect((await attempt()).status).toBe(303);
  });
});

describe('A14 the keys are fetched seldom, bounded, and kept', () => {
  it('200 sign-ins with made-up key ids fetch them at most twice', async () => {
    const own = await Harness.start();
    const id = await own.reg();
    expect((await attempt(own, id)).status).toBe(303);
    let n = 0;
    own.idp.breaks = { idToken: (claims, { sign }) => sign(claims, { kid: `made-up-${n++}` }) };
    const failed: Promise<Response>[] = [];
    for (let i = 0; i < 200; i++) {
      failed.push(attempt(own, id));
      if (i % 20 === 0) await Promise.all(failed);
    }
    expect((await Promise.all(failed)).every(({ status }) => status >= 400)).toBe(true);
    expect(own.idp.hits('/jwks')).toBeLessThanOrEqual(2);
    await own.stop();
  });

  it('takes a new key after the old one was rotated away', async () => {
    const own = await Harness.start();
    const id = await own.reg();
    own.idp.rotateKeys();
    expect((await attempt(own, id)).status).toBe(303);
    await own.stop();
  });

  it('50 MB of keys, or keys that never come, end the sign-in in time; whoever has cached keys goes on', async () => {
    const own = await Harness.start();
    const id = await own.reg();
    const large = Buffer.alloc(50 * 1024 * 1024, ' ');
    own.idp.breaks = { answer: ({ path }) => (path === '/jwks' ? { body: large } : undefined) };
    const before = process.memoryUsage().rss;
    expect((await attempt(own, id)).status).toBeGreaterThanOrEqual(400);
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
    own.idp.breaks = { answer: ({ path }) => (path === '/jwks' ? 'never' : undefined) };
    const started = performance.now();
    expect((await attempt(own, id)).status).toBeGreaterThanOrEqual(400);
    expect(performance.now() - started).toBeLessThan(6000);
    own.idp.breaks = {};
    expect((await attempt(own, id)).status).toBe(303);
    own.idp.breaks = { answer: ({ path }) => (path === '/jwks' ? 'never' : undefined) };
    expect((await attempt(own, id)).status).toBe(303);
    await own.stop();
  });
});
