import { randomBytes } from 'node:crypto';
import type { Request } from 'express';
import { z } from 'zod';
import { deriveToken } from '../store/digest.ts';
import type { Keyring } from '../store/seal.ts';
import type { Clock } from './clock.ts';
import { type CookieJar, cookiesOf } from './cookies.ts';
import { OAuthError } from './oauth-error.ts';
import { needed, type Parameters } from './parameters.ts';
import { random, same } from './secret.ts';

/** What a consent form carries, sealed: the request as it came, and what the sign-in will be known by. Nothing is stored for it. */
const sealedForm = z.object({
  /** Names the sign-in and its cookie: a form that is sent twice begins one sign-in. */
  id: z.string(),
  /** The secrets of the sign-in derive from it. */
  seed: z.string(),
  madeAt: z.number(),
  parameters: z.array(z.tuple([z.string(), z.string()])),
});

export interface ConsentForm {
  readonly id: string;
  readonly parameters: Parameters;
  /** A secret of this sign-in; the same for the same form. */
  readonly secret: (purpose: 'browser' | 'state' | 'nonce' | 'verifier') => string;
}

const shape = /^[A-Za-z0-9_-]{43}$/;

/**
 * Consent forms that only the browser they were shown to can send: the form's token derives from a random cookie (double submit), one
 * for each rendering, so that a reload or a second tab spoils nothing.
 */
export const consentForms = ({
  keyring,
  jar,
  clock,
  purpose = 'consent',
  lastsMs,
}: {
  keyring: Keyring;
  jar: CookieJar;
  clock: Clock;
  /** A form of one purpose is none of another. */
  purpose?: 'consent' | 'account';
  /** No longer than the sign-in that it begins is remembered, or a form could begin a second one. */
  lastsMs: number;
}) => {
  const context = { purpose: `${purpose} form` };
  const cookie = jar.name('csrf');
  const held = (request: Request): string | undefined => {
    const value = cookiesOf(request).get(cookie);
    return value !== undefined && shape.test(value) ? value : undefined;
  };
  const token = (secret: string, id: string) => deriveToken(secret, `${purpose} ${id}`);
  return {
    /** The hidden fields of a new form, and the cookie to set if this browser has none yet. */
    render: (request: Request, parameters: Parameters): { request: string; csrf: string; cookie?: string } => {
      const known = held(request);
      const secret = known ?? random();
      const id = randomBytes(16).toString('base64url');
      const form: z.input<typeof sealedForm> = { id, seed: random(), madeAt: clock(), parameters: [...parameters] };
      return {
        request: keyring.sealText(JSON.stringify(form), context),
        csrf: token(secret, id),
        ...(known === undefined && { cookie: jar.set(cookie, secret) }),
      };
    },
    /** @throws OAuthError 403 if the form was shown to another browser, `invalid_request` if it is not ours or too old */
    open: (request: Request, fields: Parameters): ConsentForm => {
      const text = keyring.openText(needed(fields, 'request'), context);
      if (text === undefined) throw new OAuthError('invalid_request', 'this form was changed on its way: start again');
      const { id, seed, madeAt, parameters } = sealedForm.parse(JSON.parse(text));
      const secret = held(request);
      if (secret === undefined || !same(needed(fields, 'csrf'), token(secret, id))) {
        throw new OAuthError('access_denied', 'this form was not shown to this browser: start again', { status: 403 });
      }
      if (clock() - madeAt > lastsMs) throw new OAuthError('invalid_request', 'this page was open for too long: start again');
      return { id, parameters: new Map(parameters), secret: (purpose) => deriveToken(seed, `sign-in ${purpose}`) };
    },
  };
};
