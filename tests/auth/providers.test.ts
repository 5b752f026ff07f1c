import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { parsePolicy } from '../../src/access/policy.ts';
import { createIdentityProvider, type SignIn } from '../../src/auth/oidc.ts';
import { createRights } from '../../src/auth/rights.ts';
import { readConfig } from '../../src/config.ts';

const { privateKey, publicKey } = await generateKeyPair('RS256');
const key = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'RS256' };

type Claims = Record<string, unknown>;

interface Script {
  readonly env?: Record<string, string>;
  /** What the provider calls itself, where it differs from what it is asked as. */
  readonly issuer?: string;
  readonly idToken: Claims;
  readonly userinfo?: Claims;
  readonly accessToken?: Claims;
  readonly refreshToken?: string;
}

const sign = ({ iss, ...claims }: Claims): Promise<string> =>
  new SignJWT(claims)
    .setProtectedHeader({ alg: 'RS256', kid: 'k' })
    .setIssuer(String(iss))
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(privateKey);

const settings = (issuer: string, env: Record<string, string> = {}) => {
  const { oidc } = readConfig({ OIDC_ISSUER_URL: issuer, OIDC_CLIENT_ID: 'app', OIDC_CLIENT_SECRET: 's', ...env });
  if (!oidc) throw new Error('no issuer');
  return oidc;
};

/** A sign-in at a provider that answers as this one does; the network is the only thing replaced. */
const signIn = async (
  configured: string,
  { env, issuer = configured, idToken, userinfo, accessToken, refreshToken }: Script,
): Promise<SignIn> => {
  const config = settings(configured, env);
  const base = issuer.replace(/\/$/, '');
  const answers: Record<string, unknown> = {
    [`${configured.replace(/\/$/, '')}/.well-known/openid-configuration`]: {
      issuer,
      authorization_endpoint: `${base}/authorize`,
      token_endpoint: `${base}/token`,
      jwks_uri: `${base}/keys`,
      ...(userinfo && { userinfo_endpoint: `${base}/userinfo` }),
      id_token_signing_alg_values_supported: ['RS256'],
    },
    [`${base}/keys`]: { keys: [key] },
    [`${base}/token`]: {
      access_token: accessToken ? await sign({ iss: issuer, ...accessToken }) : 'opaque',
      token_type: 'Bearer',
      id_token: await sign({ iss: issuer, aud: 'app', nonce: 'n', ...idToken }),
      ...(refreshToken && { refresh_token: refreshToken }),
    },
    [`${base}/userinfo`]: userinfo,
  };
  const provider = createIdentityProvider({
    config,
    log: pino({ level: 'silent' }),
    fetch: async (url) => Response.json(answers[url] ?? {}, { status: answers[url] ? 200 : 404 }),
  });
  const callback = new URL('https://mcp.example/oauth/callback?code=c&state=s');
  return provider.signIn(callback, { state: 's', nonce: 'n', verifier: 'v'.repeat(43) });
};

/** The roles that somebody has who signed in so, with a policy for one group and one domain. */
const rolesOf = ({ claims }: SignIn, issuer: string, env?: Record<string, string>): string[] => {
  const policy = parsePolicy(
    'grants:\n  - match: { groups: [data-team] }\n    roles: [kestra-editor]\n  - match: { domain: [acme.example] }\n    roles: [kestra-viewer]\n',
  );
  return createRights(policy, settings(issuer, env))
    .of(claims)
    .map(({ name }) => name);
};

describe('Entra', () => {
  const tid = '11111111-1111-1111-1111-111111111111';
  const issuer = `https://login.microsoftonline.com/${tid}/v2.0`;
  const ada = { sub: 'pairwise', tid, oid: 'oid-ada', name: 'Ada', preferred_username: 'ada@acme.example' };

  it('app roles count; the user is the oid, whatever the pairwise sub is', async () => {
    const one = await signIn(issuer, { idToken: { ...ada, roles: ['kestra-operator'] }, refreshToken: 'r' });
    const two = await signIn(issuer, { idToken: { ...ada, sub: 'of another app', roles: ['kestra-operator'] } });
    expect(rolesOf(one, issuer)).toEqual(['kestra-operator']);
    expect(one.claims).toMatchObject({ issuer, subject: 'oid-ada', tenant: tid });
    expect(two.claims.subject).toBe(one.claims.subject);
  });

  it.each([{ _claim_names: { groups: 'src1' }, _claim_sources: { src1: { endpoint: 'https://graph.example' } } }, { hasgroups: true }])(
    'too many groups are unknown, not none: %o',
    async (overage) => {
      const found = await signIn(issuer, { idToken: { ...ada, ...overage, roles: ['kestra-viewer'] } });
      expect(found.claims.groups).toEqual({ values: [], from: 'id_token', unknown: 'overage' });
      expect(rolesOf(found, issuer)).toEqual(['kestra-viewer']);
    },
  );

  it('A15 an e-mail that anybody could have set grants nothing', async () => {
    const env = { OIDC_TENANTS: tid };
    const found = await signIn(issuer, { env, idToken: { ...ada, email: 'ada@acme.example' } });
    expect(rolesOf(found, issuer, env)).toEqual([]);
  });

  it.each<[string, Claims, string]>([
    ['without the scope profile there is no oid', { ...ada, oid: undefined }, 'should add the scope profile'],
    ['a token of version 1', { ...ada, iss: `https://sts.windows.net/${tid}/` }, 'iss'],
    ['of another tenant', { ...ada, iss: issuer.replaceAll('1', '2'), tid: tid.replaceAll('1', '2') }, 'iss'],
  ])('is refused: %s', async (_, idToken, why) => {
    await expect(signIn(issuer, { idToken })).rejects.toThrow(why);
  });
});

describe('Google', () => {
  const issuer = 'https://accounts.google.com';
  const env = { OIDC_HOSTED_DOMAINS: 'acme.example' };
  const ada = { sub: '1081', hd: 'acme.example', email: 'ada@acme.example', email_verified: true };

  it('sends neither roles nor groups, and is not asked a second time for them: rights come by domain', async () => {
    const found = await signIn(issuer, { env, idToken: ada, userinfo: { sub: '1081', groups: ['data-team'] } });
    expect(found.claims).toMatchObject({ roles: { values: [] }, groups: { values: [] } });
    expect(rolesOf(found, issuer, env)).toEqual(['kestra-viewer']);
  });

  it('gives no refresh token on a second consent: the sign-in works, and is known to end early', async () => {
    expect((await signIn(issuer, { idToken: ada })).refreshToken).toBeUndefined();
  });

  it.each<[string, Claims, string]>([
    ['a private account', { ...ada, hd: undefined }, 'People of your domain may not sign in here.'],
    ['its old issuer without a scheme', { ...ada, iss: 'accounts.google.com' }, 'iss'],
  ])('is refused: %s', async (_, idToken, why) => {
    await expect(signIn(issuer, { env, idToken })).rejects.toThrow(why);
  });
});

describe('Okta', () => {
  const issuer = 'https://acme.okta.com/oauth2/default';

  it('a thin ID token is filled from userinfo', async () => {
    const found = await signIn(issuer, {
      idToken: { sub: '00u1' },
      userinfo: { sub: '00u1', name: 'Ada', groups: ['Everyone', 'data-team'] },
    });
    expect(found.claims).toMatchObject({ name: 'Ada', groups: { from: 'userinfo' } });
    expect(rolesOf(found, issuer)).toEqual(['kestra-editor']);
  });

  it('groups in the ID token are taken as they are there', async () => {
    const idToken = { sub: '00u1', groups: ['data-team'], roles: [] };
    expect((await signIn(issuer, { idToken, userinfo: { sub: '00u1', groups: [] } })).claims.groups).toEqual({
      values: ['data-team'],
      from: 'id_token',
    });
  });

  it('an issuer with a slash too many says what to write', async () => {
    await expect(signIn(`${issuer}/`, { issuer, idToken: { sub: '00u1' } })).rejects.toThrow(
      `OIDC_ISSUER_URL is ${issuer}/, but the provider calls itself ${issuer}: write it exactly so, and mind the trailing slash`,
    );
  });
});

describe('Auth0', () => {
  const issuer = 'https://acme.eu.auth0.com/';
  const idToken = { sub: 'auth0|6512', 'https://acme.example/roles': ['kestra-operator'], 'https://acme.example/groups': ['data-team'] };
  const env = { OIDC_ROLES_CLAIM: 'https://acme.example/roles', OIDC_GROUPS_CLAIM: 'https://acme.example/groups' };

  it('claims have the names of URLs, the issuer ends in a slash, and a subject has a bar', async () => {
    const found = await signIn(issuer, { env, idToken });
    expect(rolesOf(found, issuer, env)).toEqual(['kestra-operator', 'kestra-editor']);
    expect(found.claims).toMatchObject({ issuer, subject: 'auth0|6512' });
  });

  it('asked without the slash it is the same provider, and people keep its name', async () => {
    expect((await signIn('https://acme.eu.auth0.com', { env, issuer, idToken })).claims.issuer).toBe(issuer);
  });

  it('without these names nothing is granted', async () => {
    expect(rolesOf(await signIn(issuer, { idToken }), issuer)).toEqual([]);
  });
});

describe('Keycloak', () => {
  const issuer = 'https://sso.example/realms/acme';
  const accessToken = { sub: 'u', azp: 'app', aud: 'account', realm_access: { roles: ['offline_access', 'kestra-admin'] } };

  it('a stock client has roles in the access token alone: they count where that is switched on', async () => {
    const env = { OIDC_ROLES_CLAIM: 'realm_access.roles' };
    const on = { ...env, OIDC_ACCESS_TOKEN_CLAIMS: 'true' };
    const script = { idToken: { sub: 'u' }, userinfo: { sub: 'u' }, accessToken };
    expect(rolesOf(await signIn(issuer, { ...script, env: on }), issuer, on)).toEqual(['kestra-admin']);
    expect(rolesOf(await signIn(issuer, { ...script, env }), issuer, env)).toEqual([]);
  });
});
