import { setTimeout as sleep } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import type { KestraConfig } from '../config.ts';
import { networkCode } from './failure.ts';
import { acceptedCodings, type Incoming, received } from './incoming.ts';

const defaultConnectTimeoutMs = 3000;
const attempts = 3;
/** A wait that Kestra asks for is honoured up to here; a longer one is the caller's to keep. */
const longestWaitMs = 5000;

/** The network below the client: its own connections, TLS settings and the rule of what may be sent twice. */
export interface Transport {
  /** Sends a request, a GET up to three times, anything else once. */
  send(outgoing: Outgoing): Promise<Incoming>;
  close(): Promise<void>;
}

/** A request to be: what openapi-fetch takes for a Request. */
export class Outgoing {
  readonly url: URL;
  readonly method: Dispatcher.HttpMethod;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Dispatcher.DispatchOptions['body'];
  readonly signal: AbortSignal;

  constructor(url: string, { method, sent, body, signal }: OutgoingInit) {
    this.url = new URL(url);
    this.method = method;
    this.headers = sent;
    this.body = body;
    this.signal = signal;
  }
}

export interface OutgoingInit {
  readonly method: Dispatcher.HttpMethod;
  /** The headers, not by that name: openapi-fetch would turn them into Headers, which cost more to read than all else. */
  readonly sent: Readonly<Record<string, string>>;
  readonly body?: Outgoing['body'];
  readonly signal: AbortSignal;
}

/**
 * Loaded on first use: a stdio server lists its tools before it needs the network.
 * @param onClosed called when Kestra, not this side, ends a connection
 */
export const openTransport = async (config: KestraConfig, onClosed: () => void): Promise<Transport> => {
  const { Agent, request } = await import('./undici.ts');
  const dispatcher = new Agent({
    connect: {
      timeout: config.connectTimeoutMs ?? defaultConnectTimeoutMs,
      rejectUnauthorized: config.verifyTls,
      ...(config.ca && { ca: config.ca }),
    },
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  dispatcher.on('disconnect', (_origin, _targets, error) => {
    if ('code' in error && error.code === 'UND_ERR_SOCKET') onClosed();
  });
  const closing = new AbortController();
  return {
    send: ({ url, method, headers, body, signal }) => {
      const options: Dispatcher.RequestOptions = {
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method,
        headers: { 'user-agent': 'kestra-mcp', 'accept-encoding': acceptedCodings, ...headers },
        body,
        signal,
      };
      const once = async () => received(await request.call(dispatcher, options));
      return method === 'GET' ? persistently(once, signal, closing.signal) : once();
    },
    close: () => {
      closing.abort();
      return dispatcher.destroy();
    },
  };
};

const persistently = async (send: () => Promise<Incoming>, signal: AbortSignal, closing: AbortSignal): Promise<Incoming> => {
  for (let attempt = 1; ; attempt++) {
    const outcome = await send().catch((thrown: unknown) => ({ thrown }));
    const wait = retryDelay(outcome, attempt);
    if (attempt === attempts || wait === undefined || signal.aborted) {
      if ('thrown' in outcome) throw outcome.thrown;
      return outcome;
    }
    if (!('thrown' in outcome)) outcome.discard();
    await sleep(wait, undefined, { signal: AbortSignal.any([signal, closing]) });
  }
};

/** Milliseconds until the next try, or undefined if there must be none. */
const retryDelay = (outcome: Incoming | { thrown: unknown }, attempt: number): number | undefined => {
  const jitter = (0.5 + Math.random()) * 150 * 3 ** (attempt - 1);
  if ('thrown' in outcome)
    return /^(ECONN|EPIPE|UND_ERR_SOCKET|UND_ERR_CONNECT_TIMEOUT|EAI_AGAIN)/.test(networkCode(outcome.thrown)) ? jitter : undefined;
  if (![429, 502, 503, 504].includes(outcome.status)) return undefined;
  const asked = retryAfterSeconds(outcome.headers.get('retry-after'));
  if (asked === undefined) return jitter;
  return asked * 1000 <= longestWaitMs ? asked * 1000 + jitter : undefined;
};

/** Retry-After in seconds (RFC 9110 §10.2.3: seconds or a date). */
export const retryAfterSeconds = (header: string | null): number | undefined => {
  if (header === null) return undefined;
  if (/^\d+$/.test(header.trim())) return Number(header);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - Date.now()) / 1000));
};
