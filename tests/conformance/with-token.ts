import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A way to a server for clients that can't send a token: passes requests on as they are, with the token added. Loopback only. */
export interface WithToken {
  readonly url: string;
  stop(): Promise<void>;
}

/** @param base where the server is; its own name in Host and Origin stands for this one's, any other is passed on */
export const withToken = async (base: string, token: string): Promise<WithToken> => {
  const { host, hostname, port } = new URL(base);
  const proxy = createServer((incoming, outgoing) => {
    const here = `${hostname}:${(proxy.address() as AddressInfo).port}`;
    const headers = { ...incoming.headers, authorization: `Bearer ${token}` };
    if (headers.host === here) headers.host = host;
    if (headers.origin === `http://${here}`) headers.origin = base;
    const onward = request({ hostname, port, method: incoming.method, path: incoming.url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      outgoing.flushHeaders();
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => proxy.listen(0, hostname, resolve));
  return {
    url: `http://${hostname}:${(proxy.address() as AddressInfo).port}`,
    stop: () => {
      proxy.closeAllConnections();
      return new Promise((resolve) => proxy.close(() => resolve()));
    },
  };
};
