import { type RequestHandler, Router } from 'express';
import type { ClientRequest } from '../../store/records.ts';
import { accountSignIn } from '../account/sign-in.ts';
import { adoptImported } from '../adoption.ts';
import { authorizationResponse } from '../authorization-response.ts';
import { NotAdmitted } from '../claims.ts';
import { cookieJar } from '../cookies.ts';
import { displayName } from '../display.ts';
import { answerErrorsAsPage } from '../oauth-error.ts';
import { errorPage } from '../pages/error.ts';
import { sendPage } from '../pages/page.ts';
import { signedInPage } from '../pages/signed-in.ts';
import { needed, queryParameters } from '../parameters.ts';
import { mint } from '../secret.ts';
import { signInCookie } from '../sign-in-cookie.ts';
import { type EndpointDeps, originOf } from './deps.ts';
import { onlyMethods } from './methods.ts';
import { type Ending, endingOf, finishedAlready, hear, otherBrowser, takenOnce } from './sign-in-ending.ts';
import { signInFailed } from './sign-in-failed.ts';

/**
 * Where the identity provider sends people back. The provider is asked nothing before the browser has shown the cookie of the sign-in
 * that its `state` names, and that was taken, once. Only who has signed in is sent on to the client.
 */
export const callback = (deps: EndpointDeps): Router => {
  const { issuer, callbackUrl, rights, store, limits, observer, log, lifetimes } = deps;
  const failed = signInFailed(deps);
  const finishAccount = accountSignIn(deps);
  const cookies = signInCookie(cookieJar(issuer));
  const { host } = new URL(issuer);

  const handle: RequestHandler = async (request, response) => {
    const parameters = queryParameters(request);
    const state = needed(parameters, 'state');
    const id = state.split('.', 1)[0] ?? '';
    const browser = cookies.read(request, id);
    if (browser === undefined) throw otherBrowser();
    const taken = takenOnce(await store.takeSignIn({ state, browser }));
    response.append('Set-Cookie', cookies.end(id));
    const asked = taken.request;
    const said = () => hear(deps, parameters, state, taken);
    if (asked.kind === 'account') return finishAccount(request, response, { ...taken, request: asked }, said);

    const finish = async (): Promise<{ code: string; person?: string }> => {
      const { claims, refreshToken } = await said();
      if (claims.groups.unknown && rights.of(claims).length === 0) throw new NotAdmitted(unknownGroups);
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
      if (!grant) throw finishedAlready();
      await limits.giveBack(taken.counted);
      await adoptImported(deps, claims, originOf(request));
      if (refreshToken === undefined) log.warn({ grant: grant.id }, 'the identity provider gave no refresh token: the sign-in ends early');
      if (claims.groups.unknown) log.warn({ user: claims.subject, groups: claims.groups.unknown }, 'groups are unknown: only roles count');
      return { code, person: claims.name };
    };

    const end = await finish().catch(endingOf);
    if ('code' in end) {
      observer.signIn('ok');
      const location = authorizationResponse(asked, issuer, { code: end.code });
      if (/^https?:/.test(location)) {
        response.status(303).set({ Location: location, 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' }).end();
        return;
      }
      // An app opens without a page of its own: behind it the browser would show our question still.
      response.set('Refresh', `0;url=${location}`);
      sendPage(response, 200, signedInPage({ person: end.person, clientName: nameOf(asked), continueTo: location, host }));
      return;
    }
    await failed(request, end, asked.clientId);
    const { link, name } = back(asked, end);
    sendPage(
      response,
      end.status,
      errorPage({
        title: 'You are not signed in',
        text: end.text,
        link: { href: link, label: `Back to ${name}` },
        host,
      }),
    );
  };

  const back = (asked: ClientRequest, { error }: Ending) => {
    const name = displayName(nameOf(asked)) ?? 'the application';
    return { name, link: authorizationResponse(asked, issuer, { error, error_description: 'the sign-in did not succeed' }) };
  };

  const nameOf = ({ client: { name } }: ClientRequest): string | undefined => (typeof name === 'string' ? name : undefined);

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
