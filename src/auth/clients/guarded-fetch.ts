import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { Agent, type Dispatcher, ProxyAgent, request } from 'undici';
import { isPublicAddress } from './special-use.ts';

/** What came back. */
export interface Fetched {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Fetches an https URL that a stranger chose. Rejects on anything but an answer of at most `limits.bytes` within `limits.ms`. */
export type GuardedFetch = (url: string) => Promise<Fetched>;

export const documentLimits = { bytes: 5120, ms: 10_000, connectMs: 5000 };

/** Resolves a name to all of its addresses; replaced in tests. */
export type Resolve = (hostname: string) => Promise<readonly { readonly address: string; readonly family: number }[]>;

const resolveWithSystem: Resolve = (hostname) =>
  new Promise((resolve, reject) => {
    lookup(hostname, { all: true, verbatim: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)));
  });

/**
 * The addresses that the connection is then made to: nothing is looked up a second time, so a name that answers differently later
 * gains nothing. One address that isn't public refuses them all.
 */
const publicAddresses = (resolve: Resolve): LookupFunction => {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const [first] = addresses;
        const refused = addresses.find(({ address }) => !isPublicAddress(address));
        if (!first || refused) {
          callback(new Error(`${hostname} has ${refused ? `the special-use address ${refused.address}` : 'no address'}`), '');
        } else if (options.all) callback(null, [...addresses]);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, ''),
    );
  };
};

const clientOptions = {
  connections: 2,
  pipelining: 0,
  maxHeaderSize: 8192,
  headersTimeout: documentLimits.ms,
  bodyTimeout: documentLimits.ms,
  maxResponseSize: documentLimits.bytes,
};

const fetchThrough =
  (dispatcher: Dispatcher): GuardedFetch =>
  async (url) => {
    // undici's `request` follows no redirect, sends no cookie or credential and decompresses nothing.
    const { statusCode, headers, body } = await request(url, {
      dispatcher,
      headers: { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'kestra-mcp' },
      signal: AbortSignal.timeout(documentLimits.ms),
    });
    if (statusCode === 200 && !headers['content-encoding']) return { status: statusCode, headers, body: await body.text() };
    body.on('error', () => undefined).destroy();
    return { status: statusCode === 200 ? 415 : statusCode, headers, body: '' };
  };

/**
 * @param resolve how names become addresses (tests); the addresses are checked whatever it says
 * @param ca a certificate authority to trust instead of the system's, PEM
 */
export const createGuardedFetch = ({ resolve = resolveWithSystem, ca }: { resolve?: Resolve; ca?: string } = {}): GuardedFetch =>
  fetchThrough(
    new Agent({ ...clientOptions, connect: { lookup: publicAddresses(resolve), timeout: documentLimits.connectMs, ...(ca && { ca }) } }),
  );

/** Through a proxy, which resolves the names itself: only for hosts that the administrator named. */
export const createProxiedFetch = (proxy: string, ca?: string): GuardedFetch =>
  fetchThrough(new ProxyAgent({ ...clientOptions, uri: proxy, ...(ca && { requestTls: { ca } }) }));
