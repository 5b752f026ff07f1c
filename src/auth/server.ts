import { Router } from 'express';
import type { RedirectPolicy } from './clients/redirect-uri.ts';
import { authorize } from './endpoints/authorize.ts';
import { callback } from './endpoints/callback.ts';
import type { EndpointDeps } from './endpoints/deps.ts';
import { type MetadataSettings, metadata } from './endpoints/metadata.ts';
import { registration } from './endpoints/register.ts';
import { revoke } from './endpoints/revoke.ts';
import { token } from './endpoints/token.ts';

export interface AuthorizationServerDeps extends EndpointDeps {
  readonly redirectPolicy: RedirectPolicy;
  readonly metadata: Pick<MetadataSettings, 'registration' | 'metadataDocuments' | 'confidentialClients'>;
}

/** The OAuth 2.1 authorization server: metadata, registration, authorization, callback, tokens and revocation. */
export const authorizationServer = (deps: AuthorizationServerDeps): Router => {
  const { issuer, resource, defaultScopes, store, redirectPolicy: policy, limits, log } = deps;
  const router = Router({ caseSensitive: true, strict: true });
  router.use(metadata({ issuer, resource, defaultScopes, ...deps.metadata }));
  if (deps.metadata.registration) router.use(registration({ store, policy, limits, log }));
  router.use(authorize(deps), callback(deps), token(deps), revoke(deps));
  return router;
};
