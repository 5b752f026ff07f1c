import { randomBytes } from 'node:crypto';
import express, { Router } from 'express';
import type { Log } from '../../log.ts';
import type { ClientStore } from '../../store/store.ts';
import { registeredMetadata } from '../clients/clients.ts';
import { canonicalRedirectUris, parseClientMetadata } from '../clients/metadata.ts';
import type { RedirectPolicy } from '../clients/redirect-uri.ts';
import { addressOf, type Limits } from '../limits.ts';
import { answerErrorsAsJson, OAuthError, unavailable } from '../oauth-error.ts';
import { onlyMethods } from './methods.ts';

const largestRequest = '64kb';

export interface RegistrationSettings {
  readonly store: Pick<ClientStore, 'registerClient'>;
  readonly policy: RedirectPolicy;
  readonly limits: Limits;
  readonly log: Log;
}

/**
 * Dynamic client registration (RFC 7591), for public clients alone: whatever method of authentication is asked for becomes `none`,
 * and the answer says so. The same metadata gives the same client; unknown metadata is ignored; a scope that is registered is no ceiling,
 * so none is echoed.
 */
export const registration = ({ store, policy, limits, log }: RegistrationSettings): Router => {
  const router = Router({ caseSensitive: true, strict: true });
  const readBody = express.json({ limit: largestRequest, inflate: false, type: ['application/json', 'application/*+json'] });

  router.post('/register', readBody, async (request, response) => {
    const asked = parseClientMetadata(jsonObject(request.body), policy);
    const counted = await limits.take('registration', addressOf(request));
    const { authMethod: _, redirectUris, ...rest } = asked;
    const metadata = { ...rest, redirectUris: canonicalRedirectUris(redirectUris) };
    const registered = await store.registerClient({ clientId: `kmcp-${randomBytes(16).toString('base64url')}`, metadata });
    if (registered.outcome === 'full') throw unavailable('no more clients can be registered here: ask the administrator', undefined, 3600);
    if (registered.outcome === 'known') await limits.giveBack(counted);
    const { clientId, registeredAt } = registered.client;
    const kept = registeredMetadata.parse(registered.client.metadata);
    response
      .status(201)
      .set({ 'Cache-Control': 'no-store', Pragma: 'no-cache' })
      .json({
        client_id: clientId,
        client_id_issued_at: Math.floor(registeredAt / 1000),
        ...(kept.name !== undefined && { client_name: kept.name }),
        ...(kept.uri !== undefined && { client_uri: kept.uri }),
        redirect_uris: redirectUris,
        grant_types: kept.grantTypes,
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
      });
  });
  router.all('/register', onlyMethods('POST'));
  router.use('/register', (error: unknown, request: express.Request, response: express.Response, next: express.NextFunction) =>
    answerErrorsAsJson(log)(unreadable(error), request, response, next),
  );
  return router;
};

const jsonObject = (body: unknown): object => {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body;
  throw new OAuthError('invalid_client_metadata', 'send the client metadata as one JSON object, with content type application/json');
};

/** A body that is no JSON is bad metadata too (RFC 7591 §3.2.2). */
const unreadable = (error: unknown): unknown =>
  error instanceof SyntaxError ? new OAuthError('invalid_client_metadata', 'the client metadata is no JSON') : error;
