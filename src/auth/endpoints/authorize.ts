import { type Request, type RequestHandler, type Response, Router } from 'express';
import { type AuthorizationRequest, checkAuthorizationRequest } from '../authorization-request.ts';
import { authorizationResponse } from '../authorization-response.ts';
import { consentForms } from '../consent-form.ts';
import { cookieJar } from '../cookies.ts';
import { displayName } from '../display.ts';
import { addressOf } from '../limits.ts';
import { answerErrorsAsPage, OAuthError, unavailable } from '../oauth-error.ts';
import { ProviderUnreachable } from '../oidc.ts';
import { consentPage } from '../pages/consent.ts';
import { errorPage } from '../pages/error.ts';
import { sendPage } from '../pages/page.ts';
import { formParameters, needed, queryParameters, readForm } from '../parameters.ts';
import { withoutWrite } from '../scopes.ts';
import { signInCookie } from '../sign-in-cookie.ts';
import type { EndpointDeps } from './deps.ts';
import { onlyMethods } from './methods.ts';

/**
 * The authorization endpoint (OAuth 2.1 §4.1.1). GET asks the person and stores nothing; POST is the answer: it begins the sign-in at
 * the identity provider, which hears of nothing before. No error and no denial redirects: the page has a link.
 */
export const authorize = (deps: EndpointDeps): Router => {
  const { issuer, callbackUrl, store, oidc, limits, underWay, log, lifetimes } = deps;
  const { host } = new URL(issuer);
  const jar = cookieJar(issuer);
  const forms = consentForms({ keyring: deps.keyring, jar, clock: deps.clock, lastsMs: lifetimes.signInMs });
  const cookies = signInCookie(jar);

  const ask: RequestHandler = async (request, response) => {
    const parameters = queryParameters(request);
    const asked = await checkAuthorizationRequest(parameters, deps);
    const { cookie, ...fields } = forms.render(request, parameters);
    if (cookie) response.append('Set-Cookie', cookie);
    const { client, redirectUri, scopes } = asked;
    sendPage(response, 200, consentPage({ client, redirectUri, scopes, action: '/authorize', host, ...fields }));
  };

  const decide: RequestHandler = async (request, response) => {
    sentByOurPage(request);
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
        return deny(response, asked);
      default:
        throw new OAuthError('invalid_request', 'decision must be approve or deny');
    }
  };

  const approve = async (request: Request, response: Response, form: ReturnType<typeof forms.open>, asked: AuthorizationRequest) => {
    const { client, ...approved } = asked;
    const refund = limits.take('transaction', addressOf(request), client.id);
    const signIn = {
      id: form.id,
      browser: form.secret('browser'),
      state: `${form.id}.${form.secret('state')}`,
      nonce: form.secret('nonce'),
      verifier: form.secret('verifier'),
    };
    const { secretHash: _, ...shown } = client;
    const refreshable = client.grantTypes.includes('refresh_token');
    const provider = await oidc.authorizationUrl({ redirectUri: callbackUrl, ...signIn }).catch(explainProvider);
    const begun = await store.beginSignIn({
      ...signIn,
      request: { kind: 'client', clientId: client.id, client: shown, refreshable, ...approved },
    });
    if (begun) underWay.begin(signIn.id, refund);
    else refund();
    for (const cookie of cookies.begin(request, signIn.id, signIn.browser, lifetimes.signInMs)) response.append('Set-Cookie', cookie);
    response.status(303).set({ Location: provider.href, 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' }).end();
  };

  const deny = (response: Response, asked: AuthorizationRequest): void => {
    const name = displayName(asked.client.name) ?? 'the application';
    const href = authorizationResponse(asked, issuer, { error: 'access_denied', error_description: 'the user denied the request' });
    const text = `${name} gets no access. Go back, so that it knows.`;
    sendPage(
      response,
      200,
      errorPage({ title: 'You denied access', text, link: { href, label: `Back to ${name}` }, nothingShared: true, host }),
    );
  };

  /** Browsers say where a form comes from; scripts elsewhere can't change that. */
  const sentByOurPage = (request: Request): void => {
    const origin = request.get('Origin');
    const site = request.get('Sec-Fetch-Site');
    if ((origin !== undefined && origin !== new URL(issuer).origin) || (site !== undefined && site !== 'same-origin')) {
      throw new OAuthError('access_denied', 'this form was not sent from our own page', { status: 403 });
    }
  };

  const explainProvider = (error: unknown): never => {
    if (!(error instanceof ProviderUnreachable)) throw error;
    throw unavailable("your company's sign-in can't be reached just now: try again in a minute", error.message, 30);
  };

  const router = Router({ caseSensitive: true, strict: true });
  router.get('/authorize', ask);
  router.post('/authorize', readForm, decide);
  router.all('/authorize', onlyMethods('GET, HEAD, POST'));
  router.use('/authorize', answerErrorsAsPage(log, issuer));
  return router;
};
