import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a request was, and which replica answered. */
export interface Passed {
  readonly method: string;
  readonly path: string;
  readonly replica: number;
}

/**
 * A load balancer as simple as they come: each request goes to the next replica, whoever sends it and whatever came before, over a
 * connection of its own. One that refuses the connection is passed over.
 */
export class Balancer {
  readonly passed: Passed[] = [];
  /** Where each replica listens; undefined: not in the rotation. */
  readonly ports: (number | undefined)[] = [];
  url = '';
  #turn = 0;
  readonly #server = createServer((request, response) => this.#pass(request, response));

  async start(port: number): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** The next request goes to this replica, the one after it to the next, and so on. */
  next(replica: number): void {
    this.#turn = replica;
  }

  /** Which replicas answered requests of a path, in their order. */
  answered(path: string): number[] {
    return this.passed.filter((one) => one.path === path).map(({ replica }) => replica);
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body: Buffer[] = [];
    for await (const chunk of request) body.push(chunk as Buffer);
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    for (let tries = 0; tries < 2 * this.ports.length; tries += 1) {
      const replica = this.#turn % this.ports.length;
      this.#turn = replica + 1;
      const port = this.ports[replica];
      if (port === undefined) continue;
      const answer = await answerOf(request, Buffer.concat(body), port);
      if (answer === 'refused') continue;
      this.passed.push({ method: request.method ?? '', path, replica });
      if (answer === 'broken') return void response.destroy();
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.on('error', () => response.destroy());
      return void answer.pipe(response);
    }
    response.writeHead(503, { 'Retry-After': '1' }).end();
  }
}

const answerOf = (request: IncomingMessage, body: Buffer, port: number): Promise<IncomingMessage | 'refused' | 'broken'> =>
  new Promise((resolve) => {
    const { method, url: path, headers } = request;
    const passed = send({ host: '127.0.0.1', port, method, path, headers: { ...headers, connection: 'close' }, agent: false }, resolve);
    passed.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED' ? 'refused' : 'broken'));
    passed.end(body);
  });
