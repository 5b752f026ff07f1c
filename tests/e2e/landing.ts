import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Where a client on this computer waits for its answer (RFC 8252 §7.3). */
export interface Landing {
  readonly url: string;
  /** The query of the next answer that comes. */
  next(): Promise<URLSearchParams>;
  close(): void;
}

export const openLanding = async (): Promise<Landing> => {
  const came: URLSearchParams[] = [];
  let awaited: ((query: URLSearchParams) => void) | undefined;
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://client');
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
    response.end('<!doctype html><html lang="en"><title>Client</title><link rel="icon" href="data:,"><h1>Back at the client</h1></html>');
    if (pathname !== '/callback') return;
    if (awaited) awaited(searchParams);
    else came.push(searchParams);
    awaited = undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`,
    next: () => {
      const first = came.shift();
      return first
        ? Promise.resolve(first)
        : new Promise((resolve) => {
            awaited = resolve;
          });
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
};
