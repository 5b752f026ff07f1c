import { PublicError } from './errors.ts';

const loopbackHosts = ['127.0.0.1', '[::1]', 'localhost'];

export const isLoopbackHost = (hostname: string): boolean => loopbackHosts.includes(hostname);

/**
 * The one URL under which people and clients know this server, without a trailing slash: what every link, the issuer and the resource
 * are made of. https, or a loopback address; at the root of its host.
 * @throws PublicError `misconfigured`
 */
export const parsePublicUrl = (text: string): string => {
  const wrong = (why: string) => new PublicError('misconfigured', `KESTRA_MCP_PUBLIC_URL: ${why}`);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) throw wrong('use a URL that begins with https://');
  if (url.username || url.password || /[?#]/.test(text)) throw wrong('leave out user, query and fragment');
  if (url.pathname !== '/') throw wrong(`leave out the path ${url.pathname}: this server has to be at the root of its host`);
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname)) throw wrong('use https: sign-ins and tokens must not travel in clear');
  return url.origin;
};
