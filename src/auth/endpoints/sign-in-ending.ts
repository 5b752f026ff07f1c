import type { TakenSignIn } from '../../store/records.ts';
import { NotAdmitted } from '../claims.ts';
import { asOAuthError, OAuthError } from '../oauth-error.ts';
import { type IdentityProvider, ProviderRefused, ProviderUnreachable, type SignIn } from '../oidc.ts';
import type { Parameters } from '../parameters.ts';

/** Why a sign-in that was under way ends here, with what its client is told. `text` is for the person. */
export interface Ending {
  readonly status: number;
  readonly error: 'access_denied' | 'temporarily_unavailable' | 'server_error';
  readonly text: string;
  readonly detail?: unknown;
}

/** Thrown for an ending that is known where it happens. */
export class SignInEnded extends Error {
  override readonly name = 'SignInEnded';
  readonly ending: Ending;

  constructor(ending: Ending) {
    super(ending.text);
    this.ending = ending;
  }
}

/**
 * What the provider says of who came back with these parameters.
 * @throws for `endingOf`
 */
export const hear = async (
  { oidc, callbackUrl }: { oidc: IdentityProvider; callbackUrl: string },
  parameters: Parameters,
  state: string,
  { nonce, verifier }: Taken,
): Promise<SignIn> => {
  const refusal = parameters.get('error');
  if (refusal !== undefined) throw new SignInEnded(refusedByProvider(refusal));
  if (!parameters.has('code')) throw new SignInEnded(unusable('no code'));
  const url = new URL(callbackUrl);
  url.search = new URLSearchParams([...parameters]).toString();
  return oidc.signIn(url, { state, nonce, verifier });
};

/** The ending that a thrown value means. @throws what is none */
export const endingOf = (thrown: unknown): Ending => {
  if (thrown instanceof SignInEnded) return thrown.ending;
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

/** A sign-in that its browser has come back with. */
export type Taken = TakenSignIn & { readonly outcome: 'taken' };

export const finishedAlready = () => new OAuthError('invalid_request', 'this sign-in was finished already: start again where you began');

export const otherBrowser = () =>
  new OAuthError('access_denied', 'this sign-in was not started in this browser, or took too long: start again where you began', {
    status: 403,
  });

/** @throws OAuthError if the browser is not the one that began it, or it is used or too old */
export const takenOnce = (taken: TakenSignIn): Taken => {
  switch (taken.outcome) {
    case 'taken':
      return taken;
    case 'other_browser':
      throw otherBrowser();
    case 'used':
      throw finishedAlready();
    default:
      throw new OAuthError('invalid_request', 'this sign-in is unknown or took too long: start again where you began');
  }
};
