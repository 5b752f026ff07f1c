import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { NotAdmitted } from '../../src/auth/claims.ts';
import { createIdentityProvider, ProviderRefused } from '../../src/auth/oidc.ts';
import { readConfig } from '../../src/config.ts';

const host = 'https://login.microsoftonline.com';
const [listed, other] = ['11111111-1111-1111-1111-111111111111', '22222222-2222-2222-2222-222222222222'];
const { privateKey, publicKey } = await generateKeyPair('RS256');

/** Entra's multi-tenant endpoint, as far as a sign-in needs it; the network is the only thing replaced. */
const signIn = async (claims: Record<string, unknown>) => {
  const token = await new SignJWT({ tid: listed, oid: 'oid-1', nonce: 'n', roles: ['kestra-viewer'], ...claims })
    .setProtectedHeader({ alg: 'RS256', kid: 'k' })
    .setIssuer(String(claims.iss ?? `${host}/${claims.tid ?? listed}/v2.0`))
    .setSubject('pairwise')
    .setAudience('app')
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(privateKey);
  const answers: Record<string, unknown> = {
    '/common/v2.0/.well-known/openid-configuration': {
      issuer: `${host}/{tenantid}/v2.0`,
      authorization_endpoint: `${host}/common/oauth2/v2.0/authorize`,
      token_endpoint: `${host}/common/oauth2/v2.0/token`,
      jwks_uri: `${host}/common/discovery/v2.0/keys`,
      id_token_signing_alg_values_supported: ['RS256'],
      token_endpoint_auth_methods_supported: ['client_secret_post'],
    },
    '/common/discovery/v2.0/keys': { keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'RS256' }] },
    '/common/oauth2/v2.0/token': { access_token: 'opaque', token_type: 'Bearer', id_token: token, refresh_token: 'r' },
  };
  const { oidc: config } = readConfig({
    OIDC_ISSUER_URL: `${host}/common/v2.0`,
    OIDC_CLIENT_ID: 'app',
    OIDC_CLIENT_SECRET: 's',
    OIDC_TENANTS: listed,
  });
  if (!config) throw new Error('no issuer');
  const provider = createIdentityProvider({
    config,
    log: pino({ level: 'silent' }),
    fetch: async (url) => Response.json(answers[new URL(url).pathname] ?? {}, { status: new URL(url).pathname in answers ? 200 : 404 }),
  });
  return provider.signIn(new URL('https://mcp.example/oauth/callback?code=c&state=s'), {
    state: 's',
    nonce: 'n',
    verifier: 'v'.repeat(43),
  });
};

describe('A15 an issuer for every tenant', () => {
  it('lets the listed ones in, known by tenant and oid', async () => {
    expect((await signIn({})).claims).toMatchObject({ issuer: `${host}/${listed}/v2.0`, subject: 'oid-1', tenant: listed });
  });

  it('and no others, whatever they claim', async () => {
    await expect(signIn({ tid: other })).rejects.toThrow(NotAdmitted);
    await expect(signIn({ tid: listed, iss: `${host}/${other}/v2.0` })).rejects.toThrow(ProviderRefused);
    await expect(signIn({ tid: undefined, iss: `${host}/${listed}/v2.0` })).rejects.toThrow();
  });
});
