import type { Request } from 'express';
import { deriveToken } from '../../store/digest.ts';
import type { AccountSession } from '../../store/records.ts';
import type { Store } from '../../store/store.ts';
import { type CookieJar, cookiesOf } from '../cookies.ts';
import { OAuthError } from '../oauth-error.ts';
import { needed, type Parameters } from '../parameters.ts';
import { random, same } from '../secret.ts';

/** How young a sign-in must be for a change of the credential. */
export const freshMs = 5 * 60_000;

/** Somebody at the account page. */
export interface Visit extends AccountSession {
  /** The value of the cookie. */
  readonly secret: string;
  /** For every form of this session, and for nobody else's. */
  readonly csrf: string;
  /** Have they signed in just now? */
  readonly fresh: boolean;
  /** By the store's clock. */
  readonly now: number;
}

const shape = /^[A-Za-z0-9_-]{43}$/;

/** The account page's sessions as the browser holds them: one cookie, which means nothing anywhere else. */
export const accountSessions = ({ store, jar }: { store: Pick<Store, 'useAccountSession' | 'now'>; jar: CookieJar }) => {
  const name = jar.name('account');
  const held = (request: Request): string | undefined => {
    const value = cookiesOf(request).get(name);
    return value !== undefined && shape.test(value) ? value : undefined;
  };
  return {
    held,
    /** Undefined: nobody, or the session is over. */
    read: async (request: Request): Promise<Visit | undefined> => {
      const secret = held(request);
      const session = secret === undefined ? undefined : await store.useAccountSession(secret);
      if (!session || secret === undefined) return undefined;
      const now = await store.now();
      return { ...session, secret, csrf: deriveToken(secret, 'account form'), fresh: now - session.signedInAt <= freshMs, now };
    },
    /** A new session's secret and its cookie, which the browser forgets when it closes. */
    begin: (): { session: string; cookie: string } => {
      const session = random();
      return { session, cookie: jar.set(name, session) };
    },
    end: (): string => jar.clear(name),
  };
};

/** @throws OAuthError 403 if the form was shown to another session */
export const checkForm = (visit: Visit, fields: Parameters): void => {
  if (!same(needed(fields, 'csrf'), visit.csrf))
    throw new OAuthError('access_denied', 'this form was not shown to the person who is signed in here', { status: 403 });
};

/** What a page says once after a form: marked, so that a link from elsewhere can't make it say anything. */
export const noticeOf = (visit: Pick<Visit, 'secret'>, name: string): string =>
  `${name}.${deriveToken(visit.secret, `notice ${name}`).slice(0, 16)}`;

export const readNotice = (visit: Pick<Visit, 'secret'>, text: string | undefined): string | undefined => {
  const name = text?.split('.', 1)[0];
  return text !== undefined && name !== undefined && same(text, noticeOf(visit, name)) ? name : undefined;
};
