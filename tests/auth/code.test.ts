import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorOf, Harness, pkce, redirectUri, type Tokens } from './harness.ts';

let h: Harness;
let clientId: string;
let otherClient: string;
beforeAll(async () => {
  h = await Harness.start();
  clientId = await h.reg({ redirect_uris: [redirectUri, 'https://client.example/second'] });
  otherClient = await h.reg({ client_name: 'Other' });
});
afterAll(() => h.stop());

const fresh = async () => {
  const { code, verifier } = await h.code({ clientId });
  return { client_id: clientId, code, code_verifier: verifier };
};

const refusedAs = async (response: Response, error: string, status = 400): Promise<void> => {
  expect(response.status).toBe(status);
  expect(response.headers.get('Cache-Control')).toBe('no-store');
  expect(await errorOf(response)).toBe(error);
};

describe('A06, R65, R66 the verifier', () => {
  it.each([
    ['absent', undefined, 'invalid_request'],
    ['empty', '', 'invalid_request'],
    ['too short', 'a'.repeat(42), 'invalid_request'],
    ['too long', 'a'.repeat(129), 'invalid_request'],
    ['with a space', `${'a'.repeat(42)} `, 'invalid_request'],
    ['unicode', 'ü'.repeat(43), 'invalid_request'],
    ['another', pkce().verifier, 'invalid_grant'],
  ])('%s is refused, and the code stays good', async (_, verifier, error) => {
    const fields = await fresh();
    await refusedAs(await h.redeem({ ...fields, code_verifier: verifier }), error);
    expect((await h.redeem(fields)).status).toBe(200);
  });

  it('the challenge is no verifier', async () => {
    const { verifier, challenge } = pkce();
    const { code } = await h.code({ clientId, parameters: { code_challenge: challenge } });
    await refusedAs(await h.redeem({ client_id: clientId, code, code_verifier: challenge }), 'invalid_grant');
    expect((await h.redeem({ client_id: clientId, code, code_verifier: verifier })).status).toBe(200);
  });

  it('five wrong ones kill the code', async () => {
    const fields = await fresh();
    for (let i = 0; i < 5; i++) await refusedAs(await h.redeem({ ...fields, code_verifier: pkce().verifier }), 'invalid_grant');
    await refusedAs(await h.redeem(fields), 'invalid_grant');
  });
});

describe('A07, R47, R68 the code', () => {
  it('used twice: refused, and the grant is dead', async () => {
    const fields = await fresh();
    const tokens = (await (await h.redeem(fields)).json()) as Tokens;
    expect((await h.mcp(tokens.access_token)).status).toBe(200);
    await refusedAs(await h.redeem(fields), 'invalid_grant');
    expect(await h.isDead(clientId, tokens)).toBe(true);
  });

  it('used twice without the right verifier, client or redirect: refused, and the grant lives', async () => {
    const fields = await fresh();
    const tokens = (await (await h.redeem(fields)).json()) as Tokens;
    await refusedAs(await h.redeem({ ...fields, code_verifier: pkce().verifier }), 'invalid_grant');
    await refusedAs(await h.redeem({ ...fields, client_id: otherClient }), 'invalid_grant');
    await refusedAs(await h.redeem({ ...fields, redirect_uri: 'https://client.example/second' }), 'invalid_grant');
    expect((await h.mcp(tokens.access_token)).status).toBe(200);
    expect((await h.refresh(clientId, tokens.refresh_token)).status).toBe(200);
  });

  it('redeemed by another client: refused, and its own client still can', async () => {
    const fields = await fresh();
    await refusedAs(await h.redeem({ ...fields, client_id: otherClient }), 'invalid_grant');
    expect((await h.redeem(fields)).status).toBe(200);
  });

  it('made up, also with a prefix of a real one: refused, and the real one lives', async () => {
    const fields = await fresh();
    const tokens = (await (await h.redeem(fields)).json()) as Tokens;
    for (const code of [
      `${fields.code.slice(0, 20)}${'A'.repeat(fields.code.length - 20)}`,
      fields.code.slice(0, -1),
      'x',
      `${fields.code}x`,
      '%00',
    ]) {
      await refusedAs(await h.redeem({ ...fields, code }), 'invalid_grant');
    }
    expect((await h.mcp(tokens.access_token)).status).toBe(200);
  });

  it('P05 20 parallel redemptions: one wins, and the others end the grant', async () => {
    const fields = await fresh();
    const all = await Promise.all(Array.from({ length: 20 }, () => h.redeem(fields)));
    const won = all.filter(({ status }) => status === 200);
    expect(won).toHaveLength(1);
    expect(await h.isDead(clientId, (await won[0]?.json()) as Tokens)).toBe(true);
  });

  it('lives for a minute', async () => {
    const own = await Harness.start({ idp: h.idp });
    const { code, verifier, clientId: id } = await own.code();
    own.clock.advance(61_000);
    await refusedAs(await own.redeem({ client_id: id, code, code_verifier: verifier }), 'invalid_grant');
    await own.stop();
  });
});

describe('R67 redirect_uri', () => {
  it('must be the one of the request if it is sent; a wrong one consumes nothing', async () => {
    const fields = await fresh();
    await refusedAs(await h.redeem({ ...fields, redirect_uri: 'https://client.example/second' }), 'invalid_grant');
    await refusedAs(await h.redeem({ ...fields, redirect_uri: 'https://evil.example/' }), 'invalid_grant');
    expect((await h.redeem({ ...fields, redirect_uri: undefined })).status).toBe(200);
  });
});

describe('A18, R74 resource', () => {
  it.each(['https://other.example/mcp', 'MCP#f', '/mcp', 'javascript:alert(1)', 'MCP-other'])(
    '%s is an invalid_target, nothing is minted and the code not consumed',
    async (resource) => {
      const fields = await fresh();
      await refusedAs(await h.redeem({ ...fields, resource: resource.replace('MCP', h.mcpUrl) }), 'invalid_target');
      expect((await h.redeem({ ...fields, resource: h.mcpUrl })).status).toBe(200);
    },
  );

  it('a token for one path is not good at another', async () => {
    const { tokens } = await h.signIn({ clientId });
    const response = await fetch(`${h.mcpUrl}-other`, { method: 'POST', headers: { Authorization: `Bearer ${tokens.access_token}` } });
    expect(response.status).toBe(404);
  });

  it('a token that was issued for another resource is not good here', async () => {
    const moved = await Harness.start({ idp: h.idp });
    const { tokens } = await moved.signIn();
    await moved.stop();
    const elsewhere = await Harness.start({ idp: h.idp, file: moved.file, key: moved.key });
    expect(elsewhere.mcpUrl).not.toBe(moved.mcpUrl);
    expect((await elsewhere.mcp(tokens.access_token)).status).toBe(401);
    await elsewhere.stop();
  });
});

describe('refresh tokens', () => {
  it('are for clients alone that registered the grant (R69)', async () => {
    const id = await h.reg({ client_name: 'Once', grant_types: ['authorization_code'] });
    const { tokens } = await h.signIn({ clientId: id });
    expect(tokens).not.toHaveProperty('refresh_token');
    const { tokens: others } = await h.signIn({ clientId });
    await refusedAs(await h.refresh(id, others.refresh_token), 'unauthorized_client');
    expect((await h.refresh(clientId, others.refresh_token)).status).toBe(200);
  });
});
