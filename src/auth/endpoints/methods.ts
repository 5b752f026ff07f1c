import type { RequestHandler } from 'express';
import { OAuthError } from '../oauth-error.ts';

/** Refuses every other method. Mount after the routes of those that are allowed. */
export const onlyMethods =
  (allowed: string): RequestHandler =>
  () => {
    throw new OAuthError('invalid_request', `use ${allowed}`, { status: 405, headers: { Allow: allowed } });
  };
