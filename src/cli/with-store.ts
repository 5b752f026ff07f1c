import type { Config } from '../config.ts';
import { PublicError } from '../errors.ts';
import { createLog } from '../log.ts';
import { openStore } from '../store/open.ts';
import type { KnownUser, UserKey } from '../store/records.ts';
import { parseKeyring } from '../store/seal.ts';
import type { Store } from '../store/store.ts';
import { openAudit } from './telemetry.ts';

/** Who did it, for the audit: the person at the terminal. */
export const atTheTerminal = { requestId: 'cli' } as const;

/** Runs with the store that the settings name and closes it, whatever happens. */
export const withStore = async <T>(
  config: Config,
  use: (store: Store) => Promise<T>,
  options: { allowMissingKeys?: boolean } = {},
): Promise<T> => {
  const audit = config.telemetry.auditFile === undefined ? undefined : openAudit(config, createLog(config.logLevel, config));
  const store = await openStore(config.store.location, {
    keyring: parseKeyring(config.store.keys),
    lifetimes: config.lifetimes,
    ...(audit && { onAudited: audit.event }),
    ...options,
  });
  try {
    return await use(store);
  } finally {
    await store.close();
    audit?.close();
  }
};

/** A user as the commands write and read one: the exact key. */
export const nameOf = ({ issuer, subject }: UserKey): string => `${issuer}|${subject}`;

/**
 * The user whom somebody at a terminal means: the exact key (`issuer|subject`), who need not have signed in yet, or the subject or e-mail of
 * one who has.
 * @throws PublicError `not_found`, `conflict` if several people are called that
 */
export const findUser = async (store: Store, text: string): Promise<UserKey> => {
  // An issuer is a URL and has no bar; a subject may have one (Auth0's do).
  const [issuer = '', ...subject] = text.split('|');
  if (URL.canParse(issuer) && subject.length > 0) return { issuer, subject: subject.join('|') };
  const [user, ...others] = await store.findUsers(text);
  if (!user)
    throw new PublicError(
      'not_found',
      `Nobody here is called ${JSON.stringify(text)}. list-users shows everybody; before the first sign-in give the exact key, ISSUER|SUBJECT.`,
    );
  if (others.length > 0)
    throw new PublicError(
      'conflict',
      `Several users are called that; give the exact key of one:\n${[user, ...others].map((one) => `  ${nameOf(one.user)}`).join('\n')}`,
    );
  return user.user;
};

/** Every user, page by page. */
export async function* everyUser(store: Store): AsyncGenerator<KnownUser> {
  let after: UserKey | undefined;
  for (;;) {
    const page = await store.listUsers({ ...(after && { after }), limit: 200 });
    yield* page;
    after = page.at(-1)?.user;
    if (page.length < 200) return;
  }
}
