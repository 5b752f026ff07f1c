import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateKey } from '../../src/store/seal.ts';
import { errorOf, Harness, pkce, type Tokens } from './harness.ts';
import { Jar } from './jar.ts';

let h: Harness;
let clientId: string;
beforeAll(async () => {
  h = await Harness.start();
  clientId = await h.reg();
});
afterAll(() => h.stop());

const refreshed = async (id: string, token: string, harness = h): Promise<Tokens> => {
  const response = await harness.refresh(id, token);
  expect(response.status).toBe(200);
  return (await response.json()) as Tokens;
};

describe('A19, R72 refresh tokens', () => {
  it('a lost answer is given again, byte for byte; after the successor was used the old one kills the grant', async () => {
    const { tokens: first } = await h.signIn({ clientId });
    const response = await h.refresh(clientId, first.refresh_token);
    const answer = await response.text();
    const again = await h.refresh(clientId, first.refresh_token);
    expect([again.status, await again.text()]).toEqual([200, answer]);
    const second = JSON.parse(answer) as Tokens;
    const third = await refreshed(clientId, second.refresh_token);
    expect(await errorOf(await h.refresh(clientId, first.refresh_token))).toBe('invalid_grant');
    expect(await h.isDead(clientId, third)).toBe(true);
  });

  it('after the window the old one kills the grant', async () => {
    const own = await Harness.start({ idp: h.idp });
    const { clientId: id, tokens: first } = await own.signIn();
    const second = await refreshed(id, first.refresh_token, own);
    own.clock.advance(61_000);
    expect(await errorOf(await own.refresh(id, first.refresh_token))).toBe('invalid_grant');
    expect(await own.isDead(id, second)).toBe(true);
    await own.stop();
  });

  it('P03 the same answer also after a restart in between', async () => {
    const own = await Harness.start({ idp: h.idp });
    const { clientId: id, tokens: first } = await own.signIn();
    const answer = await (await own.refresh(id, first.refresh_token)).text();
    await own.restart();
    const again = await own.refresh(id, first.refresh_token);
    expect([again.status, await again.text()]).toEqual([200, answer]);
    await own.stop();
  });

  it('KESTRA_MCP_REFRESH_REPLAY_SECONDS=0: an old one kills the grant at once', async () => {
    const own = await Harness.start({ idp: h.idp, env: { KESTRA_MCP_REFRESH_REPLAY_SECONDS: '0' } });
    const { clientId: id, tokens: first } = await own.signIn();
    const second = await refreshed(id, first.refresh_token, own);
    expect(await errorOf(await own.refresh(id, first.refresh_token))).toBe('invalid_grant');
    expect(await own.isDead(id, second)).toBe(true);
    await own.stop();
  });

  it('a replay with another scope is no lost answer', async () => {
    const { tokens: first } = await h.signIn({ clientId });
    const second = await refreshed(clientId, first.refresh_token);
    expect(await errorOf(await h.refresh(clientId, first.refresh_token, { scope: 'kestra.read' }))).toBe('invalid_grant');
    expect(await h.isDead(clientId, second)).toBe(true);
  });

  it('P05 ten parallel uses over two servers on one store: one lineage, every answer usable', async () => {
    const one = await Harness.start({ idp: h.idp, env: { KESTRA_MCP_PUBLIC_URL: 'http://127.0.0.1:$PORT' } });
    const two = await Harness.start({
      idp: h.idp,
      file: one.file,
      key: one.key,
      env: { KESTRA_MCP_PUBLIC_URL: one.base, KESTRA_MCP_ALLOWED_HOSTS: '127.0.0.1:$PORT' },
    });
    const other = `http://127.0.0.1:${two.config.http.port}`;
    let { clientId: id, tokens } = await one.signIn();
    for (let round = 0; round < 5; round++) {
      const all = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          fetch(`${i % 2 ? other : one.base}/token`, {
            method: 'POST',
            body: new URLSearchParams({ grant_type: 'refresh_token', client_id: id, refresh_token: tokens.refresh_token }),
          }),
        ),
      );
      expect(all.map(({ status }) => status)).toEqual(Array(10).fill(200));
      const answers = await Promise.all(all.map((response) => response.text()));
      expect(new Set(answers).size).toBe(1);
      tokens = JSON.parse(answers[0] ?? '') as Tokens;
      expect((await one.mcp(tokens.access_token)).status).toBe(200);
    }
    await two.stop();
    await one.stop();
  });
});

describe('A21, R71, R73 nothing widens', () => {
  it('A18, R74 a wider scope is invalid_scope, another resource invalid_target, and nothing is rotated', async () => {
    const { tokens } = await h.signIn({ clientId, parameters: { scope: 'kestra.read' } });
    expect(await errorOf(await h.refresh(clientId, tokens.refresh_token, { scope: 'kestra.read kestra.write' }))).toBe('invalid_scope');
    expect(await errorOf(await h.refresh(clientId, tokens.refresh_token, { scope: 'bogus' }))).toBe('invalid_scope');
    for (const resource of ['https://other.example/mcp', `${h.mcpUrl}#f`, `${h.mcpUrl}/`]) {
      expect(await errorOf(await h.refresh(clientId, tokens.refresh_token, { resource }))).toBe('invalid_target');
    }
    expect((await refreshed(clientId, tokens.refresh_token)).scope).toBe('kestra.read');
  });

  it('a narrower scope narrows the access token, not the grant', async () => {
    const { tokens } = await h.signIn({ clientId });
    const narrow = (await (await h.refresh(clientId, tokens.refresh_token, { scope: 'kestra.read' })).json()) as Tokens;
    expect(narrow.scope).toBe('kestra.read');
    expect((await h.whoAmI(narrow.access_token)).scopes).toEqual(['kestra.read']);
    expect((await refreshed(clientId, narrow.refresh_token)).scope).toBe('kestra.read kestra.execute kestra.write');
  });

  it("another client's refresh is refused, and the owner's still works", async () => {
    const other = await h.reg({ client_name: 'Other' });
    const { tokens } = await h.signIn({ clientId });
    expect(await errorOf(await h.refresh(other, tokens.refresh_token))).toBe('invalid_grant');
    await refreshed(clientId, tokens.refresh_token);
  });
});

describe('lifetimes', () => {
  it('a refresh token dies after 30 days of idleness, a sign-in after 90 days', async () => {
    const own = await Harness.start({ idp: h.idp });
    const day = 86_400_000;
    const idle = await own.signIn();
    own.clock.advance(31 * day);
    expect(await errorOf(await own.refresh(idle.clientId, idle.tokens.refresh_token))).toBe('invalid_grant');
    const busy = await own.signIn();
    let { refresh_token: token } = busy.tokens;
    for (let i = 0; i < 3; i++) {
      own.clock.advance(25 * day);
      token = (await refreshed(busy.clientId, token, own)).refresh_token;
    }
    own.clock.advance(16 * day);
    expect(await errorOf(await own.refresh(busy.clientId, token))).toBe('invalid_grant');
    await own.stop();
  });
});

describe('P01 a restart logs nobody out', () => {
  it('access and refresh tokens go on', async () => {
    const own = await Harness.start({ idp: h.idp });
    const signedIn = [await own.signIn(), await own.signIn({ user: 'vic' }), await own.signIn()];
    await own.restart();
    for (const { clientId: id, tokens } of signedIn) {
      expect((await own.mcp(tokens.access_token)).status).toBe(200);
      await refreshed(id, tokens.refresh_token, own);
    }
    await own.stop();
  });
});

describe('P16 a new key', () => {
  it('a sign-in begun under the old one ends well, and nobody is logged out', async () => {
    const own = await Harness.start({ idp: h.idp });
    const { clientId: id, tokens } = await own.signIn();
    const jar = new Jar();
    const [first, second] = [pkce(), pkce()];
    const page = await own.authorize(jar, { client_id: id, code_challenge: first.challenge });
    const provider = await own.approve(jar, await own.authorize(jar, { client_id: id, code_challenge: second.challenge }));
    own.key = `k2:${generateKey()},k1:${own.key}`;
    await own.restart();
    expect((await own.login(jar, 'eve', provider)).status).toBe(303);
    expect((await own.decide(jar, page)).status).toBe(303);
    own.clock.advance(6 * 60_000);
    await refreshed(id, tokens.refresh_token, own);
    await own.stop();
  });
});

describe('A20, R75, R76 revocation', () => {
  it("another client's revocation changes nothing and answers 200", async () => {
    const other = await h.reg({ client_name: 'Other' });
    const { tokens } = await h.signIn({ clientId });
    for (const token of [tokens.access_token, tokens.refresh_token]) {
      expect((await h.revoke({ client_id: other, token })).status).toBe(200);
    }
    expect((await h.mcp(tokens.access_token)).status).toBe(200);
    await refreshed(clientId, tokens.refresh_token);
  });

  it('garbage is 200, no token is 400, an unknown client 401', async () => {
    expect((await h.revoke({ client_id: clientId, token: 'garbage' })).status).toBe(200);
    expect((await h.revoke({ client_id: clientId })).status).toBe(400);
    expect((await h.revoke({ client_id: 'nobody', token: 'x' })).status).toBe(401);
  });

  it.each(['refresh_token', 'access_token', 'bogus', ''])('a refresh token ends its grant, whatever the hint says (%j)', async (hint) => {
    const { tokens } = await h.signIn({ clientId });
    expect((await h.revoke({ client_id: clientId, token: tokens.refresh_token, token_type_hint: hint })).status).toBe(200);
    expect(await h.isDead(clientId, tokens)).toBe(true);
  });

  it('an access token ends alone', async () => {
    const { tokens } = await h.signIn({ clientId });
    expect((await h.revoke({ client_id: clientId, token: tokens.access_token, token_type_hint: 'refresh_token' })).status).toBe(200);
    expect((await h.mcp(tokens.access_token)).status).toBe(401);
    await refreshed(clientId, tokens.refresh_token);
  });

  it("the provider's token is forgotten, never revoked there", async () => {
    const before = h.idp.requests.length;
    const { tokens } = await h.signIn({ clientId });
    await h.revoke({ client_id: clientId, token: tokens.refresh_token });
    expect(h.idp.requests.slice(before).map(({ path }) => path)).not.toContain('/revoke');
  });
});
