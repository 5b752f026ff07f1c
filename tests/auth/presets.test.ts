import { describe, expect, it } from 'vitest';
import { askFor, presetOf, refuseOpenTenancy } from '../../src/auth/presets.ts';
import { type OidcConfig, readConfig } from '../../src/config.ts';

const oidc = (env: Record<string, string>): OidcConfig => {
  const config = readConfig({ OIDC_CLIENT_ID: 'kestra-mcp', OIDC_ISSUER_URL: 'https://idp.example', ...env }).oidc;
  if (!config) throw new Error('no issuer');
  return config;
};

describe('presets', () => {
  it.each([
    ['https://login.microsoftonline.com/11111111-1111-1111-1111-111111111111/v2.0', 'entra'],
    ['https://login.microsoftonline.us/t/v2.0', 'entra'],
    ['https://accounts.google.com', 'google'],
    ['https://acme.okta.com/oauth2/default', 'okta'],
    ['https://acme.oktapreview.com', 'okta'],
    ['https://acme.eu.auth0.com/', 'auth0'],
    ['https://sso.example/auth/realms/acme', 'keycloak'],
    ['https://idp.example', 'other'],
    ['https://okta.com.evil.example', 'other'],
  ])('%s is %s', (OIDC_ISSUER_URL, preset) => {
    expect(presetOf(oidc({ OIDC_ISSUER_URL }))).toBe(preset);
  });

  it('OIDC_PRESET says it for a custom domain', () => {
    expect(presetOf(oidc({ OIDC_PRESET: 'okta' }))).toBe('okta');
  });

  it.each(['entra', 'okta', 'auth0', 'keycloak'])('%s gets offline_access, unless that is switched off', (OIDC_PRESET) => {
    expect(askFor(oidc({ OIDC_PRESET })).client.scope).toBe('openid profile email offline_access');
    expect(askFor(oidc({ OIDC_PRESET, OIDC_OFFLINE_ACCESS: 'false' })).client.scope).toBe('openid profile email');
  });

  it('Google gets its own parameters and no offline_access', () => {
    expect(askFor(oidc({ OIDC_PRESET: 'google', OIDC_HOSTED_DOMAINS: 'example.com' })).client).toEqual({
      scope: 'openid profile email',
      parameters: { access_type: 'offline', prompt: 'consent', hd: 'example.com' },
    });
  });

  it('any other gets what OIDC_SCOPES and OIDC_AUTHORIZATION_PARAMETERS say, and openid in any case', () => {
    expect(askFor(oidc({ OIDC_SCOPES: 'email groups', OIDC_AUTHORIZATION_PARAMETERS: 'prompt=login&acr_values=mfa' })).client).toEqual({
      scope: 'openid email groups',
      parameters: { prompt: 'login', acr_values: 'mfa' },
    });
  });

  it.each(['common', 'organizations', 'consumers'])("Entra's %s issuer is refused without OIDC_TENANTS", (tenant) => {
    const OIDC_ISSUER_URL = `https://login.microsoftonline.com/${tenant}/v2.0`;
    expect(() => refuseOpenTenancy(oidc({ OIDC_ISSUER_URL }))).toThrow(/OIDC_TENANTS/);
    expect(() => refuseOpenTenancy(oidc({ OIDC_ISSUER_URL, OIDC_TENANTS: 'a-tenant' }))).not.toThrow();
  });
});
