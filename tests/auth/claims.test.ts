import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { claimGrants } from '../../src/access/policy.ts';
import { pick, readClaims } from '../../src/auth/claims.ts';
import type { OidcConfig } from '../../src/config.ts';
import { Harness, pkce } from './harness.ts';
import { Jar } from './jar.ts';

let h: Harness;
beforeAll(async () => {
  h = await Harness.start();
});
afterAll(() => h.stop());

const permissionsOf = async (claims: Record<string, unknown>, harness = h): Promise<string[]> => {
  harness.idp.users.set('someone', { sub: 'sub-someone', claims });
  return (await harness.whoAmI((await harness.signIn({ user: 'someone' })).tokens.access_token)).permissions;
};

/** Opens the page at which a sign-in ends that is refused. */
const refusal = async (harness: Harness, claims: Record<string, unknown>): Promise<string> => {
  harness.idp.users.set('someone', { sub: 'sub-someone', claims });
  const jar = new Jar();
  const page = await harness.authorize(jar, { client_id: await harness.reg(), code_challenge: pkce().challenge });
  const response = await harness.login(jar, 'someone', await harness.approve(jar, page));
  expect(response.status).toBe(403);
  expect(response.headers.has('Location')).toBe(false);
  return response.text();
};

describe('A16 deny by default', () => {
  it.each([
    ['no claim', {}],
    ['an empty array', { roles: [] }],
    ['null', { roles: null }],
    ['a number', { roles: 1 }],
    ['an object', { roles: { 'kestra-admin': true } }],
    ['an array with an object', { roles: ['kestra-admin', {}] }],
    ['an array in an array', { roles: [['kestra-admin']] }],
    ['ten thousand', { roles: Array(10_000).fill('kestra-admin') }],
    ['another case', { roles: ['KESTRA-ADMIN', 'Kestra-Admin'] }],
    ['a space', { roles: ['kestra-admin ', ' kestra-admin'] }],
    ['NUL', { roles: ['kestra-admin\u0000'] }],
    ['a list in one string', { roles: 'kestra-admin,kestra-viewer' }],
    ['a built-in role as a group', { groups: ['kestra-admin'] }],
    ['an unknown permission', { roles: ['kestra.flow.*', 'kestra.*', 'kestra.secret.write', '*'] }],
    ['names of the language', { roles: ['__proto__', 'constructor', 'toString'] }],
    ['by e-mail', { email: 'admin@example.test', email_verified: true }],
  ])('%s grants nothing', async (_, claims) => {
    expect(await permissionsOf(claims)).toEqual([]);
  });

  it('one string and an array of one are the same', async () => {
    expect(await permissionsOf({ roles: 'kestra-viewer' })).toEqual(await permissionsOf({ roles: ['kestra-viewer'] }));
  });

  it('a permission grants itself, a role what it holds, unknown ones nothing', async () => {
    expect(await permissionsOf({ roles: ['kestra.flow.read', 'offline_access', 'kestra.execution.read'] })).toEqual([
      'kestra.flow.read',
      'kestra.execution.read',
    ]);
    expect(await permissionsOf({ roles: ['kestra-operator'] })).toContain('kestra.flow.execute');
  });
});

describe('A15 identity by mutable claim', () => {
  it('the same e-mail with another sub is another user', async () => {
    h.idp.users.set('first', { sub: 'sub-first', claims: { email: 'same@example.test' } });
    h.idp.users.set('second', { sub: 'sub-second', claims: { email: 'same@example.test', email_verified: true } });
    const keys = [];
    for (const user of ['first', 'second']) keys.push((await h.whoAmI((await h.signIn({ user })).tokens.access_token)).key);
    expect(keys).toEqual([`${h.idp.url}|sub-first`, `${h.idp.url}|sub-second`]);
  });
});

describe('overage', () => {
  it.each([{ _claim_names: { groups: 'src1' }, _claim_sources: { src1: { endpoint: 'https://graph.example' } } }, { hasgroups: true }])(
    '%o: no group counts, roles do, and the log says so',
    async (claims) => {
      const entra = await Harness.start({ idp: h.idp, env: { OIDC_PRESET: 'entra' } });
      const ids = { tid: 'tenant-1', oid: 'oid-1' };
      expect(await permissionsOf({ ...ids, ...claims, roles: ['kestra-viewer'] }, entra)).toContain('kestra.flow.read');
      expect(entra.logged.join('')).toContain('groups are unknown');
      expect(await refusal(entra, { ...ids, ...claims })).toContain('so many groups');
      await entra.stop();
    },
  );
});

describe('Entra', () => {
  it('users are known by tenant and oid; without them nobody is', async () => {
    const entra = await Harness.start({ idp: h.idp, env: { OIDC_PRESET: 'entra', OIDC_TENANTS: 'Tenant-1' } });
    h.idp.users.set('someone', { sub: 'pairwise', claims: { tid: 'tenant-1', oid: 'oid-1', roles: ['kestra-viewer'] } });
    const { tokens } = await entra.signIn({ user: 'someone' });
    expect((await entra.whoAmI(tokens.access_token)).key).toBe(`${h.idp.url}|oid-1`);
    expect(await refusal(entra, { tid: 'tenant-2', oid: 'oid-1' })).toContain('may not sign in here');
    expect(await refusal(entra, { roles: ['kestra-admin'] })).toContain('no tid or oid');
    await entra.stop();
  });
});

describe('Google', () => {
  it('OIDC_HOSTED_DOMAINS lets only its domains in', async () => {
    const google = await Harness.start({ idp: h.idp, env: { OIDC_PRESET: 'google', OIDC_HOSTED_DOMAINS: 'example.test' } });
    expect(await permissionsOf({ hd: 'Example.test', roles: ['kestra-viewer'] }, google)).toContain('kestra.flow.read');
    expect(await refusal(google, { hd: 'evil.example', email: 'x@example.test', email_verified: true })).toContain('may not sign in here');
    expect(await refusal(google, { email: 'x@example.test', email_verified: true })).toContain('may not sign in here');
    await google.stop();
  });
});

describe('where claims are found', () => {
  it.each([
    ['realm_access.roles', { realm_access: { roles: ['kestra-viewer'] } }],
    ['https://app.example/roles', { 'https://app.example/roles': ['kestra-viewer'] }],
    ['a.b', { 'a.b': ['kestra-viewer'], a: { b: ['kestra-admin'] } }],
  ])('OIDC_ROLES_CLAIM=%s', async (name, claims) => {
    const own = await Harness.start({ idp: h.idp, env: { OIDC_ROLES_CLAIM: name } });
    const permissions = await permissionsOf(claims, own);
    expect(permissions).toContain('kestra.flow.read');
    expect(permissions).not.toContain('kestra.flow.delete');
    await own.stop();
  });

  it('the ID token comes first, then userinfo', async () => {
    h.idp.breaks = { claims: ({ roles: _, ...rest }) => ({ ...rest, roles: ['kestra-viewer'], groups: undefined }) };
    expect(await permissionsOf({ roles: ['kestra-admin'] })).not.toContain('kestra.flow.delete');
    h.idp.breaks = { claims: ({ roles: _, ...rest }) => rest };
    expect(await permissionsOf({ roles: ['kestra-admin'] })).toContain('kestra.flow.delete');
    h.idp.breaks = {};
  });

  it('userinfo of another user, or a failing one, ends the sign-in', async () => {
    for (const reply of [{ body: { sub: 'sub-other', roles: ['kestra-admin'] } }, { status: 500 }, { body: 'garbage' }]) {
      h.idp.breaks = { claims: ({ roles: _, ...rest }) => rest, answer: ({ path }) => (path === '/userinfo' ? reply : undefined) };
      const jar = new Jar();
      const page = await h.authorize(jar, { client_id: await h.reg(), code_challenge: pkce().challenge });
      const response = await h.login(jar, 'vic', await h.approve(jar, page));
      expect(response.status).toBeGreaterThanOrEqual(500);
      expect(response.headers.has('Location')).toBe(false);
    }
    h.idp.breaks = {};
  });

  it('the access token counts only if that is switched on, and only a signed one of this issuer for this user', async () => {
    const now = Math.floor(Date.now() / 1000);
    const good = {
      iss: h.idp.url,
      sub: 'sub-someone',
      aud: 'account',
      azp: 'kestra-mcp',
      iat: now,
      exp: now + 300,
      roles: ['kestra-admin'],
    };
    const on = await Harness.start({ idp: h.idp, env: { OIDC_ACCESS_TOKEN_CLAIMS: 'true', OIDC_USERINFO: 'false' } });
    const off = await Harness.start({ idp: h.idp, env: { OIDC_USERINFO: 'false' } });
    const withToken = async (token: string) => {
      h.idp.breaks = { tokens: (response) => ({ ...response, access_token: token }) };
    };
    await withToken(await h.idp.tools.sign(good));
    expect(await permissionsOf({}, on)).toContain('kestra.flow.delete');
    expect(await permissionsOf({}, off)).toEqual([]);
    for (const change of [{ iss: 'https://evil.example' }, { sub: 'other' }, { exp: now - 300 }, { azp: 'another-client' }]) {
      await withToken(await h.idp.tools.sign({ ...good, ...change }));
      await expect(permissionsOf({}, on)).rejects.toThrow(/callback: 5/);
    }
    await withToken((await h.idp.tools.sign(good)).replace(/\.[^.]*$/, '.AAAA'));
    await expect(permissionsOf({}, on)).rejects.toThrow(/callback: 5/);
    h.idp.breaks = {};
    await on.stop();
    await off.stop();
  });
});

describe('pick', () => {
  it('reads own keys only, and no arrays', () => {
    const claims = { a: { b: ['x'] }, list: [{ c: 1 }] };
    expect(pick(claims, 'a.b')).toEqual(['x']);
    for (const name of ['__proto__', 'constructor.name', 'toString', 'list.0.c', 'a.b.length', 'a.', '', '.a']) {
      expect(pick(claims, name)).toBeUndefined();
    }
  });
});

describe('readClaims', () => {
  const config = { rolesClaim: 'roles', groupsClaim: 'groups', tenants: [], hostedDomains: [] } as unknown as OidcConfig;
  it('takes identity from the first source alone, and an e-mail as verified only where that source says so', () => {
    const claims = readClaims(
      [
        { source: 'id_token', claims: { iss: 'https://idp.example', sub: 'a', email: 'a@example.test' } },
        { source: 'userinfo', claims: { sub: 'b', email: 'b@example.test', email_verified: true, roles: ['kestra-viewer'] } },
      ],
      config,
      'other',
    );
    expect(claims).toMatchObject({ subject: 'a', email: 'a@example.test', emailVerified: false, roles: { from: 'userinfo' } });
    expect(claimGrants({ roles: claims.roles.values })).toHaveLength(1);
  });
});
