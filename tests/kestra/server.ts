import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getResponse } from 'msw';
import type { Edition, Version } from './dialect.ts';
import { Engine } from './engine.ts';
import { Faults, replacement, spoil, type Trouble } from './faults.ts';
import { handlersFor } from './handlers.ts';
import { State } from './state.ts';
import { commonPlugins } from './types.ts';
import { defaultUsers, type User } from './users.ts';
import type { World } from './world.ts';

/** A request as it came over the wire. */
export interface Recorded {
  method: string;
  /** Path and query, untouched. */
  target: string;
  path: string;
  query: string;
  headers: Record<string, string>;
  body: Buffer;
  /** The body as text. */
  text: string;
  at: number;
  /** The status that was answered; undefined while it is on its way, or if there was no answer. */
  status: number | undefined;
}

/** Something that a client must never do. */
export interface Offence {
  reason: string;
  method: string;
  target: string;
}

export interface Options {
  version: Version;
  edition?: Edition;
  users?: readonly User[];
  port?: number;
  /** Milliseconds between two steps of a running flow. */
  pace?: number;
  /** Plugin types that are installed besides the core. */
  plugins?: readonly string[];
  /** How many requests are remembered at least. */
  remember?: number;
}

export interface Kestra {
  readonly url: string;
  readonly state: State;
  readonly world: World;
  readonly engine: Engine;
  readonly faults: Faults;
  /** The requests (all, up to ten thousand), oldest first. */
  readonly requests: Recorded[];
  /** What a client must never do and did: a test fails if there is any. */
  readonly offences: Offence[];
  /** Requests for routes that this version and edition does not have. */
  readonly strays: Offence[];
  readonly version: Version;
  readonly edition: Edition;
  /** How many follow streams are open right now. */
  readonly openFollows: number;
  /** Headers that lets the first user in: Basic on OSS, Bearer on EE. */
  readonly headers: { authorization: string };
  /** Becomes another version while it runs, with all that it knows. */
  upgrade(version: Version): void;
  close(): Promise<void>;
}

/** Starts a pretended Kestra on a port of 127.0.0.1. */
export async function startKestra(options: Options): Promise<Kestra> {
  const state = new State();
  const world: World = {
    version: options.version,
    edition: options.edition ?? 'OSS',
    state,
    users: [...(options.users ?? defaultUsers)],
    plugins: options.plugins ?? commonPlugins,
    pace: options.pace ?? 4,
    url: '',
  };
  const engine = new Engine(world);
  const faults = new Faults();
  const remember = options.remember ?? 10_000;
  const requests: Recorded[] = [];
  const offences: Offence[] = [];
  const strays: Offence[] = [];
  const note = (request: Request, reason: string): Offence => ({
    reason,
    method: request.method,
    target: request.headers.get('x-pretence-target') ?? request.url,
  });
  const handlers = handlersFor(world, engine, {
    offend: (reason, request) => offences.push(note(request, reason)),
    stray: (request) => strays.push(note(request, 'no such route')),
  });

  const server = createServer((incoming, outgoing) => {
    void serve(incoming, outgoing).catch((error: unknown) => {
      offences.push({
        reason: `the pretence failed: ${String(error instanceof Error ? error.stack : error)}`,
        method: incoming.method ?? '',
        target: incoming.url ?? '',
      });
      outgoing.destroy();
    });
  });
  server.keepAliveTimeout = 60_000;

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await read(incoming);
    const target = incoming.url ?? '/';
    const method = incoming.method ?? 'GET';
    const mark = target.indexOf('?');
    const recorded: Recorded = {
      method,
      target,
      path: mark < 0 ? target : target.slice(0, mark),
      query: mark < 0 ? '' : target.slice(mark + 1),
      headers: plain(incoming),
      body,
      get text() {
        return body.toString('utf8');
      },
      at: Date.now(),
      status: undefined,
    };
    requests.push(recorded);
    if (requests.length > 2 * remember) requests.splice(0, remember);
    const trouble = faults.take(method, target);
    if (trouble?.kind === 'hang') return;
    if (trouble?.kind === 'dropBefore') return void outgoing.destroy();
    if (trouble?.kind === 'slow') await new Promise((resolve) => setTimeout(resolve, trouble.milliseconds));
    const request = toRequest(world.url, method, target, incoming, body);
    const real = replacement(trouble) ?? (await getResponse([handlers.pick(request)], request));
    if (!real) throw new Error(`no handler answered ${method} ${target}`);
    if (trouble?.kind === 'dropAfter') {
      await real.body?.cancel();
      return void outgoing.destroy();
    }
    const response = await spoil(trouble, real);
    recorded.status = response.status;
    await send(response, outgoing, trouble);
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  world.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    get url() {
      return world.url;
    },
    state,
    world,
    engine,
    faults,
    requests,
    offences,
    strays,
    get version() {
      return world.version;
    },
    edition: world.edition,
    get openFollows() {
      return state.follows.length;
    },
    headers: credentials(world),
    upgrade: (version) => {
      world.version = version;
    },
    close: async () => {
      engine.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function credentials(world: World): { authorization: string } {
  const [user] = world.users;
  const basic = `Basic ${Buffer.from(`${user?.username}:${user?.password}`).toString('base64')}`;
  return { authorization: world.edition === 'EE' ? `Bearer ${user?.token}` : basic };
}

async function read(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}

function plain(incoming: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  );
}

/** The raw target travels in a header, since a `Request` normalizes the path. */
function toRequest(origin: string, method: string, target: string, incoming: IncomingMessage, body: Buffer): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(plain(incoming))) headers.set(name, value);
  headers.set('x-pretence-target', target);
  const hasBody = method !== 'GET' && method !== 'HEAD' && body.length > 0;
  const url = target.startsWith('/') ? `${origin}${target}` : origin;
  return new Request(url, { method, headers, ...(hasBody ? { body: new Uint8Array(body) } : {}) });
}

async function send(response: Response, outgoing: ServerResponse, trouble: Trouble | undefined): Promise<void> {
  const headers = Object.fromEntries(response.headers);
  const streams = headers['content-type'] === 'text/event-stream';
  if (!streams && response.body) {
    const bytes = Buffer.from(await response.arrayBuffer());
    if (trouble?.kind === 'cut') {
      outgoing.writeHead(response.status, { ...headers, 'content-length': bytes.length * 2 });
      outgoing.write(bytes, () => outgoing.destroy());
      return;
    }
    outgoing.writeHead(response.status, { ...headers, 'content-length': bytes.length });
    return void outgoing.end(bytes);
  }
  outgoing.writeHead(response.status, headers);
  if (!response.body) return void outgoing.end();
  outgoing.flushHeaders();
  const reader = response.body.getReader();
  outgoing.on('close', () => void reader.cancel().catch(() => undefined));
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    outgoing.write(value);
  }
  outgoing.end();
}
