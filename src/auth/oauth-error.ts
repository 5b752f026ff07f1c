import type { ErrorRequestHandler, Request, Response } from 'express';
import { asPublicError, PublicError } from '../errors.ts';
import type { Log } from '../log.ts';
import { type ErrorPage, errorPage } from './pages/error.ts';
import { sendPage } from './pages/page.ts';

/** The error codes of RFC 6749 §4.1.2.1 and §5.2, RFC 7591 §3.2.2, RFC 8707 §2 and RFC 7009 §2.2.1 that this server uses. */
export type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'unsupported_response_type'
  | 'unsupported_token_type'
  | 'invalid_scope'
  | 'invalid_target'
  | 'access_denied'
  | 'invalid_redirect_uri'
  | 'invalid_client_metadata'
  | 'slow_down'
  | 'temporarily_unavailable'
  | 'server_error';

export interface OAuthErrorAnswer {
  /** HTTP status; 400 unless said. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** For the log alone. */
  readonly detail?: unknown;
}

/** A refusal in OAuth's own terms. `message` is public: it becomes `error_description` or the text of an error page. */
export class OAuthError extends Error {
  readonly code: OAuthErrorCode;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly detail: unknown;

  constructor(code: OAuthErrorCode, message: string, { status = 400, headers = {}, detail }: OAuthErrorAnswer = {}) {
    super(message);
    this.name = 'OAuthError';
    this.code = code;
    this.status = status;
    this.headers = headers;
    this.detail = detail;
  }
}

/** 503: something we lean on is down; the caller keeps what it holds and asks again after `seconds`. Never a logout. */
export const unavailable = (message: string, detail?: unknown, seconds = 2): OAuthError =>
  new OAuthError('temporarily_unavailable', message, { status: 503, headers: { 'Retry-After': String(seconds) }, detail });

/** `error_description` may hold only these characters (RFC 6749 §4.1.2.1): the rest become `?`. */
export const errorDescription = (text: string): string => text.replaceAll('"', "'").replace(/[^\x20-\x21\x23-\x5B\x5D-\x7E]/g, '?');

/** Any thrown value as an OAuthError: a dependency that is down is 503, a body that is too large 413, a defect 500 without its text. */
export const asOAuthError = (thrown: unknown): OAuthError => {
  if (thrown instanceof OAuthError) return thrown;
  const status = httpStatus(thrown);
  if (status === 413) return new OAuthError('invalid_request', 'the request is too large', { status });
  if (status === 415) return new OAuthError('invalid_request', 'this content type, charset or encoding is not supported', { status });
  if (status !== undefined) return new OAuthError('invalid_request', 'the request cannot be read');
  const error = asPublicError(thrown);
  if (error.code === 'busy' || error.code === 'unavailable') return unavailable(error.message, error);
  return new OAuthError('server_error', error.message, { status: 500, detail: thrown });
};

/** The 4xx that express and its body parsers attach to what they throw. */
const httpStatus = (thrown: unknown): number | undefined => {
  if (thrown instanceof PublicError || !(thrown instanceof Error) || !('status' in thrown)) return undefined;
  return typeof thrown.status === 'number' && thrown.status >= 400 && thrown.status < 500 ? thrown.status : undefined;
};

const record = (log: Log, error: OAuthError, request: Request): void => {
  const fields = {
    path: request.path,
    request_id: request.res?.locals.requestId,
    error: error.code,
    description: error.message,
    err: error.detail,
  };
  if (error.status >= 500) log.error(fields, 'request failed');
  else log.info(fields, 'request refused');
};

/** Answers errors of the machine endpoints as RFC 6749 §5.2 says: JSON, never cached, no stack. Mount after the routes. */
export const answerErrorsAsJson =
  (log: Log): ErrorRequestHandler =>
  (thrown, request, response, next) => {
    if (response.headersSent) return next(thrown);
    const error = asOAuthError(thrown);
    record(log, error, request);
    sendOAuthError(response, error);
  };

/** One JSON error answer. */
export const sendOAuthError = (response: Response, error: OAuthError): void => {
  response
    .status(error.status)
    .set({ 'Cache-Control': 'no-store', Pragma: 'no-cache', ...error.headers })
    .json({ error: error.code, error_description: errorDescription(error.message) });
};

/** Answers errors of the endpoints that people see with a page of our own and no redirect (RFC 9700 §4.11.2). */
export const answerErrorsAsPage =
  (
    log: Log,
    issuer: string,
    { title: refused = 'This sign-in cannot go on', link }: Partial<Pick<ErrorPage, 'title' | 'link'>> = {},
  ): ErrorRequestHandler =>
  (thrown, request, response, next) => {
    if (response.headersSent) return next(thrown);
    const error = asOAuthError(thrown);
    record(log, error, request);
    const { host } = new URL(issuer);
    const title = error.status >= 500 ? 'This did not work' : refused;
    response.set(error.headers);
    sendPage(response, error.status, errorPage({ title, text: sentence(error.message), link, nothingShared: true, host }));
  };

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
