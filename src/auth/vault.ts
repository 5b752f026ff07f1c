import { z } from 'zod';
import type { KestraCredential } from '../config.ts';
import { PublicError } from '../errors.ts';
import type { Origin, UserKey } from '../store/records.ts';
import type { CredentialStore } from '../store/store.ts';

const stored = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('token'), token: z.string() }),
  z.object({ kind: z.literal('password'), username: z.string(), password: z.string() }),
]);

/** A stored credential without its secret. */
export interface Shown {
  readonly readable: boolean;
  readonly hint?: string;
  /** Milliseconds since 1970. */
  readonly storedAt?: number;
}

/** Each user's own Kestra credential: sealed for that user and this Kestra alone. */
export interface Vault {
  /** @throws PublicError `no_credential` if one is there that can't be opened any more */
  get(user: UserKey): Promise<KestraCredential | undefined>;
  /** What may be shown of it. `readable` false: it can't be opened any more. */
  shown(user: UserKey): Promise<Shown | undefined>;
  put(user: UserKey, credential: KestraCredential, origin: Origin): Promise<void>;
  /** False: there was none. */
  remove(user: UserKey, origin: Origin): Promise<boolean>;
}

export const createVault = (store: CredentialStore, instance: string): Vault => ({
  get: async (user) => {
    const found = await store.getCredential({ user, instance });
    if (found.outcome === 'none') return undefined;
    const parsed = found.outcome === 'found' ? stored.safeParse(parseJson(found.secret)) : undefined;
    if (parsed?.success) return parsed.data;
    throw new PublicError('no_credential', 'Your stored Kestra credential can not be opened any more: register it again.');
  },
  shown: async (user) => {
    const found = await store.getCredential({ user, instance });
    if (found.outcome === 'none') return undefined;
    return found.outcome === 'found' ? { readable: true, hint: found.hint, storedAt: found.storedAt } : { readable: false };
  },
  put: (user, credential, origin) =>
    store.putCredential({ user, instance }, { secret: JSON.stringify(credential), hint: hintOf(credential) }, origin),
  remove: (user, origin) => store.deleteCredential({ user, instance }, origin),
});

/** What a page may show of it: of a token no more than tells two apart. */
const hintOf = (credential: KestraCredential): string => {
  if (credential.kind === 'password') return `user ${credential.username}`;
  return credential.token.length < 20 ? 'API token' : `API token ending in ${credential.token.slice(-4)}`;
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
