import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  readonly method: string;
  /** Path and query, untouched. */
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface Answering {
  readonly url: string;
  /** Every request but those for the configuration, oldest first. */
  readonly asked: Asked[];
  /** How often the configuration was asked for. */
  readonly configurations: number;
  close(): Promise<void>;
}

/** Answers a request, or does something worse to it. `nth` counts the requests that are not for the configuration, from 1. */
export type Answerer = (response: ServerResponse, asked: Asked, nth: number) => void;

/** A server below HTTP's comfort: it says it is this Kestra, and everything else is up to `answer`. */
export const serve = async (answer: Answerer, version = '2.0.0'): Promise<Answering> => {
  const asked: Asked[] = [];
  let configurations = 0;
  const { url, close } = await listen(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url: target = '', headers } = request;
    if (target === '/api/v1/configs') {
      configurations++;
      return void json(response, { version, edition: 'OSS' });
    }
    const one = { method, target, headers, body: Buffer.concat(chunks) };
    answer(response, one, asked.push(one));
  });
  return {
    url,
    asked,
    get configurations() {
      return configurations;
    },
    close,
  };
};

/** An HTTP server on the loopback, on a free port unless one is given. */
export const listen = async (answer: RequestListener, port = 0): Promise<{ url: string; close(): Promise<void> }> => {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

export const json = (response: ServerResponse, body: unknown, status = 200, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
};

export const page = { total: 0, results: [] };
