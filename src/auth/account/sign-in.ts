import type { Request, Response } from 'express';
import type { AccountRequest, Counted } from '../../store/records.ts';
import { adoptImported } from '../adoption.ts';
import { userKeyOf } from '../claims.ts';
import { cookieJar } from '../cookies.ts';
import { type EndpointDeps, originOf } from '../endpoints/deps.ts';
import { endingOf, finishedAlready, SignInEnded } from '../endpoints/sign-in-ending.ts';
import { signInFailed } from '../endpoints/sign-in-failed.ts';
import type { SignIn } from '../oidc.ts';
import { errorPage } from '../pages/error.ts';
import { sendPage } from '../pages/page.ts';
import { accountSessions, freshMs } from './session.ts';

/** Clocks of this server and the provider may differ by this. */
const toleranceMs = 60_000;

/**
 * The end of a sign-in at the account page: a session with an id of its own, in place of the one that the browser had. Who was to prove
 * anew who they are must have done so just now, and be the same person.
 */
export const accountSignIn = (deps: EndpointDeps) => {
  const { issuer, store, limits, clock, observer } = deps;
  const failed = signInFailed(deps);
  const sessions = accountSessions({ store, jar: cookieJar(issuer) });

  return async (
    request: Request,
    response: Response,
    { id: signInId, request: asked, counted }: { id: string; request: AccountRequest; counted?: readonly Counted[] },
    said: () => Promise<SignIn>,
  ): Promise<void> => {
    const finish = async (): Promise<string> => {
      const { claims, idToken, provedAt } = await said();
      const user = userKeyOf(claims);
      const { expectedUser, again } = asked;
      if (expectedUser && (expectedUser.issuer !== user.issuer || expectedUser.subject !== user.subject))
        throw new SignInEnded(somebodyElse);
      if (again && provedAt !== undefined && provedAt < clock() - freshMs - toleranceMs) throw new SignInEnded(notAsked);
      const { session, cookie } = sessions.begin();
      const started = await store.startAccountSession(
        {
          signInId,
          user,
          display: { name: claims.name, email: claims.email },
          claims: { ...claims },
          session,
          idToken,
          replaces: sessions.held(request),
        },
        originOf(request),
      );
      if (!started) throw finishedAlready();
      await limits.giveBack(counted);
      await adoptImported(deps, claims, originOf(request));
      return cookie;
    };

    const end = await finish().catch(endingOf);
    if (typeof end === 'string') {
      observer.signIn('ok');
      response.append('Set-Cookie', end);
      response.status(303).set({ Location: asked.returnTo, 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' }).end();
      return;
    }
    await failed(request, end);
    const link = { href: '/account', label: 'Back to your account' };
    sendPage(response, end.status, errorPage({ title: 'You are not signed in', text: end.text, link, host: new URL(issuer).host }));
  };
};

const somebodyElse = {
  status: 403,
  error: 'access_denied',
  text: 'You signed in as somebody else than before, so nothing has changed. Sign in as the person whose account was open, or sign out there first.',
} as const;

const notAsked = {
  status: 403,
  error: 'access_denied',
  text: "Your company's sign-in let you through without asking who you are, so nothing has changed. Sign out there first, then try again.",
} as const;
