import type { Request, Response } from 'express';
import type { AccountRequest, ClientRequest } from '../../store/records.ts';
import type { ConsentForm } from '../consent-form.ts';
import { cookieJar } from '../cookies.ts';
import { addressOf } from '../limits.ts';
import { unavailable } from '../oauth-error.ts';
import { type Asking, ProviderUnreachable } from '../oidc.ts';
import { signInCookie } from '../sign-in-cookie.ts';
import type { EndpointDeps } from './deps.ts';

/**
 * Sends a browser to the identity provider, after it has sent one of our forms: the sign-in is stored, and the browser keeps the cookie
 * that the callback will want to see.
 */
export const beginSignIn = ({ issuer, callbackUrl, store, oidc, limits, lifetimes }: EndpointDeps) => {
  const cookies = signInCookie(cookieJar(issuer));
  return async (
    request: Request,
    response: Response,
    form: ConsentForm,
    what: { readonly request: ClientRequest | AccountRequest; readonly limitedBy: string; readonly ask?: Asking },
  ): Promise<void> => {
    const counted = await limits.take('transaction', addressOf(request), what.limitedBy);
    const signIn = {
      id: form.id,
      browser: form.secret('browser'),
      state: `${form.id}.${form.secret('state')}`,
      nonce: form.secret('nonce'),
      verifier: form.secret('verifier'),
    };
    const provider = await oidc.authorizationUrl({ redirectUri: callbackUrl, ...signIn, ask: what.ask }).catch(explain);
    const begun = await store.beginSignIn({ ...signIn, request: what.request, counted });
    if (!begun) await limits.giveBack(counted);
    for (const cookie of cookies.begin(request, signIn.id, signIn.browser, lifetimes.signInMs)) response.append('Set-Cookie', cookie);
    response.status(303).set({ Location: provider.href, 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' }).end();
  };
};

const explain = (error: unknown): never => {
  if (!(error instanceof ProviderUnreachable)) throw error;
  throw unavailable("your company's sign-in can't be reached just now: try again in a minute", error.message, 30);
};
