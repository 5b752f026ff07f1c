/**
 * What went wrong, for programs. Stable: clients, tests and dashboards may rely on a code.
 *
 * - `invalid_input`: the caller can mend it by asking differently.
 * - `not_found`, `conflict`: Kestra's state does not fit the request.
 * - `unknown_tool`: there is no such tool for this caller.
 * - `forbidden`: a role or a namespace limit of this server says no.
 * - `declined`: the user was asked by way of their client, and did not agree.
 * - `invalid_state`: what came back as the user's answer is none of a question to this caller about this call, or has been heard already.
 * - `no_credential`: nobody has registered a Kestra credential for this caller yet.
 * - `kestra_unauthorized`, `kestra_forbidden`: Kestra refused the caller's own credential.
 * - `not_on_this_server`: this Kestra's version or edition has no such operation.
 * - `kestra_refused`: Kestra understood and said no (its message is in the text).
 * - `kestra_failed`: Kestra answered with a fault of its own (5xx).
 * - `kestra_unreachable`, `kestra_timeout`, `kestra_unreadable`: no answer, a late one, or one that isn't Kestra's.
 * - `busy`: too many calls at once or too fast.
 * - `cancelled`: the caller gave up.
 * - `misconfigured`: an administrator must change a setting.
 * - `unavailable`: a part of this server (its store) can't serve just now; nothing changed, and trying again helps.
 * - `internal`: a defect of this server.
 */
export type Code =
  | 'invalid_input'
  | 'not_found'
  | 'conflict'
  | 'unknown_tool'
  | 'forbidden'
  | 'declined'
  | 'invalid_state'
  | 'no_credential'
  | 'kestra_unauthorized'
  | 'kestra_forbidden'
  | 'not_on_this_server'
  | 'kestra_refused'
  | 'kestra_failed'
  | 'kestra_unreachable'
  | 'kestra_timeout'
  | 'kestra_unreadable'
  | 'busy'
  | 'cancelled'
  | 'misconfigured'
  | 'unavailable'
  | 'internal';

/**
 * The one error that may cross a border. `message` is public: it tells the reader what to do next and holds no secret, path or
 * stack. `detail` is private: it goes to the log, never to a client.
 */
export class PublicError extends Error {
  readonly code: Code;
  readonly detail: unknown;
  /** Words of others that explain it (Kestra's own message): shown as a quotation, never as this server's voice. */
  readonly quoted?: string;

  constructor(code: Code, message: string, detail?: unknown, quoted?: string) {
    super(message);
    this.name = 'PublicError';
    this.code = code;
    this.detail = detail;
    if (quoted) this.quoted = quoted;
  }
}

/** `busy` here, not at Kestra: nothing was done, and it may be tried again in so many seconds. */
export class Busy extends PublicError {
  readonly retryAfter: number;

  constructor(message: string, retryAfter: number) {
    super('busy', message);
    this.name = 'Busy';
    this.retryAfter = retryAfter;
  }
}

/** Any thrown value as a PublicError: what was not meant for readers becomes `internal`, with the original as its detail. */
export const asPublicError = (thrown: unknown): PublicError =>
  thrown instanceof PublicError
    ? thrown
    : new PublicError('internal', 'Something went wrong inside this server. The log has the details; trying again may help.', thrown);
