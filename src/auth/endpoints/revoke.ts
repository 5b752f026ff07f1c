import { type RequestHandler, Router } from 'express';
import { authenticateClient } from '../client-authentication.ts';
import { answerErrorsAsJson } from '../oauth-error.ts';
import { formParameters, needed, readForm } from '../parameters.ts';
import { type EndpointDeps, originOf } from './deps.ts';
import { onlyMethods } from './methods.ts';

/**
 * Revocation (RFC 7009): a refresh token ends its grant, an access token ends alone. The hint is not needed and may be wrong. 200 too
 * for what is no token of this client, and then nothing changes. The identity provider's token is forgotten, never revoked there: that
 * could end the person's whole session.
 */
export const revoke = (deps: EndpointDeps): Router => {
  const handle: RequestHandler = async (request, response) => {
    const parameters = formParameters(request);
    const client = await authenticateClient(request, parameters, deps);
    const presented = needed(parameters, 'token');
    const revoked = await deps.store.revokeToken(presented, client.id, originOf(request));
    if (revoked) deps.log.info({ grant: revoked.grantId, client: client.id }, 'token revoked by its client');
    response.status(200).set({ 'Cache-Control': 'no-store', Pragma: 'no-cache' }).end();
  };

  const router = Router({ caseSensitive: true, strict: true });
  router.post('/revoke', readForm, handle);
  router.all('/revoke', onlyMethods('POST'));
  router.use('/revoke', answerErrorsAsJson(deps.log));
  return router;
};
