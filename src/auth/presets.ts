import type { OidcConfig } from '../config.ts';
import { PublicError } from '../errors.ts';
import type { Preset } from '../settings.ts';

/** How a kind of identity provider differs from the standard. */
export interface Habits {
  /** Its scopes and parameters that bring a refresh token, beyond what OIDC_SCOPES says. */
  readonly offline: { readonly scopes: readonly string[]; readonly parameters: Readonly<Record<string, string>> };
  /** The parameters that make it ask who somebody is though it has a session of theirs. */
  readonly again: Readonly<Record<string, string>>;
  /** Whether its userinfo can hold claims that the ID token lacks. */
  readonly userinfo: boolean;
}

/** OpenID Connect Core §3.1.2.1. */
const again = { prompt: 'login', max_age: '0' };
const offlineAccess = { scopes: ['offline_access'], parameters: {} };

const habits: Readonly<Record<Preset, Habits>> = {
  entra: { offline: offlineAccess, again, userinfo: false },
  // It refuses `login`; choosing the account is the most that it can be made to ask.
  google: {
    offline: { scopes: [], parameters: { access_type: 'offline', prompt: 'consent' } },
    again: { prompt: 'select_account' },
    userinfo: false,
  },
  okta: { offline: offlineAccess, again, userinfo: true },
  auth0: { offline: offlineAccess, again, userinfo: true },
  keycloak: { offline: offlineAccess, again, userinfo: true },
  other: { offline: { scopes: [], parameters: {} }, again, userinfo: true },
};

const entraHosts = ['login.microsoftonline.com', 'login.microsoftonline.us', 'login.partner.microsoftonline.cn'];

/** The kind of provider that OIDC_PRESET names or, with `auto`, the issuer shows. */
export const presetOf = (config: OidcConfig): Preset => {
  if (config.preset !== 'auto') return config.preset;
  const { hostname, pathname } = new URL(config.issuer);
  if (entraHosts.includes(hostname)) return 'entra';
  if (hostname === 'accounts.google.com') return 'google';
  if (/\.(okta|oktapreview|okta-emea)\.com$/.test(hostname)) return 'okta';
  if (/\.auth0\.com$/.test(hostname)) return 'auth0';
  if (pathname.includes('/realms/')) return 'keycloak';
  return 'other';
};

export const habitsOf = (preset: Preset): Habits => habits[preset];

/** What a request to the provider asks for. */
export interface Ask {
  readonly scope: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** The scopes and the further parameters of each kind of authorization request to the provider. */
export const askFor = (config: OidcConfig): Readonly<Record<'client' | 'account' | 'again', Ask>> => {
  const preset = presetOf(config);
  const { offline, again } = habitsOf(preset);
  const none = { scopes: [], parameters: {} };
  const ask = (more: Habits['offline'], last: Readonly<Record<string, string>> = {}): Ask => ({
    scope: [...new Set(['openid', ...config.scopes, ...more.scopes])].join(' '),
    parameters: {
      ...(config.hostedDomains.length === 1 && preset === 'google' && { hd: config.hostedDomains[0] ?? '' }),
      ...more.parameters,
      ...config.authorizationParameters,
      ...last,
    },
  });
  return { client: ask(config.offlineAccess ? offline : none), account: ask(none), again: ask(none, again) };
};

/**
 * A multi-tenant issuer of Entra lets anybody's tenant in, so it needs the list of those that may.
 * @throws PublicError `misconfigured`
 */
export const refuseOpenTenancy = (config: OidcConfig): void => {
  const shared = /^\/(common|organizations|consumers)(\/|$)/.test(new URL(config.issuer).pathname);
  if (presetOf(config) === 'entra' && shared && config.tenants.length === 0) {
    throw new PublicError(
      'misconfigured',
      'OIDC_ISSUER_URL serves every Entra tenant: set OIDC_TENANTS to the ids of those whose people may sign in, or use the issuer of your own tenant',
    );
  }
};
