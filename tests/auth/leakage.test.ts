import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fakeClient } from './fake-idp.ts';
import { Harness, pkce, redirectUri, type Tokens } from './harness.ts';
import { Jar } from './jar.ts';

const clientSecret = 'CANARY-confidential-client-secret-0123';
const secrets = new Set<string>();
const bodies: string[] = [];
let h: Harness;

const keep = async (response: Response): Promise<string> => {
  const text = await response.text();
  if (response.status >= 400) bodies.push(text);
  return text;
};

beforeAll(async () => {
  h = await Harness.start({
    clients: [{ client_id: 'conf', client_secret: clientSecret, client_name: 'C', redirect_uris: [redirectUri] }],
  });
  h.idp.rotate = true;
  secrets.add(clientSecret).add(fakeClient.secret).add(h.key.replace(/=$/, ''));
  const clientId = await h.reg();
  const jar = new Jar();
  const { verifier, challenge } = pkce();
  secrets.add(verifier);
  const page = await h.authorize(jar, { client_id: clientId, code_challenge: challenge, state: 'CANARY-client-state' });
  const providerUrl = await h.approve(jar, page);
  for (const [, value] of jar.cookies(h.base)) secrets.add(value);
  secrets.add(new URL(providerUrl).searchParams.get('state') ?? '').add(new URL(providerUrl).searchParams.get('nonce') ?? '');
  const callback = await h.idpLogin(jar, 'eve', providerUrl);
  secrets.add(new URL(callback).searchParams.get('code') ?? '');
  await keep(await new Jar().fetch(callback));
  const signedIn = await jar.fetch(callback);
  const code = new URL(signedIn.headers.get('Location') ?? '').searchParams.get('code') ?? '';
  secrets.add(code);
  await keep(await jar.fetch(callback));
  const fields = { client_id: clientId, code, code_verifier: verifier };
  await keep(await h.redeem({ ...fields, code_verifier: pkce().verifier }));
  let tokens = JSON.parse(await keep(await h.redeem(fields))) as Tokens;
  const breaks = [
    {},
    { answer: ({ path }: { path: string }) => (path === '/token' ? { status: 500, body: 'x' } : undefined) },
    { idToken: () => 'CANARY.id.token' },
    {
      claims: ({ roles: _, ...rest }: Record<string, unknown>) => rest,
      answer: ({ path }: { path: string }) => (path === '/userinfo' ? { body: 'garbage' } : undefined),
    },
  ];
  for (const one of breaks) {
    secrets.add(tokens.access_token).add(tokens.refresh_token);
    h.idp.breaks = one;
    h.clock.advance(6 * 60_000);
    await keep(await h.mcp(tokens.access_token));
    tokens = JSON.parse(await keep(await h.refresh(clientId, tokens.refresh_token))) as Tokens;
  }
  secrets.add(tokens.access_token).add(tokens.refresh_token);
  h.idp.breaks = { idToken: () => 'CANARY.id.token' };
  const failing = await h.authorize(jar, { client_id: clientId, code_challenge: challenge });
  await keep(await h.login(jar, 'eve', await h.approve(jar, failing)));
  h.idp.breaks = {};
  await keep(
    await h.token({ grant_type: 'refresh_token', client_id: 'conf', client_secret: clientSecret, refresh_token: tokens.refresh_token }),
  );
  await keep(await h.token({ grant_type: 'refresh_token', client_id: 'conf', client_secret: `${clientSecret}x`, refresh_token: 'x' }));
  await keep(await h.revoke({ client_id: clientId, token: tokens.refresh_token }));
  await keep(await h.refresh(clientId, tokens.refresh_token));
  await keep(await h.mcp(tokens.access_token));
  for (const { headers, form } of h.idp.requests) {
    for (const name of ['refresh_token', 'code', 'code_verifier']) if (form.get(name)) secrets.add(form.get(name) ?? '');
    if (headers.authorization?.startsWith('Bearer ')) secrets.add(headers.authorization.slice(7));
  }
  secrets.delete('');
});
afterAll(() => h.stop());

describe('A46 no secret gets out', () => {
  it('enough happened for that to mean something', () => {
    expect(secrets.size).toBeGreaterThan(20);
    expect(h.logged.length).toBeGreaterThan(5);
    expect(bodies.length).toBeGreaterThan(7);
  });

  it('into the log at its most talkative', () => {
    const log = h.logged.join('\n');
    for (const secret of secrets) expect(log).not.toContain(secret);
    expect(log).not.toContain('CANARY.id.token');
  });

  it('into the audit', async () => {
    const audit = JSON.stringify(await h.store.listEvents({ limit: 1000 }));
    for (const secret of secrets) expect(audit).not.toContain(secret);
  });

  it('into error bodies, nor a stack, path or SQL', () => {
    for (const body of bodies) {
      for (const secret of secrets) expect(body).not.toContain(secret);
      expect(body).not.toMatch(/node_modules|\bat \/|\.ts:\d|SELECT |UPDATE |SqliteError|\/tmp\//);
    }
  });
});

describe('A47 at rest', () => {
  it('nothing is in clear in the files of the store', () => {
    const folder = dirname(h.file);
    const files = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
    expect(Buffer.concat(files).length).toBeGreaterThan(10_000);
    for (const file of files) for (const secret of secrets) expect(file.includes(secret)).toBe(false);
  });

  it('A17 the provider never sees our tokens, and clients never its', () => {
    const sent = JSON.stringify(h.idp.requests.map(({ headers, body, query }) => [headers, body, [...query]]));
    expect(sent).not.toMatch(/kmcp_(at|rt|code)_/);
    expect(bodies.join('')).not.toMatch(/idp-(at|rt|code)-/);
  });
});
