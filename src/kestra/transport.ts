import { setTimeout as sleep } from 'node:timers/promises';
import type { RequestInit, Response } from 'undici';
import type { KestraConfig } from '../config.ts';
import { networkCode } from './failure.ts';

const defaultConnectTimeoutMs = 3000;
const attempts = 3;
/** A wait that Kestra asks for is honoured up to here; a longer one is the caller's to keep. */
const longestWaitMs = 5000;

/** The network below the client: its own connections, TLS settings and the rule of what may be sent twice. */
export interface Transport {
  /** Sends a request, a GET up to three times, anything else once. */
  send(outgoing: Outgoing): Promise<Response>;
  close(): Promise<void>;
}

/** A request to be. Fetch makes a Request of what it gets in any case, which is the dearest part of a call: one is enough. */
export class Outgoing {
  readonly url: string;
  readonly init: RequestInit;
  readonly method: string;

  constructor(url: string, init: RequestInit) {
    this.url = url;
    this.init = init;
    this.method = init.method ?? 'GET';
  }
}

/**
 * Loaded on first use: a stdio server lists its tools before it needs the network.
 * @param onClosed called when Kestra, not this side, ends a connection
 */
export const openTransport = async (config: KestraConfig, onClosed: () => void): Promise<Transport> => {
  const { Agent, fetch } = await import('./undici.ts');
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
  return {
    send: ({ url, init, method }) => {
      const once = () => fetch(url, { ...init, dispatcher });
      return method === 'GET' ? persistently(once, init.signal ?? undefined) : once();
    },
    close: () => dispatcher.destroy(),
  };
};

const persistently = async (send: () => Promise<Response>, signal: AbortSignal | undefined): Promise<Response> => {
  for (let attempt = 1; ; attempt++) {
    const outcome = await send().catch((thrown: unknown) => ({ thrown }));
    const wait = retryDelay(outcome, attempt);
    if (attempt === attempts || wait === undefined || signal?.aborted) {
      if ('thrown' in outcome) throw outcome.thrown;
      return outcome;
    }
    if (!('thrown' in outcome)) await outcome.body?.cancel();
    await sleep(wait, undefined, { signal });
  }
};

/** Milliseconds until the next try, or undefined if there must be none. */
const retryDelay = (outcome: Response | { thrown: unknown }, attempt: number): number | undefined => {
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
