import { type RequestHandler, Router } from 'express';
import type { ClientRequest, TakenSignIn } from '../../store/records.ts';
import { authorizationResponse } from '../authorization-response.ts';
import { grantsOf, NotAdmitted } from '../claims.ts';
import { cookieJar } from '../cookies.ts';
import { displayName } from '../display.ts';
import { answerErrorsAsPage, asOAuthError, OAuthError } from '../oauth-error.ts';
import { ProviderRefused, ProviderUnreachable } from '../oidc.ts';
import { errorPage } from '../pages/error.ts';
import { sendPage } from '../pages/page.ts';
import { needed, queryParameters } from '../parameters.ts';
import { mint } from '../secret.ts';
import { signInCookie } from '../sign-in-cookie.ts';
import { type EndpointDeps, originOf } from './deps.ts';
import { onlyMethods } from './methods.ts';

/** Why a sign-in that was under way ends here, with what its client is told. `text` is for the person. */
interface Ending {
  readonly status: number;
  readonly error: 'access_denied' | 'temporarily_unavailable' | 'server_error';
  readonly text: string;
  readonly detail?: unknown;
}

/**
 * Where the identity provider sends people back. The provider is asked nothing before the browser has shown the cookie of the sign-in
 * that its `state` names, and that was taken, once. Only who has signed in is sent on to the client.
 */
export const callback = (deps: EndpointDeps): Router => {
  const { issuer, callbackUrl, store, oidc, underWay, log, lifetimes } = deps;
  const cookies = signInCookie(cookieJar(issuer));

  const handle: RequestHandler = async (request, response) => {
    const parameters = queryParameters(request);
    const state = needed(parameters, 'state');
    const id = state.split('.', 1)[0] ?? '';
    const browser = cookies.read(request, id);
    if (browser === undefined) throw otherBrowser();
    const taken = takenOnce(await store.takeSignIn({ state, browser }));
    response.append('Set-Cookie', cookies.end(id));
    const asked = taken.request;
    if (asked.kind !== 'client') throw new OAuthError('invalid_request', 'this sign-in belongs to another page');

    const finish = async (): Promise<string | Ending> => {
      const refusal = parameters.get('error');
      if (refusal !== undefined) return refusedByProvider(refusal);
      if (!parameters.has('code')) return unusable('no code');
      const url = new URL(callbackUrl);
      url.search = new URLSearchParams([...parameters]).toString();
      const { claims, refreshToken } = await oidc.signIn(url, { state, nonce: taken.nonce, verifier: taken.verifier });
      if (claims.groups.unknown && grantsOf(claims).length === 0) throw new NotAdmitted(unknownGroups);
      const code = mint('code');
      const grant = await store.completeSignIn(
        {
          signInId: taken.id,
          user: { issuer: claims.issuer, subject: claims.subject },
          display: { name: claims.name, email: claims.email },
          claims: { ...claims },
          code,
          ...(refreshToken === undefined ? { endsWithinMs: lifetimes.claimsMaxAgeMs } : { providerRefreshToken: refreshToken }),
        },
        originOf(request),
      );
      if (!grant) throw new OAuthError('invalid_request', 'this sign-in was finished already: start again in the application');
      underWay.succeed(taken.id);
      if (refreshToken === undefined) log.warn({ grant: grant.id }, 'the identity provider gave no refresh token: the sign-in ends early');
      if (claims.groups.unknown) log.warn({ user: claims.subject, groups: claims.groups.unknown }, 'groups are unknown: only roles count');
      return code;
    };

    const end = await finish().catch(endingOf);
    if (typeof end === 'string') {
      const location = authorizationResponse(asked, issuer, { code: end });
      response.status(303).set({ Location: location, 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' }).end();
      return;
    }
    log.warn({ client: asked.clientId, error: end.error, err: end.detail }, 'sign-in failed');
    const { link, name } = back(asked, end);
    sendPage(
      response,
      end.status,
      errorPage({
        title: 'You are not signed in',
        text: end.text,
        link: { href: link, label: `Back to ${name}` },
        host: new URL(issuer).host,
      }),
    );
  };

  const back = (asked: ClientRequest, { error }: Ending) => {
    const name = displayName(typeof asked.client.name === 'string' ? asked.client.name : undefined) ?? 'the application';
    return { name, link: authorizationResponse(asked, issuer, { error, error_description: 'the sign-in did not succeed' }) };
  };

  const { pathname } = new URL(callbackUrl);
  const router = Router({ caseSensitive: true, strict: true });
  router.head(pathname, onlyMethods('GET'));
  router.get(pathname, handle);
  router.all(pathname, onlyMethods('GET'));
  router.use(pathname, answerErrorsAsPage(log, issuer));
  return router;
};

const unknownGroups =
  "You are in so many groups that your company's sign-in left them all out, and no role of yours counts here. Ask your administrator for an app role, or to send only the groups assigned to this application.";

const otherBrowser = () =>
  new OAuthError('access_denied', 'this sign-in was not started in this browser, or took too long: start again in the application', {
    status: 403,
  });

const takenOnce = (taken: TakenSignIn): TakenSignIn & { outcome: 'taken' } => {
  switch (taken.outcome) {
    case 'taken':
      return taken;
    case 'other_browser':
      throw otherBrowser();
    case 'used':
      throw new OAuthError('invalid_request', 'this sign-in was finished already: start again in the application');
    default:
      throw new OAuthError('invalid_request', 'this sign-in is unknown or took too long: start again in the application');
  }
};

/** The provider's own words stay in the log: anybody can write them into a link. */
const refusedByProvider = (error: string): Ending => {
  const detail = { providerError: error.slice(0, 100) };
  return error === 'temporarily_unavailable' || error === 'server_error'
    ? {
        status: 503,
        error: 'temporarily_unavailable',
        text: "Your company's sign-in has a problem just now. Try again in a minute.",
        detail,
      }
    : { status: 403, error: 'access_denied', text: "Your company's sign-in refused, or you cancelled it.", detail };
};

const unusable = (detail: unknown): Ending => ({
  status: 502,
  error: 'server_error',
  text: "The answer of your company's sign-in could not be trusted, so it was not used. Try again; if it stays so, tell your administrator.",
  detail,
});

const endingOf = (thrown: unknown): Ending => {
  if (thrown instanceof NotAdmitted) return { status: 403, error: 'access_denied', text: thrown.message };
  if (thrown instanceof ProviderRefused) return unusable(thrown.message);
  if (thrown instanceof ProviderUnreachable) {
    return { ...refusedByProvider('temporarily_unavailable'), detail: thrown.message };
  }
  const error = asOAuthError(thrown);
  if (error.status !== 503) throw thrown;
  return {
    status: 503,
    error: 'temporarily_unavailable',
    text: 'This server has a problem just now. Try again in a minute.',
    detail: error.detail,
  };
};
