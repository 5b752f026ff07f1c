import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
}

/**
 * A Kestra that answers what it answered before, from memory: the least that can be behind a server, so that a measured load is the server's
 * and not Kestra's. Reads only.
 * @param url the Kestra that is asked once
 * @returns where it listens, on loopback
 */
export const replay = async (url: string): Promise<string> => {
  const answers = new Map<string, Promise<Answer>>();
  const ask = async (path: string, headers: Record<string, string>): Promise<Answer> => {
    const response = await fetch(url + path, { headers });
    const type = response.headers.get('content-type') ?? '';
    return { status: response.status, type, body: Buffer.from(await response.arrayBuffer()) };
  };
  const server = createServer(async (request, response) => {
    const path = request.url ?? '/';
    const { authorization = '', accept = '' } = request.headers;
    const question = `${authorization} ${path}`;
    const known = answers.get(question) ?? ask(path, { authorization, accept });
    answers.set(question, known);
    const { status, type, body } = await known;
    response.writeHead(status, { 'content-type': type, 'content-length': body.length }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};
