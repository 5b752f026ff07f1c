import express, { type Request, type RequestHandler } from 'express';
import { OAuthError } from './oauth-error.ts';

/** Request parameters by name: each at most once, never empty (OAuth 2.1 §3.1: a parameter without a value counts as omitted). */
export type Parameters = ReadonlyMap<string, string>;

/** @throws OAuthError `invalid_request` if a parameter is repeated */
export const parameters = (source: URLSearchParams): Parameters => {
  const found = new Map<string, string>();
  for (const [name, value] of source) {
    if (found.has(name)) throw new OAuthError('invalid_request', 'a parameter is repeated');
    found.set(name, value);
  }
  for (const [name, value] of found) if (value === '') found.delete(name);
  return found;
};

/** The parameters of the query string, read from the request as it came. */
export const queryParameters = (request: Request): Parameters => {
  const at = request.originalUrl.indexOf('?');
  return parameters(new URLSearchParams(at < 0 ? '' : request.originalUrl.slice(at + 1)));
};

const formType = 'application/x-www-form-urlencoded';

/** Reads a form of at most 32 KB; mount before what calls `formParameters`. */
export const readForm: RequestHandler = express.text({ type: formType, limit: '32kb', inflate: false });

/** @throws OAuthError `invalid_request` if the body is no form, or a parameter is repeated */
export const formParameters = (request: Request): Parameters => {
  const body: unknown = request.body;
  if (typeof body !== 'string') throw new OAuthError('invalid_request', `send the parameters as ${formType}`);
  return parameters(new URLSearchParams(body));
};

/** @throws OAuthError `invalid_request` if it is missing */
export const needed = (from: Parameters, name: string): string => {
  const value = from.get(name);
  if (value === undefined) throw new OAuthError('invalid_request', `${name} is missing`);
  return value;
};
