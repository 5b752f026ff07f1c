import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Harness, type Tokens } from './harness.ts';

let h: Harness;
beforeAll(async () => {
  h = await Harness.start();
});
afterAll(() => h.stop());

describe('A31 fifty users at once with equal JSON-RPC ids', () => {
  it('no answer ever crosses', async () => {
    const users = Array.from({ length: 50 }, (_, i) => `user-${i}`);
    for (const user of users) h.idp.users.set(user, { sub: `sub-${user}`, claims: { name: user, roles: ['kestra-viewer'] } });
    const clientId = await h.reg();
    const tokens: string[] = [];
    for (const user of users) tokens.push((await h.signIn({ user, clientId })).tokens.access_token);
    const calls = Array.from({ length: 4 }).flatMap(() => tokens.map((token, i) => ({ token, user: users[i] })));
    const names = await Promise.all(calls.map(async ({ token }) => (await h.whoAmI(token)).name));
    expect(names).toEqual(calls.map(({ user }) => user));
  });
});

describe('P05 one winner, 100 rounds over HTTP', () => {
  it('for each refresh token: one lineage whoever wins', async () => {
    const { clientId, tokens: first } = await h.signIn();
    let tokens = first;
    for (let round = 0; round < 100; round++) {
      const { refresh_token } = tokens;
      const all = await Promise.all([1, 2, 3].map(() => h.refresh(clientId, refresh_token)));
      expect(all.map(({ status }) => status)).toEqual([200, 200, 200]);
      const answers = await Promise.all(all.map((response) => response.text()));
      expect(new Set(answers).size).toBe(1);
      tokens = JSON.parse(answers[0] ?? '') as Tokens;
    }
  });

  it('for each code', async () => {
    const clientId = await h.reg();
    for (let round = 0; round < 100; round++) {
      const { code, verifier } = await h.code({ clientId });
      const fields = { client_id: clientId, code, code_verifier: verifier };
      const all = await Promise.all([1, 2, 3].map(() => h.redeem(fields)));
      expect(all.filter(({ status }) => status === 200)).toHaveLength(1);
    }
  });
});
