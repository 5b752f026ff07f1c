import type { Request } from 'express';

/** The cookies of a request. Of a name that comes twice the first counts: browsers send the more specific path first. */
export const cookiesOf = (request: Request): ReadonlyMap<string, string> => {
  const found = new Map<string, string>();
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const at = pair.indexOf('=');
    const name = pair.slice(0, at).trim();
    if (at > 0 && !found.has(name)) found.set(name, pair.slice(at + 1).trim());
  }
  return found;
};

/** How this server names and marks its cookies: bound to the host and to https, but for a public URL that is http on loopback. */
export const cookieJar = (issuer: string) => {
  const secure = issuer.startsWith('https:');
  const marks = `Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
  return {
    name: (suffix: string): string => `${secure ? '__Host-' : ''}kmcp-${suffix}`,
    set: (name: string, value: string, maxAgeMs?: number): string =>
      `${name}=${value}; ${marks}${maxAgeMs === undefined ? '' : `; Max-Age=${Math.ceil(maxAgeMs / 1000)}`}`,
    clear: (name: string): string => `${name}=; ${marks}; Max-Age=0`,
  };
};

export type CookieJar = ReturnType<typeof cookieJar>;
