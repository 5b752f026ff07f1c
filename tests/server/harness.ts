import { randomBytes } from 'node:crypto';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { acceptedContent, inputRequired, type McpServer, Server } from '@modelcontextprotocol/server';
import type { Express, RequestHandler } from 'express';
import { z } from 'zod';
import { resourceMetadataUrl } from '../../src/auth/endpoints/metadata.ts';
import type { Scope } from '../../src/auth/scopes.ts';
import { PublicError } from '../../src/errors.ts';
import { createLog, type Log } from '../../src/log.ts';
import { createHttpApp, type HttpParts } from '../../src/server/http.ts';
import type { McpLimits, ToolCall } from '../../src/server/mcp-endpoint.ts';
import { scopeChallenge } from '../../src/server/scope-challenge.ts';
import { type Running, serve, type Times } from '../../src/server/serve.ts';

export interface TestCaller {
  readonly principal: { readonly key: string };
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly expiresAt?: number;
  readonly roles: readonly string[];
}

const refused = (status: number, challenge: string) => Object.assign(new Error('refused'), { status, challenge });

/** Tokens of this harness: `user:scope,scope`; `down` makes the check of tokens fail. */
const authenticator =
  (issuer: () => string) =>
  async (authorization: string | undefined): Promise<TestCaller> => {
    const where = `Bearer resource_metadata="${resourceMetadataUrl(issuer())}", scope="kestra.read kestra.execute kestra.write"`;
    if (authorization === undefined) throw refused(401, where);
    const token = authorization.replace(/^Bearer /i, '');
    if (token === 'down') throw new PublicError('unavailable', 'the store is locked at /var/secret/path', new Error('SQLITE_BUSY'));
    const [, user, scopes = ''] = /^(user\d*):(.*)$/.exec(token) ?? [];
    if (!user) throw refused(401, `${where}, error="invalid_token"`);
    return { principal: { key: user }, clientId: 'test', scopes: scopes.split(','), roles: ['editor'] };
  };

const sessionKey = randomBytes(32);

const tools = new Map<string, Scope>([
  ['whoami', 'kestra.read'],
  ['run', 'kestra.execute'],
  ['wait', 'kestra.read'],
  ['ask', 'kestra.read'],
  ['destroy', 'kestra.write'],
]);

/** A server with a few tools that show what the HTTP layer does: who is calling, how many calls ran, what stopping does. */
const tinyServer = (caller: TestCaller, stopping: AbortSignal, seen: string[]): Server => {
  const server = new Server({ name: 'tiny', version: '1.0.0' }, { capabilities: { tools: {} } });
  server.setRequestHandler('tools/list', () => ({
    tools: [...tools.keys()].map((name) => ({ name, inputSchema: { type: 'object' as const } })),
    resultType: 'complete' as const,
    ttlMs: 0,
    cacheScope: 'private' as const,
  }));
  server.setRequestHandler('tools/call', async ({ params }, { mcpReq }) => {
    seen.push(`${caller.principal.key} ${params.name}`);
    const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });
    if (params.name === 'whoami') {
      await new Promise((resolve) => setTimeout(resolve, Number(params.arguments?.ms ?? 0)));
      return text(caller.principal.key);
    }
    if (params.name === 'ask') {
      const answered = acceptedContent(mcpReq.inputResponses, 'name', z.object({ name: z.string() }));
      if (mcpReq.inputResponses) return text(answered ? `hello ${answered.name}` : 'no answer');
      const requestedSchema = z.object({ name: z.string() });
      return inputRequired({ inputRequests: { name: inputRequired.elicit({ message: 'Who are you?', requestedSchema }) } });
    }
    if (params.name !== 'wait') return text('done');
    const most = Number(params.arguments?.ms ?? 10_000);
    return new Promise((resolve) => {
      const answer = (word: string) => () => {
        clearTimeout(timer);
        seen.push(word);
        resolve(text(word));
      };
      const timer = setTimeout(answer('waited'), most);
      stopping.addEventListener('abort', answer('stopping'), { once: true });
      mcpReq.signal.addEventListener('abort', answer('gone'), { once: true });
    });
  });
  return server;
};

export interface TestServer {
  readonly url: string;
  readonly port: number;
  readonly running: Running;
  readonly stopping: AbortController;
  /** What the tools were asked, in order. */
  readonly seen: string[];
  /** What was logged, as it was written. */
  readonly logged: () => string;
  stop(): Promise<void>;
}

export interface TestSettings {
  readonly authorization?: (url: string, log: Log) => RequestHandler;
  readonly config?: Partial<HttpParts<TestCaller>['config']>;
  readonly store?: () => Promise<void>;
  readonly others?: Readonly<Record<string, () => Promise<void>>>;
  readonly limits?: Partial<McpLimits>;
  readonly times?: Partial<Times>;
  /** Serves instead of the few tools. */
  readonly createServer?: () => McpServer;
}

export const startServer = async ({
  authorization,
  config,
  store,
  others,
  limits,
  times,
  createServer,
}: TestSettings = {}): Promise<TestServer> => {
  const stopping = new AbortController();
  const seen: string[] = [];
  let logged = '';
  const log = createLog('debug');
  for (const level of ['debug', 'info', 'warn', 'error'] as const) {
    log[level] = (...parts: unknown[]) => {
      logged += `${JSON.stringify(parts, (_, value) => (value instanceof Error ? { ...value, message: value.message } : value))}\n`;
    };
  }
  let app: Express | undefined;
  let url = '';
  const running = await serve((request, response) => app?.(request, response), {
    host: '127.0.0.1',
    port: 0,
    log,
    stopping,
    closed: async () => made.mcp.close(),
    times,
  });
  url = `http://127.0.0.1:${running.address.port}`;
  const publicUrl = config?.publicUrl ?? url;
  const made = createHttpApp<TestCaller>({
    config: { trustedHops: 0, allowedHosts: [], allowedOrigins: [], ...config, publicUrl },
    log,
    stopping: stopping.signal,
    store: store ?? (async () => undefined),
    others,
    ...(authorization && { authorization: authorization(publicUrl, log) }),
    mcp: {
      authenticate: authenticator(() => publicUrl),
      createServer: ({ caller, stopping: signal }) => createServer?.() ?? tinyServer(caller, signal, seen),
      scopeChallenge: scopeChallenge<TestCaller>({
        needed: ({ name }) => tools.get(name),
        permitted: ({ roles }, { name }) => name !== 'destroy' || roles.includes('admin'),
        reads: () => true,
        challenge: ({ error, scopes }) => `Bearer error="${error}", scope="${scopes.join(' ')}"`,
      }),
      waits: ({ name }: ToolCall) => name === 'wait',
      sessionKeys: [sessionKey],
      limits,
    },
  });
  app = made.app;
  return {
    url,
    port: running.address.port,
    running,
    stopping,
    seen,
    logged: () => logged,
    stop: async () => {
      const stopped = running.stop();
      await running.stop();
      await stopped;
    },
  };
};

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A request whose path and headers go out as they are written. */
export const raw = (
  port: number,
  { method = 'GET', path, headers = {}, body }: { method?: string; path: string; headers?: Record<string, string>; body?: string },
): Promise<RawAnswer> =>
  new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });

/** Bytes on a bare connection, and what came back until the other side closed it. */
export const bytes = (port: number, text: string): Promise<string> =>
  new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
  });

export const modernHeaders = (method: string, name?: string): Record<string, string> => ({
  'Content-Type': 'application/json',
  Accept: 'application/json, text/event-stream',
  'MCP-Protocol-Version': '2026-07-28',
  'Mcp-Method': method,
  ...(name && { 'Mcp-Name': name }),
});

const meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

/** A tools/call of 2026-07-28. */
export const call = (
  server: TestServer,
  token: string | undefined,
  name: string,
  args: object = {},
  { id = 1, signal, headers = {} }: { id?: number; signal?: AbortSignal; headers?: Record<string, string> } = {},
): Promise<Response> =>
  fetch(`${server.url}/mcp`, {
    method: 'POST',
    signal,
    headers: { ...modernHeaders('tools/call', name), ...(token && { Authorization: `Bearer ${token}` }), ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args, _meta: meta } }),
  });

/** What a client of 2025-11-25 sends without a session. */
export const legacy = (
  server: TestServer,
  token: string | undefined,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> =>
  fetch(`${server.url}/mcp`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': '2025-11-25',
      ...(token && { Authorization: `Bearer ${token}` }),
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
