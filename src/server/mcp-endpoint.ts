import { type NodeServerResponseLike, toNodeHandler } from '@modelcontextprotocol/node';
import { type AuthInfo, createMcpHandler, type McpRequestContext, type Server } from '@modelcontextprotocol/server';
import express, { type Request, type RequestHandler, type Response, Router } from 'express';
import type { Log } from '../log.ts';
import { refuseRpc, rpcCodes } from './refusal.ts';

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
  }) => Server;
  /**
   * The WWW-Authenticate of a 403 if the token is too narrow for calls that the caller's roles allow (RFC 6750 §3.1), or for reading, which
   * resources, prompts and completions are.
   */
  readonly scopeChallenge: (caller: C, calls: readonly ToolCall[], reading: boolean) => string | undefined;
  /** Does this call wait for something in Kestra? It may take long then, and its connection is kept alive. */
  readonly waits: (call: ToolCall) => boolean;
  readonly log: Log;
  /** Aborted when the program has been told to stop: waiting calls answer with what they have. */
  readonly stopping: AbortSignal;
  readonly limits?: Partial<McpLimits>;
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
}

const defaultLimits: McpLimits = {
  bodyBytes: 4 * 1024 * 1024,
  batch: 50,
  callMs: 90_000,
  waitMs: 60 * 60_000,
  keepAliveMs: 15_000,
  subscriptions: 256,
  subscriptionsEach: 8,
};

export interface McpEndpoint {
  readonly router: Router;
  /** Ends what is still open. */
  close(): Promise<void>;
}

/**
 * The one MCP endpoint, for 2026-07-28 and 2025-11-25 clients alike, without sessions: authentication before a byte of the body is read,
 * then the scope, then the SDK with a server of its own for each request.
 */
export const mcpEndpoint = <C extends Caller>(parts: McpParts<C>): McpEndpoint => {
  const limits = { ...defaultLimits, ...parts.limits };
  const callers = new WeakMap<object, C>();
  const reported = (error: Error) => parts.log.debug({ err: error }, 'MCP request refused or failed');
  const handler = (responseMode: 'auto' | 'sse') => {
    const made = createMcpHandler(
      ({ era, authInfo }) => {
        const caller = authInfo && callers.get(authInfo);
        if (!caller) throw new Error('an MCP request without a caller');
        return parts.createServer({ caller, era, stopping: parts.stopping });
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
  parts.stopping.addEventListener('abort', () => void listening.close(), { once: true });
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
    const challenge = parts.scopeChallenge(
      caller,
      toolCalls,
      messages.some((message) => readingMethods.has(methodOf(message))),
    );
    if (challenge !== undefined) {
      return refuseRpc(request, response, {
        status: 403,
        message: 'The access token was not granted the scope that this call needs.',
        headers: { 'WWW-Authenticate': challenge },
      });
    }
    const auth: AuthInfo = { token: '', clientId: caller.clientId, scopes: [...caller.scopes] };
    callers.set(auth, caller);
    // Proxies must not hold back what is streamed.
    response.set('X-Accel-Buffering', 'no');
    const served = Object.assign(request, { auth });
    if (messages.some((message) => methodOf(message) === 'subscriptions/listen')) {
      const { key } = caller.principal;
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
      endIn(request, response, Math.min(limits.waitMs, (caller.expiresAt ?? Number.POSITIVE_INFINITY) - Date.now()));
      return listening.node(served, atOnce(response), request.body);
    }
    const waits = toolCalls.some(parts.waits);
    endIn(request, response, waits ? limits.waitMs : limits.callMs);
    return waits ? waiting.node(served, atOnce(response), request.body) : calls.node(served, response, request.body);
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
const endIn = (request: Request, response: Response, ms: number): void => {
  const timer = setTimeout(
    () => {
      if (response.headersSent) response.destroy();
      else refuseRpc(request, response, { status: 504, message: 'This call took too long and was given up.' });
    },
    Math.max(0, ms),
  );
  response.once('close', () => clearTimeout(timer));
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
