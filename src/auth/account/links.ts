import { createHmac } from 'node:crypto';
import type { UserKey } from '../../store/records.ts';
import type { Keyring } from '../../store/seal.ts';
import { same } from '../secret.ts';

/** Links to the account page that tools hand out. Each is one person's: in anybody else's hands it opens nothing, and it names nobody. */
export interface AccountLinks {
  urlFor(user: UserKey): string;
  /** Was the link with this `for` made for that user? */
  isFor(user: UserKey, mark: string): boolean;
}

/** The mark is short, since a model has to copy it letter by letter: 128 bits of an HMAC, with a key of every ring key. */
export const accountLinks = (publicUrl: string, keyring: Pick<Keyring, 'derive'>): AccountLinks => {
  const keys = keyring.derive('account link');
  const mark = (key: Buffer, { issuer, subject }: UserKey): string =>
    createHmac('sha256', key)
      .update(JSON.stringify([issuer, subject]))
      .digest('base64url')
      .slice(0, 22);
  return {
    urlFor: (user) => `${publicUrl}/account?for=${mark(keys[0], user)}`,
    isFor: (user, given) => keys.some((key) => same(given, mark(key, user))),
  };
};
