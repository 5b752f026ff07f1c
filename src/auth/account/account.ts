import { type Request, type RequestHandler, type Response, Router } from 'express';
import type { KestraCredential } from '../../config.ts';
import { PublicError } from '../../errors.ts';
import { consentForms } from '../consent-form.ts';
import { cookieJar } from '../cookies.ts';
import { beginSignIn } from '../endpoints/begin-sign-in.ts';
import { type EndpointDeps, originOf } from '../endpoints/deps.ts';
import { onlyMethods } from '../endpoints/methods.ts';
import { answerErrorsAsPage, OAuthError } from '../oauth-error.ts';
import { sentByOurPage } from '../own-form.ts';
import { accountPage } from '../pages/account.ts';
import { landingPage, otherPersonPage, signedOutPage } from '../pages/account-door.ts';
import { sendPage } from '../pages/page.ts';
import { formParameters, needed, type Parameters, queryParameters, readForm } from '../parameters.ts';
import { accountLinks } from './links.ts';
import type { AccountPorts } from './ports.ts';
import { accountSessions, checkForm, noticeOf, readNotice, type Visit } from './session.ts';
import { viewOf } from './view.ts';

/** What became of a form: what the page says then. */
type Done = { readonly notice: string };

/**
 * The account page and what its forms do. Everything works without a script; each form carries the token of its session, and what changes
 * the credential needs a sign-in of the last minutes.
 */
export const account = (deps: EndpointDeps, ports: AccountPorts): Router => {
  const { issuer, store, oidc, log, keyring, clock, lifetimes } = deps;
  const { host } = new URL(issuer);
  const jar = cookieJar(issuer);
  const sessions = accountSessions({ store, jar });
  const doors = consentForms({ keyring, jar, clock, lastsMs: lifetimes.signInMs, purpose: 'account' });
  const links = accountLinks(issuer, keyring);
  const begin = beginSignIn(deps);
  const view = viewOf(deps, ports);

  /** The hidden fields of a form that begins a sign-in. */
  const door = (request: Request, response: Response, parameters: Readonly<Record<string, string | undefined>>) => {
    const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const { cookie, ...fields } = doors.render(request, new Map(given));
    if (cookie) response.append('Set-Cookie', cookie);
    return fields;
  };

  const askToSignIn = (request: Request, response: Response, status: number, { mark, ended }: { mark?: string; ended: boolean }): void =>
    sendPage(response, status, landingPage({ ...door(request, response, { for: mark }), asked: mark !== undefined, ended, host }));

  const show: RequestHandler = async (request, response) => {
    const query = queryParameters(request);
    const mark = query.get('for');
    const visit = await sessions.read(request);
    if (!visit) return askToSignIn(request, response, 200, { mark, ended: sessions.held(request) !== undefined });
    if (mark !== undefined && !links.isFor(visit.user, mark)) {
      return sendPage(response, 403, otherPersonPage({ ...door(request, response, { for: mark, how: 'other' }), host }));
    }
    await render(request, response, 200, visit, { notice: readNotice(visit, query.get('notice')) });
  };

  const render = async (
    request: Request,
    response: Response,
    status: number,
    visit: Visit,
    says: { readonly notice?: string; readonly problem?: string },
  ): Promise<void> => {
    const again = visit.fresh ? undefined : door(request, response, { how: 'again' });
    sendPage(response, status, accountPage({ ...(await view(visit)), ...says, again, host }));
  };

  const signIn: RequestHandler = async (request, response) => {
    sentByOurPage(issuer, request);
    const form = doors.open(request, formParameters(request));
    const how = form.parameters.get('how');
    const mark = form.parameters.get('for');
    const visit = how === 'again' ? await sessions.read(request) : undefined;
    const returnTo = mark === undefined ? `/account${how === 'again' ? '#credential' : ''}` : `/account?for=${encodeURIComponent(mark)}`;
    await begin(request, response, form, {
      request: { kind: 'account', returnTo, again: how !== undefined, ...(visit && { expectedUser: visit.user }) },
      limitedBy: 'account',
      ask: how === undefined ? 'account' : 'again',
    });
  };

  /** A form of the page: sent by it, in this very session. */
  const form = (
    act: (visit: Visit, fields: Parameters, request: Request, response: Response) => Promise<Done | undefined>,
  ): RequestHandler[] => [
    readForm,
    async (request, response) => {
      sentByOurPage(issuer, request);
      const fields = formParameters(request);
      const visit = await sessions.read(request);
      if (!visit) return askToSignIn(request, response, 403, { ended: true });
      checkForm(visit, fields);
      try {
        const done = await act(visit, fields, request, response);
        if (done) response.redirect(303, `/account?notice=${noticeOf(visit, done.notice)}`);
      } catch (thrown) {
        if (!(thrown instanceof PublicError) || thrown.code === 'internal' || thrown.code === 'unavailable') throw thrown;
        log.info({ page: 'account', error: thrown.code }, 'a form was refused');
        await render(request, response, statusOf(thrown), visit, { problem: thrown.message });
      }
    },
  ];

  const { registrar } = ports;
  const ofOwn = () => {
    if (!registrar) throw new OAuthError('invalid_request', 'one Kestra credential serves everybody here', { status: 404 });
    return registrar;
  };

  const router = Router({ caseSensitive: true, strict: true });
  router.get('/account', show);
  router.get('/account/signed-out', (_, response) => sendPage(response, 200, signedOutPage({ host })));
  router.post('/account/sign-in', readForm, signIn);
  router.post(
    '/account/credential',
    form(async (visit, fields, request) => {
      const credential = credentialOf(fields);
      mustBeFresh(visit);
      await ofOwn().register(visit.user, credential, originOf(request));
      return { notice: 'stored' };
    }),
  );
  router.post(
    '/account/credential/test',
    form(async (visit) => {
      await ofOwn().test(visit.user);
      return { notice: 'accepted' };
    }),
  );
  router.post(
    '/account/credential/remove',
    form(async (visit, _, request) => {
      mustBeFresh(visit);
      await ofOwn().remove(visit.user, originOf(request));
      return { notice: 'removed' };
    }),
  );
  router.post(
    '/account/applications/disconnect',
    form(async (visit, fields, request) => {
      const found = await store.revokeGrant(visit.user, needed(fields, 'grant'), 'user_revoked', originOf(request));
      if (!found) throw new OAuthError('invalid_request', 'this application is not connected to you, or no longer', { status: 404 });
      return { notice: 'disconnected' };
    }),
  );
  router.post(
    '/account/applications/disconnect-all',
    form(async (visit, _, request) => {
      for (const { id } of await store.listGrants(visit.user)) await store.revokeGrant(visit.user, id, 'user_revoked', originOf(request));
      return { notice: 'all-disconnected' };
    }),
  );
  router.post(
    '/account/sign-out',
    form(async (visit, fields, request, response) => {
      const from = fields.get('from');
      if (from === 'everywhere') await store.revokeUser(visit.user, 'user_revoked', originOf(request));
      else await store.endAccountSession(visit.secret);
      await store.recordEvent({ kind: 'signed_out', user: visit.user, detail: { from: from ?? 'here' } }, originOf(request));
      const returnTo = `${issuer}/account/signed-out`;
      const provider = from === 'provider' ? await oidc.signOutUrl({ idToken: visit.idToken, returnTo }) : undefined;
      response.append('Set-Cookie', sessions.end());
      response.set({ 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' });
      response.redirect(303, provider?.href ?? '/account/signed-out');
      return undefined;
    }),
  );
  router.all(['/account', '/account/signed-out'], onlyMethods('GET, HEAD'));
  router.all('/account/*path', onlyMethods('POST'));
  router.use(
    '/account',
    answerErrorsAsPage(log, issuer, { title: 'This cannot be done', link: { href: '/account', label: 'To your account' } }),
  );
  return router;
};

const mustBeFresh = (visit: Visit): void => {
  if (!visit.fresh)
    throw new PublicError('forbidden', 'You signed in too long ago for this. Nothing has changed: sign in once more, then do it again.');
};

/** @throws PublicError `invalid_input` if something is missing */
const credentialOf = (fields: Parameters): KestraCredential => {
  const [token, username, password] = [fields.get('token'), fields.get('username'), fields.get('password')];
  if (fields.get('kind') === 'password') {
    if (username !== undefined && password !== undefined) return { kind: 'password', username, password };
    throw new PublicError('invalid_input', 'The user name or the password is missing. Nothing was stored.');
  }
  if (token !== undefined) return { kind: 'token', token };
  throw new PublicError('invalid_input', 'The API token is missing. Nothing was stored.');
};

const statusOf = ({ code }: PublicError): number => {
  switch (code) {
    case 'forbidden':
      return 403;
    case 'busy':
      return 429;
    case 'kestra_unreachable':
    case 'kestra_timeout':
    case 'kestra_failed':
    case 'kestra_unreadable':
    case 'misconfigured':
      return 503;
    default:
      return 422;
  }
};
