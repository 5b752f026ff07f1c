import { type NodeServerResponseLike, toNodeHandler } from '@modelcontextprotocol/node';
import { type AuthInfo, createMcpHandler, type McpRequestContext, type McpServer, type Server } from '@modelcontextprotocol/server';
import express, { type Request, type RequestHandler, type Response, Router } from 'express';
import type { Log } from '../log.ts';
import type { RequestContext } from '../telemetry/request.ts';
import { readTraceContext } from '../telemetry/trace-context.ts';
import type { Admission } from './admission.ts';
import { handshakes } from './handshake.ts';
import { type Asker, createQuestions } from './questions.ts';
import { refuseRpc, rpcCodes } from './refusal.ts';
import { takeTurn } from './turn.ts';

/** Who is calling, as far as this endpoint must know. */
export interface Caller {
  readonly principal: { readonly key: string };
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** When the token ends, in milliseconds since 1970; absent = never. */
  readonly expiresAt?: number;
}

/** One tools/call of a request. */
export interface ToolCall {
  readonly name: string;
  readonly arguments: unknown;
}

export interface McpParts<C extends Caller> {
  /**
   * The caller behind an Authorization header. Rejects with an error that has `status` and `challenge` (the value of WWW-Authenticate)
   * when there is none, and with anything else when it can't be told just now: that is 503, and logs nobody out.
   */
  readonly authenticate: (authorization: string | undefined) => Promise<C>;
  /** A fresh server for one request. */
  readonly createServer: (context: {
    readonly caller: C;
    readonly era: McpRequestContext['era'];
    readonly stopping: AbortSignal;
    readonly request: RequestContext;
  }) => Server | McpServer;
  /** Requests take turns; absent: all at once. */
  readonly admission?: Admission;
  /** Told of calls that were refused before a server saw them. */
  readonly onRefused?: (
    caller: C,
    calls: readonly ToolCall[],
    code: 'busy' | 'cancelled' | 'insufficient_scope',
    request: RequestContext,
  ) => void;
  /**
   * The WWW-Authenticate of a 403 if the token is too narrow for calls that the caller's roles allow (RFC 6750 §3.1), or for reading, which
   * resources, prompts and completions are.
   */
  readonly scopeChallenge: (caller: C, calls: readonly ToolCall[], reading: boolean) => string | undefined;
  /** Does this call wait for something in Kestra? It may take long then, and its connection is kept alive. */
  readonly waits: (call: ToolCall) => boolean;
  /** What signs session ids; without any, clients of 2025-11-25 and before are asked nothing. The first signs, all verify. */
  readonly sessionKeys?: readonly Uint8Array[];
  readonly log: Log;
  /** Aborted when the program has been told to stop: waiting calls answer with what they have. */
  readonly stopping: AbortSignal;
  readonly limits?: Partial<McpLimits>;
  /** What `expiresAt` of a caller goes by. */
  readonly clock?: () => number;
}

export interface McpLimits {
  /** Of a body, in bytes. */
  readonly bodyBytes: number;
  /** Elements of a batch (2025-03-26 and before). */
  readonly batch: number;
  /** How long a call may take, in milliseconds, and one that waits. */
  readonly callMs: number;
  readonly waitMs: number;
  /** Between two signs of life on an answer that waits. */
  readonly keepAliveMs: number;
  /** subscriptions/listen streams open at once: all, and of one caller. */
  readonly subscriptions: number;
  readonly subscriptionsEach: number;
  /** Questions to clients of 2025-11-25 that wait for an answer: all, and to one caller. */
  readonly questions: number;
  readonly questionsEach: number;
}

const defaultLimits: McpLimits = {
  bodyBytes: 4 * 1024 * 1024,
  batch: 50,
  callMs: 60_000,
  waitMs: 60 * 60_000,
  keepAliveMs: 15_000,
  subscriptions: 256,
  subscriptionsEach: 8,
  questions: 256,
  questionsEach: 8,
};

/** What a client speaks that does not say so (MCP 2025-11-25, Protocol Version Header). */
const unnamedVersion = '2025-03-26';

export interface McpEndpoint {
  readonly router: Router;
  /** Ends what is still open. */
  close(): Promise<void>;
}

/** A request on its way to its server. */
interface Served<C extends Caller> {
  readonly caller: C;
  readonly request: RequestContext;
  /** How its client is asked something, where that takes a request of its own. */
  readonly asker?: Asker;
}

/**
 * The one MCP endpoint, for 2026-07-28 and 2025-11-25 clients alike, without sessions to keep: authentication before a byte of the body is
 * read, then the scope, then the SDK with a server of its own for each request.
 */
export const mcpEndpoint = <C extends Caller>(parts: McpParts<C>): McpEndpoint => {
  const limits = { ...defaultLimits, ...parts.limits };
  const served = new WeakMap<object, Served<C>>();
  const sessions = handshakes(parts.sessionKeys ?? []);
  const questions = createQuestions({ all: limits.questions, each: limits.questionsEach });
  const reported = (error: Error) => parts.log.debug({ err: error }, 'MCP request refused or failed');
  const handler = (responseMode: 'auto' | 'sse') => {
    const made = createMcpHandler(
      ({ era, authInfo }) => {
        const { caller, request, asker } = (authInfo && served.get(authInfo)) ?? {};
        if (!caller || !request) throw new Error('an MCP request without a caller');
        const server = parts.createServer({ caller, request, era, stopping: parts.stopping });
        if (asker && era === 'legacy') questions.enable(server, asker);
        return server;
      },
      {
        responseMode,
        keepAliveMs: limits.keepAliveMs,
        maxSubscriptions: limits.subscriptions,
        maxRequestBodySize: limits.bodyBytes,
        onerror: reported,
      },
    );
    return { close: made.close, node: toNodeHandler(made, { onerror: reported, maxRequestBodySize: limits.bodyBytes }) };
  };
  // Listening is apart, because it has to end when the program stops, while calls are let finish.
  const [calls, waiting, listening] = [handler('auto'), handler('sse'), handler('auto')];
  const stop = () => {
    questions.stop();
    void listening.close();
  };
  parts.stopping.addEventListener('abort', stop, { once: true });
  // A stream holds memory of this process alone, so it is counted here, however many replicas there are.
  const listeners = new Map<string, number>();

  const authenticate: RequestHandler = async (request, response, next) => {
    try {
      response.locals.caller = await parts.authenticate(request.headers.authorization);
    } catch (error) {
      if (isChallenge(error)) {
        const message =
          error.status === 401 ? 'Sign in first: send an access token as Authorization: Bearer.' : 'This token cannot be used here.';
        return refuseRpc(request, response, { status: error.status, message, headers: { 'WWW-Authenticate': error.challenge } });
      }
      parts.log.error({ err: error }, 'tokens cannot be checked');
      const message = 'Tokens cannot be checked just now. Keep yours and try again.';
      return refuseRpc(request, response, { status: 503, message, headers: { 'Retry-After': '2' } });
    }
    next();
  };

  const postOnly: RequestHandler = (request, response, next) => {
    if (request.method === 'POST') return next();
    refuseRpc(request, response, { status: 405, message: 'Use POST.', headers: { Allow: 'POST' } });
  };

  const jsonOnly: RequestHandler = (request, response, next) => {
    if (request.is('application/json')) return next();
    refuseRpc(request, response, { status: 415, message: 'Send JSON-RPC as application/json.' });
  };

  const serve: RequestHandler = async (request, response) => {
    const caller = response.locals.caller as C;
    const messages: readonly unknown[] = Array.isArray(request.body) ? request.body : [request.body];
    if (messages.length === 0 || messages.length > limits.batch) {
      return refuseRpc(request, response, {
        status: 400,
        code: rpcCodes.invalidRequest,
        message: `A batch holds 1 to ${limits.batch} messages.`,
      });
    }
    const toolCalls = messages.flatMap(toolCall);
    const { traceparent, tracestate } = request.headers;
    const from: RequestContext = {
      id: String(response.locals.requestId),
      clientId: caller.clientId,
      trace: readTraceContext(traceparent, tracestate),
    };
    const challenge = parts.scopeChallenge(
      caller,
      toolCalls,
      messages.some((message) => readingMethods.has(methodOf(message))),
    );
    if (challenge !== undefined) {
      parts.onRefused?.(caller, toolCalls, 'insufficient_scope', from);
      return refuseRpc(request, response, {
        status: 403,
        message: 'The access token was not granted the scope that this call needs.',
        headers: { 'WWW-Authenticate': challenge },
      });
    }
    const { key } = caller.principal;
    const unanswering = messages.filter((message) => !questions.answer(key, message));
    if (unanswering.length === 0) return void response.status(202).end();
    const auth: AuthInfo = { token: '', clientId: caller.clientId, scopes: [...caller.scopes] };
    // Proxies must not hold back what is streamed.
    response.set('X-Accel-Buffering', 'no');
    const authenticated = Object.assign(request, { auth });
    if (methodOf(request.body) === 'initialize') {
      const session = sessions.begin(request.body.params, key);
      if (session) response.set('Mcp-Session-Id', session);
    }
    if (messages.some((message) => methodOf(message) === 'subscriptions/listen')) {
      const open = listeners.get(key) ?? 0;
      if (open >= limits.subscriptionsEach) {
        return refuseRpc(request, response, { status: 429, message: 'Too many subscriptions.', headers: { 'Retry-After': '60' } });
      }
      listeners.set(key, open + 1);
      response.once('close', () => {
        const left = (listeners.get(key) ?? 1) - 1;
        if (left > 0) listeners.set(key, left);
        else listeners.delete(key);
      });
      endIn(request, response, Math.min(limits.waitMs, (caller.expiresAt ?? Number.POSITIVE_INFINITY) - (parts.clock ?? Date.now)()));
      served.set(auth, { caller, request: from });
      return listening.node(authenticated, atOnce(response), request.body);
    }
    const waits = toolCalls.some(parts.waits);
    const ending = endIn(request, response, waits ? limits.waitMs : limits.callMs);
    const requests = messages.filter(isRequest).length;
    if (parts.admission && requests > 0) {
      const turn = { request, response, user: key, kind: waits ? 'waits' : 'calls', calls: requests } as const;
      const refused = await takeTurn(parts.admission, turn);
      if (refused) return parts.onRefused?.(caller, toolCalls, refused, from);
    }
    const handshake = sessions.of(request.get('Mcp-Session-Id'), key);
    const version = request.get('MCP-Protocol-Version') ?? unnamedVersion;
    const asker = handshake && { principalKey: key, handshake, version, onAsked: () => ending.postpone(limits.waitMs) };
    served.set(auth, { caller, request: from, asker });
    return waits ? waiting.node(authenticated, atOnce(response), request.body) : calls.node(authenticated, response, request.body);
  };

  const router = Router({ caseSensitive: true, strict: true });
  const readJson = express.json({ limit: limits.bodyBytes, inflate: false, strict: false, type: 'application/json' });
  router.all('/mcp', authenticate, postOnly, jsonOnly, readJson, serve);
  router.use('/mcp', (error: unknown, request: Request, response: Response, next: express.NextFunction) => {
    if (response.headersSent) return next(error);
    refuseRpc(request, response, unreadable(error, limits.bodyBytes) ?? failed(error, parts.log));
  });
  return {
    router,
    close: async () => {
      await Promise.all([calls.close(), waiting.close(), listening.close()]);
    },
  };
};

const isChallenge = (error: unknown): error is Error & { status: number; challenge: string } =>
  error instanceof Error &&
  'challenge' in error &&
  typeof error.challenge === 'string' &&
  'status' in error &&
  typeof error.status === 'number';

const methodOf = (message: unknown): unknown =>
  typeof message === 'object' && message !== null && 'method' in message ? message.method : undefined;

/** Whoever sends one waits for an answer; a notification, and an answer to ours, is nothing to wait for. */
const isRequest = (message: unknown): boolean =>
  methodOf(message) !== undefined && typeof message === 'object' && message !== null && 'id' in message;
/** What gives data of Kestra and is no tool. */
const readingMethods: ReadonlySet<unknown> = new Set(['resources/read', 'prompts/get', 'completion/complete']);

const toolCall = (message: unknown): ToolCall[] => {
  if (methodOf(message) !== 'tools/call') return [];
  const { params } = message as { params?: { name?: unknown; arguments?: unknown } };
  return typeof params?.name === 'string' ? [{ name: params.name, arguments: params.arguments }] : [];
};

/** Sends the headers when they are known, not with the first event: nobody should wonder whether the request arrived. */
const atOnce = (response: Response): NodeServerResponseLike => ({
  writeHead: (status, headers) => {
    response.writeHead(status, headers);
    response.flushHeaders();
  },
  write: (chunk) => response.write(chunk),
  end: (chunk) => response.end(chunk),
  on: (event, listener) => response.on(event, listener),
  get destroyed() {
    return response.destroyed;
  },
});

/** Gives up on an answer that takes too long: its call is cancelled as if the client had gone. */
const endIn = (request: Request, response: Response, ms: number): { postpone(ms: number): void } => {
  const giveUp = () => {
    if (response.headersSent) response.destroy();
    else refuseRpc(request, response, { status: 504, message: 'This call took too long and was given up.' });
  };
  let timer = setTimeout(giveUp, Math.max(0, ms));
  response.once('close', () => clearTimeout(timer));
  return {
    postpone: (later) => {
      clearTimeout(timer);
      if (!response.closed) timer = setTimeout(giveUp, later);
    },
  };
};

const unreadable = (error: unknown, most: number) => {
  const status = error instanceof Error && 'status' in error ? error.status : undefined;
  if (status === 413) return { status, message: `A request may have ${most} bytes.`, headers: { Connection: 'close' } };
  if (status === 415) return { status, message: 'Send plain UTF-8 without Content-Encoding.' };
  if (error instanceof SyntaxError) return { status: 400, code: rpcCodes.parseError, message: 'Parse error: the body is no JSON.' };
  if (status === 400) return { status, code: rpcCodes.parseError, message: 'Parse error: the body could not be read.' };
  return undefined;
};

const failed = (error: unknown, log: Log) => {
  log.error({ err: error }, 'MCP request failed');
  return { status: 500, code: rpcCodes.internal, message: 'Something went wrong inside this server.' };
};
