import type { KestraCredential } from '../../config.ts';
import { asPublicError, PublicError } from '../../errors.ts';
import type { Origin, UserKey } from '../../store/records.ts';
import type { RecordStore } from '../../store/store.ts';
import { userKey } from '../claims.ts';
import type { Limits } from '../limits.ts';
import { OAuthError } from '../oauth-error.ts';
import type { Vault } from '../vault.ts';
import type { AboutKestra, KestraAtHand } from './ports.ts';

/** Takes Kestra credentials from their owners. Nothing is stored that Kestra has not accepted a moment ago. */
export interface Registrar extends Pick<Vault, 'shown' | 'remove'> {
  /** Replaces. @throws PublicError why not; then nothing was stored and the one before is still there */
  register(user: UserKey, credential: KestraCredential, origin: Origin): Promise<void>;
  /** Does Kestra accept the stored one? @throws PublicError why not */
  test(user: UserKey): Promise<void>;
  about(user: UserKey): Promise<AboutKestra>;
}

export const createRegistrar = ({
  vault,
  kestra,
  store,
  limits,
}: {
  vault: Vault;
  kestra: KestraAtHand;
  store: Pick<RecordStore, 'recordEvent'>;
  limits: Limits;
}): Registrar => {
  const ask = async (user: UserKey, credential: KestraCredential): Promise<void> => {
    const counted = await attempt(limits, user);
    await kestra.check(credential);
    await limits.giveBack(counted);
  };
  return {
    shown: vault.shown,
    remove: vault.remove,
    about: async (user) => kestra.about(await vault.get(user).catch(() => undefined)),
    register: async (user, credential, origin) => {
      const clean = checked(credential);
      try {
        await ask(user, clean);
      } catch (thrown) {
        const refusal = inWords(thrown, clean, 'Nothing was stored.');
        await store.recordEvent({ kind: 'credential_refused', user, detail: { reason: refusal.code } }, origin);
        throw refusal;
      }
      await vault.put(user, clean, origin);
    },
    test: async (user) => {
      const own = await vault.get(user);
      if (!own) throw new PublicError('no_credential', 'There is no Kestra credential to test.');
      await ask(user, own).catch((thrown: unknown) => {
        throw inWords(thrown, own, 'It is still stored.');
      });
    },
  };
};

/** @throws PublicError `busy` for whoever tries one after the other */
const attempt = (limits: Limits, user: UserKey) =>
  limits.take('guess', userKey(user), 'kestra credential').catch((thrown: unknown) => {
    throw thrown instanceof OAuthError ? new PublicError('busy', 'Kestra refused too many credentials of yours. Try again later.') : thrown;
  });

/** What can't be a credential goes into no header (RFC 9110 §5.5, RFC 6750 §2.1, RFC 7617 §2). @throws PublicError `invalid_input` */
const checked = (credential: KestraCredential): KestraCredential => {
  if (credential.kind === 'token') {
    const token = credential.token.trim();
    if (/^[\x21-\x7e]{1,4096}$/.test(token)) return { kind: 'token', token };
    throw new PublicError('invalid_input', 'An API token is one word of letters, digits and signs. Nothing was stored.');
  }
  const { password } = credential;
  const username = credential.username.trim();
  if (/^[^\p{Cc}:]{1,512}$/u.test(username) && /^\P{Cc}{1,4096}$/u.test(password)) return { kind: 'password', username, password };
  throw new PublicError('invalid_input', 'A user name has no colon, and neither it nor a password has line breaks. Nothing was stored.');
};

const inWords = (thrown: unknown, { kind }: KestraCredential, outcome: string): PublicError => {
  const error = asPublicError(thrown);
  const what = kind === 'token' ? 'this API token' : 'this user name and password';
  const text: Partial<Record<PublicError['code'], string>> = {
    kestra_unauthorized: `Kestra does not accept ${what}.`,
    kestra_forbidden: `Kestra knows ${what}, but lets it do nothing.`,
  };
  return new PublicError(error.code, `${text[error.code] ?? error.message} ${outcome}`, thrown);
};
