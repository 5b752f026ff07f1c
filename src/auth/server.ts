import { Router } from 'express';
import type { Config } from '../config.ts';
import { PublicError } from '../errors.ts';
import { nobody, type Observer } from '../telemetry/observer.ts';
import { account } from './account/account.ts';
import type { AccountPorts } from './account/ports.ts';
import type { RedirectPolicy } from './clients/redirect-uri.ts';
import { authorize } from './endpoints/authorize.ts';
import { callback } from './endpoints/callback.ts';
import type { EndpointDeps } from './endpoints/deps.ts';
import { metadata } from './endpoints/metadata.ts';
import { registration } from './endpoints/register.ts';
import { revoke } from './endpoints/revoke.ts';
import { token } from './endpoints/token.ts';
import { parseScope, type Scope } from './scopes.ts';

export interface AuthorizationServerParts
  extends Pick<EndpointDeps, 'store' | 'keyring' | 'oidc' | 'clients' | 'limits' | 'rights' | 'log' | 'clock'> {
  readonly config: Pick<Config, 'http' | 'oidc' | 'lifetimes' | 'defaultScopes'> & { readonly store: Pick<Config['store'], 'instance'> };
  readonly redirectPolicy: RedirectPolicy;
  /** Are there clients with secrets? */
  readonly confidentialClients: boolean;
  readonly account: AccountPorts;
  readonly observer?: Observer;
}

/** What everything else is named after: our public URL. */
export const resourceOf = ({ http }: Pick<Config, 'http'>): string => `${http.publicUrl}/mcp`;

/** @throws PublicError `misconfigured` if none of them exists */
export const defaultScopesOf = ({ defaultScopes }: Pick<Config, 'defaultScopes'>): Scope[] => {
  const scopes = parseScope(defaultScopes);
  if (scopes.length === 0)
    throw new PublicError('misconfigured', 'KESTRA_MCP_DEFAULT_SCOPES: use kestra.read, kestra.execute, kestra.write');
  return scopes;
};

/**
 * The OAuth 2.1 authorization server: metadata, registration, authorization, callback, tokens, revocation, and the account page.
 * @throws PublicError `misconfigured`
 */
export const authorizationServer = ({
  config,
  redirectPolicy,
  confidentialClients,
  account: ports,
  observer = nobody,
  ...parts
}: AuthorizationServerParts): Router => {
  const { http, lifetimes } = config;
  const deps: EndpointDeps = {
    ...parts,
    observer,
    issuer: http.publicUrl,
    resource: resourceOf(config),
    callbackUrl: callbackUrl(config),
    instance: config.store.instance,
    lifetimes,
    defaultScopes: defaultScopesOf(config),
  };
  const router = Router({ caseSensitive: true, strict: true });
  router.use(metadata({ ...deps, registration: http.registration, metadataDocuments: http.metadataDocuments.on, confidentialClients }));
  if (http.registration) router.use(registration({ ...deps, policy: redirectPolicy }));
  router.use(authorize(deps), callback(deps), token(deps), revoke(deps), account(deps, ports));
  return router;
};

const ownPaths = ['/', '/mcp', '/authorize', '/token', '/register', '/revoke', '/livez', '/readyz'];

const callbackUrl = ({ http, oidc }: Pick<Config, 'http' | 'oidc'>): string => {
  const url = oidc?.redirectUri ?? `${http.publicUrl}/oauth/callback`;
  const { origin, pathname, search, hash } = new URL(url);
  if (
    origin !== new URL(http.publicUrl).origin ||
    search ||
    hash ||
    ownPaths.includes(pathname) ||
    /^\/account(\/|$)/.test(pathname) ||
    !/^[\w/.-]+$/.test(pathname)
  ) {
    throw new PublicError('misconfigured', `OIDC_REDIRECT_URI: use a path of its own below KESTRA_MCP_PUBLIC_URL (${http.publicUrl})`);
  }
  return url;
};
