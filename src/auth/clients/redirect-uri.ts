import { PublicError } from '../../errors.ts';
import type { Client } from './client.ts';

/** What an administrator decides about redirect URIs. */
export interface RedirectPolicy {
  /** This server's own origin: nothing may be sent back to it. */
  readonly ownOrigin: string;
  /** Private-use schemes that clients may register, without the colon (RFC 8252 §7.1); empty = none. */
  readonly privateSchemes: readonly string[];
}

/** Schemes that browsers or operating systems act on by themselves: never a client's own, whatever the settings say. */
export const unsafeSchemes: readonly string[] = [
  ...['about', 'blob', 'chrome', 'chrome-extension', 'data', 'edge', 'file', 'filesystem', 'ftp', 'http', 'https', 'intent', 'jar'],
  ...['javascript', 'mailto', 'moz-extension', 'ms-appinstaller', 'ms-msdt', 'res', 'resource', 'search-ms', 'shell', 'sms', 'ssh'],
  ...['tel', 'vbscript', 'view-source', 'ws', 'wss'],
];

/** The policy of a server at this URL. @throws PublicError `misconfigured` if a scheme is none that an app of its own may claim */
export const redirectPolicy = (publicUrl: string, privateSchemes: readonly string[]): RedirectPolicy => {
  const wrong = privateSchemes.find((scheme) => !/^[a-z][a-z0-9+.-]*$/.test(scheme) || unsafeSchemes.includes(scheme));
  if (wrong)
    throw new PublicError('misconfigured', `KESTRA_MCP_REDIRECT_SCHEMES: ${wrong} is no private-use scheme (write cursor, not cursor://)`);
  return { ownOrigin: new URL(publicUrl).origin, privateSchemes };
};

const longest = 2000;
/** What our own answer adds, or a mix-up could forge, in the query of the redirect (RFC 6749 §4.1.2, RFC 9207 §2). */
const answerParameters = ['code', 'state', 'iss', 'error', 'error_description', 'error_uri'];
/** The literal loopback hosts. Other spellings of the same addresses are refused: they only serve to confuse. */
const loopback = /^http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost)(?=[:/?]|$)/;
const loopbackPort = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost))(?::([1-9]\d{0,4}))?(?=[/?]|$)/;

/**
 * Why this redirect URI may not be registered, in words for the client's developer; undefined if it may.
 * It must be absolute, plain ASCII, written in the one way that every parser reads alike, without user information, fragment,
 * wildcard or dot segments: https anywhere, http on the literal loopback hosts, or a private-use scheme of the policy
 * (RFC 8252 §7, RFC 9700 §2.1, OAuth 2.1 §2.3).
 */
export const redirectUriProblem = (uri: string, policy: RedirectPolicy): string | undefined => {
  if (uri.length > longest) return `is longer than ${longest} characters`;
  if (!/^[\x21-\x7e]+$/.test(uri)) return 'has spaces, control characters or characters outside ASCII';
  if (/["<>\\^`{|}]/.test(uri)) return 'has characters that a URI may not have';
  if (uri.includes('#')) return 'has a fragment';
  if (uri.includes('*')) return 'has a wildcard';
  if (/%(?![0-9a-f]{2})/i.test(uri)) return 'has a broken percent-encoding';
  if (/%(?:[01][0-9a-f]|7f|2e|2f|5c)/i.test(uri.split('?', 1)[0] ?? '') || /%(?:[01][0-9a-f]|7f)/i.test(uri))
    return 'hides control characters, dots or slashes behind percent-encoding';
  const [, scheme, rest = ''] = /^([a-z][a-z0-9+.-]*):(.*)$/.exec(uri) ?? [];
  if (!scheme || !URL.canParse(uri)) return 'is no absolute URI with a lower-case scheme';
  const { href, origin, username, password, searchParams, hostname } = new URL(uri);
  const authority = rest.startsWith('//') ? (rest.slice(2).split(/[/?]/, 1)[0] ?? '') : '';
  if (username || password || authority.includes('@')) return 'has user information';
  if (scheme === 'http' && !loopback.test(uri)) return 'uses http, which is for 127.0.0.1, [::1] and localhost only: use https';
  if (unsafeSchemes.includes(scheme) && scheme !== 'http' && scheme !== 'https') return `uses the scheme ${scheme}, which is refused`;
  if (scheme !== 'http' && scheme !== 'https' && !policy.privateSchemes.includes(scheme))
    return `uses the scheme ${scheme}, which is not allowed here: use https or a loopback address`;
  if ((scheme === 'http' || scheme === 'https') && (!authority || hostname.endsWith('.'))) return 'has no proper host';
  if (href !== uri && href !== `${uri}/`)
    return 'is not in its normal form (dot segments, default port, upper case or a disguised address)';
  const taken = answerParameters.find((name) => searchParams.has(name));
  if (taken) return `has the parameter ${taken} in its own query, which the answer itself carries`;
  if (origin === policy.ownOrigin) return 'points to this server itself';
  return undefined;
};

/** Does it go to a program on the person's own machine, over http? */
export const isLoopback = (uri: string): boolean => loopback.test(uri);

/** Without the port if it is a loopback URI, whose port means nothing (RFC 8252 §7.3). */
export const withoutLoopbackPort = (uri: string): string => uri.replace(loopbackPort, '$1');

/**
 * Is this the URI of one of the client's registrations? Byte for byte, save the port of http loopback URIs: a native program
 * listens where it can (RFC 8252 §7.3). The three loopback hosts are not taken for one another.
 */
export const matchRedirectUri = (client: Pick<Client, 'redirectUris'>, uri: string, ownOrigin?: string): boolean => {
  if (ownOrigin !== undefined && URL.canParse(uri) && new URL(uri).origin === ownOrigin) return false;
  if (client.redirectUris.includes(uri)) return true;
  const [, , port] = loopbackPort.exec(uri) ?? [];
  if (!isLoopback(uri) || (port !== undefined && Number(port) > 65_535)) return false;
  const bare = withoutLoopbackPort(uri);
  return client.redirectUris.some((registered) => isLoopback(registered) && withoutLoopbackPort(registered) === bare);
};
