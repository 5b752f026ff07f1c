import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Reply } from './fake-idp.ts';
import { errorOf, Harness, type Tokens } from './harness.ts';

const minute = 60_000;
const hour = 60 * minute;
let h: Harness;
beforeEach(async () => {
  h = await Harness.start();
});
afterEach(() => h.stop());

const events = async (kind: string) => (await h.store.listEvents({ limit: 100 })).filter((event) => event.kind === kind);
const refresh = async (id: string, token: string): Promise<Tokens> => {
  const response = await h.refresh(id, token);
  expect(response.status, h.logged.slice(-3).join('')).toBe(200);
  return (await response.json()) as Tokens;
};
const tokenDown = (reply: Reply | 'never') => {
  h.idp.breaks = { answer: ({ path }) => (path === '/token' ? reply : undefined) };
};
const eve = () => {
  const user = h.idp.users.get('eve');
  if (!user) throw new Error('no eve');
  return user;
};

describe('A22 rights that were taken away', () => {
  it('count no more after the next refresh, when the claims are older than 5 minutes', async () => {
    const { clientId, tokens } = await h.signIn();
    expect((await h.whoAmI(tokens.access_token)).permissions).toContain('kestra.flow.write');
    eve().claims.roles = ['kestra-viewer'];
    const asked = h.idp.hits('/token');
    const young = await refresh(clientId, tokens.refresh_token);
    expect(h.idp.hits('/token')).toBe(asked);
    h.clock.advance(6 * minute);
    const next = await refresh(clientId, young.refresh_token);
    expect(h.idp.hits('/token')).toBe(asked + 1);
    expect((await h.whoAmI(next.access_token)).permissions).not.toContain('kestra.flow.write');
  });

  it.each(['disabled', 'session ended'])('user %s: the grant is dead, and the log and the audit say why', async (how) => {
    const { clientId, tokens } = await h.signIn();
    if (how === 'disabled') eve().disabled = true;
    else h.idp.endSessions();
    h.clock.advance(6 * minute);
    expect(await errorOf(await h.refresh(clientId, tokens.refresh_token))).toBe('invalid_grant');
    expect(await h.isDead(clientId, tokens)).toBe(true);
    expect(await events('provider_refused')).toHaveLength(1);
  });

  it('revoked by an administrator: the next call is 401', async () => {
    const { tokens } = await h.signIn();
    await h.store.revokeUser({ issuer: h.idp.url, subject: 'sub-eve' }, 'administrator_revoked', {});
    expect((await h.mcp(tokens.access_token)).status).toBe(401);
  });

  it('a provider that answers for another user ends the grant', async () => {
    const { clientId, tokens } = await h.signIn();
    h.idp.breaks = { claims: (claims, grant) => (grant === 'refresh_token' ? { ...claims, sub: 'sub-vic' } : claims) };
    h.clock.advance(6 * minute);
    expect(await errorOf(await h.refresh(clientId, tokens.refresh_token))).toBe('invalid_grant');
    expect(await h.isDead(clientId, tokens)).toBe(true);
  });
});

describe('P06 a provider that is down logs nobody out', () => {
  it.each([
    ['503', { status: 503, body: 'down' }],
    ['502 with HTML', { status: 502, headers: { 'Content-Type': 'text/html' }, body: '<h1>Bad gateway</h1>' }],
    ['429', { status: 429, body: { error: 'slow_down' } }],
    ['500 with an OAuth error', { status: 500, body: { error: 'server_error' } }],
    ['200 with garbage', { status: 200, body: 'garbage' }],
    ['invalid_client: our secret was changed there', { status: 401, body: { error: 'invalid_client' } }],
  ] as const)('%s: rotates with the stored claims, audited; older than 8 h: 503, and nothing is consumed', async (_, reply) => {
    const { clientId, tokens } = await h.signIn();
    tokenDown(reply);
    h.clock.advance(1 * hour);
    const next = await refresh(clientId, tokens.refresh_token);
    expect((await h.mcp(next.access_token)).status).toBe(200);
    expect(await events('provider_unreachable')).toHaveLength(1);
    h.clock.advance(8 * hour);
    const response = await h.refresh(clientId, next.refresh_token);
    expect(response.status).toBe(503);
    expect(Number(response.headers.get('Retry-After'))).toBeGreaterThan(0);
    expect(response.headers.get('Cache-Control')).toBe('no-store');
    h.idp.breaks = {};
    await refresh(clientId, next.refresh_token);
  });

  it('refused connections, and an answer that never comes: within seconds (P09)', async () => {
    const { clientId, tokens } = await h.signIn();
    tokenDown('never');
    h.clock.advance(1 * hour);
    const started = performance.now();
    const next = await refresh(clientId, tokens.refresh_token);
    expect(performance.now() - started).toBeLessThan(7000);
    await h.idp.stop();
    h.clock.advance(10 * minute);
    const last = await refresh(clientId, next.refresh_token);
    await h.idp.start();
    h.idp.breaks = {};
    h.clock.advance(10 * minute);
    await refresh(clientId, last.refresh_token);
  });
});

describe('a provider that rotates its refresh tokens', () => {
  it('is asked once, whatever number of refreshes come at once', async () => {
    h.idp.rotate = true;
    const { clientId, tokens: first } = await h.signIn();
    let tokens = first;
    for (let round = 0; round < 5; round++) {
      h.clock.advance(6 * minute);
      const asked = h.idp.hits('/token');
      const { refresh_token } = tokens;
      const all = await Promise.all(Array.from({ length: 10 }, () => h.refresh(clientId, refresh_token)));
      expect(all.map(({ status }) => status)).toEqual(Array(10).fill(200));
      expect(h.idp.hits('/token')).toBe(asked + 1);
      const answers = await Promise.all(all.map((response) => response.text()));
      expect(new Set(answers).size).toBe(1);
      tokens = JSON.parse(answers[0] ?? '') as Tokens;
    }
  });

  it('keeps the new one even if the ID token beside it is worthless, or userinfo fails', async () => {
    h.idp.rotate = true;
    const { clientId, tokens } = await h.signIn();
    h.idp.breaks = { idToken: () => 'a.b.c' };
    h.clock.advance(6 * minute);
    const second = await refresh(clientId, tokens.refresh_token);
    h.idp.breaks = {
      claims: ({ roles: _, groups: __, ...thin }) => thin,
      answer: ({ path }) => (path === '/userinfo' ? { status: 500 } : undefined),
    };
    h.clock.advance(6 * minute);
    const third = await refresh(clientId, second.refresh_token);
    expect((await h.whoAmI(third.access_token)).permissions).toContain('kestra.flow.write');
    h.idp.breaks = {};
    eve().claims.roles = ['kestra-viewer'];
    h.clock.advance(6 * minute);
    const fourth = await refresh(clientId, third.refresh_token);
    expect((await h.whoAmI(fourth.access_token)).permissions).not.toContain('kestra.flow.write');
  });

  it('P02 provider_rotation_lost: killed between its answer and our commit, the grant ends under that name; without rotation it goes on', async () => {
    for (const rotate of [true, false]) {
      h.idp.rotate = rotate;
      const { clientId, tokens } = await h.signIn();
      h.clock.advance(6 * minute);
      h.store.commitProviderAnswer = () => new Promise(() => undefined);
      const lost = fetch(`${h.base}/token`, {
        method: 'POST',
        signal: AbortSignal.timeout(500),
        body: new URLSearchParams({ grant_type: 'refresh_token', client_id: clientId, refresh_token: tokens.refresh_token }),
      });
      await expect(lost).rejects.toThrow();
      await h.restart();
      h.clock.advance(9000);
      const response = await h.refresh(clientId, tokens.refresh_token);
      expect(response.status).toBe(rotate ? 400 : 200);
      if (!rotate) continue;
      expect(await errorOf(response)).toBe('invalid_grant');
      expect(await events('provider_rotation_lost')).toHaveLength(1);
    }
  });

  it('while the lease of another process lasts, a refresh waits or is told to come back: 503 with Retry-After', async () => {
    const { clientId, tokens } = await h.signIn();
    h.clock.advance(6 * minute);
    const held = await h.store.beginRefresh({ refreshToken: tokens.refresh_token, clientId }, { owner: 'another', claimsFreshMs: 1 }, {});
    expect(held.outcome).toBe('ask');
    const response = await h.refresh(clientId, tokens.refresh_token);
    expect([200, 503]).toContain(response.status);
    if (response.status === 503) expect(Number(response.headers.get('Retry-After'))).toBeGreaterThan(0);
    h.clock.advance(9000);
    await refresh(clientId, tokens.refresh_token);
  });
});

describe('a provider without refresh tokens', () => {
  it('ends the grant when the claims are 8 hours old, and the log warns at the sign-in', async () => {
    h.idp.refreshTokens = false;
    const { clientId, tokens } = await h.signIn();
    expect(h.logged.join('')).toContain('no refresh token');
    h.clock.advance(7 * hour);
    const next = await refresh(clientId, tokens.refresh_token);
    h.clock.advance(50 * minute);
    const last = await refresh(clientId, next.refresh_token);
    h.clock.advance(11 * minute);
    expect(await errorOf(await h.refresh(clientId, last.refresh_token))).toBe('invalid_grant');
    expect((await h.mcp(last.access_token)).status).toBe(401);
  });
});

describe('a refresh without an ID token', () => {
  it('keeps the session, not the roles: when they are 8 hours old the grant ends', async () => {
    const { clientId, tokens } = await h.signIn();
    h.idp.breaks = {
      tokens: ({ id_token, ...rest }, { form }) => (form.get('grant_type') === 'refresh_token' ? rest : { ...rest, id_token }),
    };
    eve().claims.roles = ['kestra-admin'];
    h.clock.advance(4 * hour);
    const next = await refresh(clientId, tokens.refresh_token);
    expect((await h.whoAmI(next.access_token)).permissions).not.toContain('kestra.flow.delete');
    h.clock.advance(4 * hour + minute);
    expect(await errorOf(await h.refresh(clientId, next.refresh_token))).toBe('invalid_grant');
    expect((await events('grant_revoked')).map(({ detail }) => detail?.reason)).toContain('claims_expired');
  });

  it('renews the roles too where they came from userinfo', async () => {
    h.idp.breaks = { claims: ({ roles: _, groups: __, ...thin }) => thin };
    const { clientId, tokens } = await h.signIn();
    expect((await h.whoAmI(tokens.access_token)).permissions).toContain('kestra.flow.write');
    h.idp.breaks = { tokens: ({ id_token: _, ...rest }) => rest };
    eve().claims.roles = ['kestra-viewer'];
    h.clock.advance(6 * minute);
    const next = await refresh(clientId, tokens.refresh_token);
    expect((await h.whoAmI(next.access_token)).permissions).not.toContain('kestra.flow.write');
  });
});

describe('a thin ID token', () => {
  it('is filled from userinfo, at each refresh again', async () => {
    h.idp.breaks = { claims: ({ roles: _, groups: __, ...thin }) => thin };
    const { clientId, tokens } = await h.signIn();
    eve().claims.roles = ['kestra-viewer'];
    h.clock.advance(6 * minute);
    const next = await refresh(clientId, tokens.refresh_token);
    expect((await h.whoAmI(next.access_token)).roles).toEqual([{ name: 'kestra-viewer', from: expect.stringContaining('userinfo') }]);
  });
});
