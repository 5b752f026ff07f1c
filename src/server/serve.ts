import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Log } from '../log.ts';

export interface ServeSettings {
  readonly host: string;
  readonly port: number;
  readonly log: Log;
  /** Aborted by `stop`. */
  readonly stopping: AbortController;
  /** Runs when the last answer is out or given up: closes what the answers needed. */
  readonly closed: () => Promise<void>;
  readonly times?: Partial<Times>;
}

/** In milliseconds. */
export interface Times {
  /** For a request's headers, and for all of it. */
  readonly headers: number;
  readonly request: number;
  /** An idle connection: longer than the 60 s of the usual load balancers, or they meet a closed one. */
  readonly keepAlive: number;
  /** From the word to stop until what still runs is cut off. */
  readonly drain: number;
}

const defaultTimes: Times = { headers: 15_000, request: 30_000, keepAlive: 70_000, drain: 15_000 };

export interface Running {
  readonly address: AddressInfo;
  /**
   * No new connections; waiting calls are told to answer; what runs has 15 seconds. A second call cuts it off at once.
   * Resolves when everything is closed.
   */
  stop(): Promise<void>;
}

/** Listens. @throws what listening throws: EADDRINUSE, EACCES */
export const serve = async (listener: RequestListener, settings: ServeSettings): Promise<Running> => {
  const times = { ...defaultTimes, ...settings.times };
  const server = createServer(
    {
      headersTimeout: times.headers,
      requestTimeout: times.request,
      keepAliveTimeout: times.keepAlive,
      connectionsCheckingInterval: Math.min(5000, times.request / 2),
      maxHeaderSize: 16_384,
    },
    listener,
  );
  server.on('clientError', refuseConnection);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(settings.port, settings.host, resolve);
  });
  server.on('error', (error) => settings.log.error({ err: error }, 'the HTTP server failed'));

  let stopped: Promise<void> | undefined;
  const stop = async () => {
    settings.stopping.abort();
    const allClosed = new Promise<void>((resolve) => server.close(() => resolve()));
    const sweep = setInterval(() => server.closeIdleConnections(), 100);
    const cut = setTimeout(() => {
      settings.log.warn('some calls did not end in time and were cut off');
      server.closeAllConnections();
    }, times.drain);
    await allClosed;
    clearInterval(sweep);
    clearTimeout(cut);
    await settings.closed();
  };
  return {
    address: server.address() as AddressInfo,
    stop: () => {
      if (stopped) server.closeAllConnections();
      stopped ??= stop();
      return stopped;
    },
  };
};

/** SIGTERM and SIGINT stop the server, exit code 0; a second one doesn't wait. */
export const stopOnSignals = (running: Running, log: Log, exit: (code: number) => void = process.exit): void => {
  let asked = false;
  const onSignal = (signal: NodeJS.Signals) => {
    log.info({ signal, again: asked }, asked ? 'stopping at once' : 'stopping');
    const stopped = running.stop();
    if (asked) return;
    asked = true;
    stopped.then(
      () => exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'stopping failed');
        exit(1);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
};

const reasons: Readonly<Record<string, readonly [number, string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout'],
};

/** What is no HTTP, too large in its headers or too slow: an answer in JSON, and the connection is gone. */
const refuseConnection = (error: NodeJS.ErrnoException, socket: Duplex): void => {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, reason] = reasons[error.code ?? ''] ?? [400, 'Bad Request'];
  const body = JSON.stringify({ error: 'invalid_request', error_description: reason });
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n${body}`,
  );
};
