import { createHash } from 'node:crypto';
import { type Request, type RequestHandler, Router } from 'express';
import type { Redeemed, TokenAnswer } from '../../store/records.ts';
import { type AuthenticatedClient, authenticateClient } from '../client-authentication.ts';
import { answerErrorsAsJson, asOAuthError, OAuthError } from '../oauth-error.ts';
import { formParameters, needed, type Parameters, readForm } from '../parameters.ts';
import { askedResource } from '../resource.ts';
import { parseScope } from '../scopes.ts';
import { looksLike, mint } from '../secret.ts';
import { type EndpointDeps, originOf } from './deps.ts';
import { onlyMethods } from './methods.ts';
import { refresher } from './refresh.ts';

/** The token endpoint (OAuth 2.1 §3.2): codes and refresh tokens become pairs. What it refuses it leaves as it was. */
export const token = (deps: EndpointDeps): Router => {
  const refresh = refresher(deps);

  const handle: RequestHandler = async (request, response) => {
    const parameters = formParameters(request);
    const asked = parameters.get('grant_type');
    const grant = asked === 'authorization_code' || asked === 'refresh_token' ? asked : 'other';
    const answer = await authenticateClient(request, parameters, deps)
      .then((client) => issue(request, parameters, client))
      .catch((thrown: unknown) => {
        deps.observer.token(grant, asOAuthError(thrown).code);
        throw thrown;
      });
    deps.observer.token(grant, 'ok');
    response.set({ 'Cache-Control': 'no-store', Pragma: 'no-cache' }).json(tokenResponse(answer));
  };

  const issue = (request: Request, parameters: Parameters, client: AuthenticatedClient): Promise<TokenAnswer> => {
    switch (needed(parameters, 'grant_type')) {
      case 'authorization_code':
        return redeem(request, parameters, client);
      case 'refresh_token':
        return rotate(request, parameters, client);
      default:
        throw new OAuthError('unsupported_grant_type', 'use authorization_code or refresh_token');
    }
  };

  const redeem = async (request: Request, parameters: Parameters, client: AuthenticatedClient): Promise<TokenAnswer> => {
    const code = needed(parameters, 'code');
    const verifier = wellFormedVerifier(parameters);
    const resource = askedResource(parameters, deps.resource);
    if (!looksLike('code', code)) throw unknownCode();
    const redeemed = await deps.store.redeemCode(
      {
        code,
        clientId: client.id,
        redirectUri: parameters.get('redirect_uri'),
        resource,
        challenge: createHash('sha256').update(verifier).digest('base64url'),
        tokens: { accessToken: mint('at'), ...(mayRefresh(client) && { refreshToken: mint('rt') }) },
      },
      originOf(request),
    );
    return redeemedAnswer(redeemed);
  };

  const rotate = async (request: Request, parameters: Parameters, client: AuthenticatedClient): Promise<TokenAnswer> => {
    const refreshToken = needed(parameters, 'refresh_token');
    if (!mayRefresh(client)) throw new OAuthError('unauthorized_client', 'this client did not register the refresh_token grant');
    const scope = parameters.get('scope');
    const scopes = scope === undefined ? undefined : parseScope(scope);
    if (scopes?.length === 0) throw new OAuthError('invalid_scope', 'none of the scopes asked for exists here');
    const resource = askedResource(parameters, deps.resource);
    if (!looksLike('rt', refreshToken)) throw new OAuthError('invalid_grant', 'the refresh token is unknown');
    return refresh({ refreshToken, clientId: client.id, scopes, resource }, originOf(request));
  };

  const router = Router({ caseSensitive: true, strict: true });
  router.post('/token', readForm, handle);
  router.all('/token', onlyMethods('POST'));
  router.use('/token', answerErrorsAsJson(deps.log));
  return router;
};

/** Of a metadata-document client only its grant knows: the store leaves the token out if that says no. */
const mayRefresh = ({ grantTypes }: AuthenticatedClient): boolean => grantTypes === undefined || grantTypes.includes('refresh_token');

const tokenResponse = ({ accessToken, refreshToken, expiresInSeconds, scopes }: TokenAnswer) => ({
  access_token: accessToken,
  token_type: 'Bearer',
  expires_in: expiresInSeconds,
  ...(refreshToken !== undefined && { refresh_token: refreshToken }),
  scope: scopes.join(' '),
});

/** RFC 7636 §4.1. */
const wellFormedVerifier = (parameters: Parameters): string => {
  const verifier = needed(parameters, 'code_verifier');
  if (!/^[A-Za-z0-9._~-]{43,128}$/.test(verifier)) {
    throw new OAuthError('invalid_request', 'code_verifier must have 43 to 128 letters, digits or - . _ ~');
  }
  return verifier;
};

const unknownCode = () => new OAuthError('invalid_grant', 'the code is unknown, expired, used or of another client');

const redeemedAnswer = (redeemed: Redeemed): TokenAnswer => {
  switch (redeemed.outcome) {
    case 'redeemed':
      return redeemed.answer;
    case 'resource_mismatch':
      throw new OAuthError('invalid_target', 'the code was issued for another resource');
    case 'redirect_mismatch':
      throw new OAuthError('invalid_grant', 'redirect_uri differs from the one of the authorization request');
    case 'wrong_verifier':
      throw new OAuthError('invalid_grant', 'code_verifier does not fit the code_challenge');
    default:
      throw unknownCode();
  }
};
