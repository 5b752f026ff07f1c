import type { RequestHandler } from 'express';
import { OAuthError } from '../auth/oauth-error.ts';
import { refuse } from './refusal.ts';

/**
 * Only requests that are meant for this server's public name pass (DNS rebinding); the rest get 421 (RFC 9110 §15.5.20) and are told
 * where to go. The name comes from the configuration, so nothing that a request says of itself ends up in our URLs.
 * @param allowed more values of Host that count, as a reverse proxy may send its own
 */
export const checkHost = (publicUrl: string, allowed: readonly string[]): RequestHandler => {
  const { host } = new URL(publicUrl);
  const names = new Set([host, ...allowed]);
  return (request, response, next) => {
    if (names.has((request.headers.host ?? '').toLowerCase())) return next();
    const error = new OAuthError('invalid_request', `This server answers at ${publicUrl} only.`, { status: 421 });
    refuse(request, response, error, { title: 'Another address', link: { href: `${publicUrl}/`, label: `Go to ${host}` } });
  };
};
