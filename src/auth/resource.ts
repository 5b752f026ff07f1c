import { OAuthError } from './oauth-error.ts';
import type { Parameters } from './parameters.ts';

/**
 * The resource that a token is asked for (RFC 8707): ours, and no other. Scheme and host are read in any case; absent means ours.
 * @returns the resource as we write it, or undefined if none was named
 * @throws OAuthError `invalid_target`
 */
export const askedResource = (from: Parameters, ours: string): string | undefined => {
  const asked = from.get('resource');
  if (asked === undefined) return undefined;
  if (asked.replace(/^[A-Za-z]+:\/\/[^/]*/, (origin) => origin.toLowerCase()) !== ours) {
    throw new OAuthError('invalid_target', 'this server issues tokens for its own MCP endpoint only');
  }
  return ours;
};
