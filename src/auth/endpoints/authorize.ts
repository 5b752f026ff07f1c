import { type Request, type RequestHandler, type Response, Router } from 'express';
import { type AuthorizationRequest, checkAuthorizationRequest } from '../authorization-request.ts';
import { authorizationResponse } from '../authorization-response.ts';
import { type ConsentForm, consentForms } from '../consent-form.ts';
import { cookieJar } from '../cookies.ts';
import { displayName } from '../display.ts';
import { answerErrorsAsPage, OAuthError } from '../oauth-error.ts';
import { sentByOurPage } from '../own-form.ts';
import { consentPage } from '../pages/consent.ts';
import { errorPage } from '../pages/error.ts';
import { sendPage } from '../pages/page.ts';
import { formParameters, needed, queryParameters, readForm } from '../parameters.ts';
import { withoutWrite } from '../scopes.ts';
import { beginSignIn } from './begin-sign-in.ts';
import { type EndpointDeps, originOf } from './deps.ts';
import { onlyMethods } from './methods.ts';

/**
 * The authorization endpoint (OAuth 2.1 §4.1.1). GET asks the person and stores nothing; POST is the answer: it begins the sign-in at
 * the identity provider, which hears of nothing before. No error and no denial redirects: the page has a link.
 */
export const authorize = (deps: EndpointDeps): Router => {
  const { issuer, log, lifetimes, observer, store } = deps;
  const { host } = new URL(issuer);
  const jar = cookieJar(issuer);
  const forms = consentForms({ keyring: deps.keyring, jar, clock: deps.clock, lastsMs: lifetimes.signInMs });
  const begin = beginSignIn(deps);

  const ask: RequestHandler = async (request, response) => {
    const parameters = queryParameters(request);
    const asked = await checkAuthorizationRequest(parameters, deps);
    const { cookie, ...fields } = forms.render(request, parameters);
    if (cookie) response.append('Set-Cookie', cookie);
    const { client, redirectUri, scopes } = asked;
    sendPage(response, 200, consentPage({ client, redirectUri, scopes, action: '/authorize', host, ...fields }));
  };

  const decide: RequestHandler = async (request, response) => {
    sentByOurPage(issuer, request);
    const fields = formParameters(request);
    const form = forms.open(request, fields);
    const asked = await checkAuthorizationRequest(form.parameters, deps);
    switch (needed(fields, 'decision')) {
      case 'approve':
        return approve(request, response, form, {
          ...asked,
          scopes: fields.get('write') === 'yes' ? asked.scopes : withoutWrite(asked.scopes),
        });
      case 'deny':
        return deny(request, response, asked);
      default:
        throw new OAuthError('invalid_request', 'decision must be approve or deny');
    }
  };

  const approve = (request: Request, response: Response, form: ConsentForm, asked: AuthorizationRequest) => {
    const { client, ...approved } = asked;
    const { secretHash: _, ...shown } = client;
    const refreshable = client.grantTypes.includes('refresh_token');
    return begin(request, response, form, {
      request: { kind: 'client', clientId: client.id, client: shown, refreshable, ...approved },
      limitedBy: client.id,
    });
  };

  const deny = async (request: Request, response: Response, asked: AuthorizationRequest): Promise<void> => {
    observer.signIn('denied');
    await store.recordEvent({ kind: 'consent_denied', clientId: asked.client.id }, originOf(request));
    const name = displayName(asked.client.name) ?? 'the application';
    const href = authorizationResponse(asked, issuer, { error: 'access_denied', error_description: 'the user denied the request' });
    const text = `${name} gets no access. Go back, so that it knows.`;
    sendPage(
      response,
      200,
      errorPage({ title: 'You denied access', text, link: { href, label: `Back to ${name}` }, nothingShared: true, host }),
    );
  };

  const router = Router({ caseSensitive: true, strict: true });
  router.get('/authorize', ask);
  router.post('/authorize', readForm, decide);
  router.all('/authorize', onlyMethods('GET, HEAD, POST'));
  router.use('/authorize', answerErrorsAsPage(log, issuer));
  return router;
};
