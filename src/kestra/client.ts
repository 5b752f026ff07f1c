import { setMaxListeners } from 'node:events';
import createClient from 'openapi-fetch';
import type { KestraConfig, KestraCredential } from '../config.ts';
import type { Log } from '../log.ts';
import { nobody, type Observer } from '../telemetry/observer.ts';
import type { Span } from '../telemetry/tracer.ts';
import { type BreakerState, createBreaker, KestraPaused, verdictOf } from './breaker.ts';
import { speak } from './dialect.ts';
import { breakdown, KestraError, refusal } from './failure.ts';
import { formOf } from './form.ts';
import { type Route, routes } from './generated/routes.ts';
import type { paths } from './generated/schema-2.0.d.ts';
import type { Incoming } from './incoming.ts';
import { createInstanceReader, freshForReads, freshForWrites, type Instance } from './instance.ts';
import { createLook } from './look.ts';
import type { Call, Invoke, OperationId, Reply } from './operation.ts';
import { buildPath } from './path.ts';
import { serializeQuery } from './query.ts';
import { readReply } from './reply.ts';
import { Outgoing, openTransport, retryAfterSeconds, type Transport } from './transport.ts';

/** On whose behalf calls are made. */
export interface Caller {
  readonly credential: KestraCredential;
  /** Aborted when the caller gives up: the call then throws `cancelled`. */
  readonly signal?: AbortSignal;
  /** The work in a trace that the calls are part of. */
  readonly span?: Span;
  /** Told of every answer, for the audit. */
  readonly onAnswer?: (operation: OperationId, status: number | undefined) => void;
}

/** One Kestra server. */
export interface Kestra {
  /** The operations, called with this caller's credential. */
  as(caller: Caller): Invoke;
  /** What the server is, at most a minute old. @throws KestraError */
  instance(credential?: KestraCredential): Promise<Instance>;
  /** Does it answer now? @throws KestraError */
  check(): Promise<void>;
  readonly breaker: BreakerState;
  readonly tenant: string;
  close(): Promise<void>;
}

export const connectKestra = (config: KestraConfig, log: Log, observer: Observer = nobody): Kestra => {
  let opened: Promise<Transport> | undefined;
  const open = () => {
    opened ??= openTransport(config, () => reader.doubt());
    return opened;
  };
  const look = createLook(config, open);
  const breaker = createBreaker({
    rules: config.breaker,
    look,
    onChange: (state) => log.warn({ breaker: state }, state === 'open' ? 'Kestra counts as down' : 'Kestra answers again'),
  });
  const guarded = (judge: typeof verdictOf) => async (): Promise<Transport> => {
    const { send, close } = await open();
    return { send: (outgoing) => breaker.run(() => send(outgoing), judge), close };
  };
  const transport = guarded(verdictOf);
  const reader = createInstanceReader(config, guarded(badNewsOnly), log);

  const client = createClient<paths>({
    baseUrl: config.url,
    Request: Outgoing as never,
    fetch: (async (outgoing: Outgoing) => (await transport()).send(outgoing)) as never,
    querySerializer: serializeQuery,
  });

  const request = async (
    route: Route,
    path: string,
    call: { query?: Readonly<Record<string, unknown>>; header?: Readonly<Record<string, unknown>>; body?: unknown },
    headers: { readonly authorization: string } & Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ) => {
    const end = new AbortController();
    const timer = setTimeout(() => end.abort(new DOMException('no answer in time', 'TimeoutError')), config.timeoutMs);
    const giveUp = () => end.abort(new DOMException('given up', 'AbortError'));
    if (signal?.aborted) giveUp();
    else signal?.addEventListener('abort', giveUp);
    let reply: unknown;
    try {
      // The one cast at the client: `tool()` has checked the call against the operation, and the route is this server's, not the typed one.
      const { error, response } = await (client.request as unknown as Untyped)(route.method, path, {
        params: { query: call.query ?? {} },
        ...(route.body && { body: call.body ?? {}, bodySerializer: encoders[route.body] }),
        sent: { ...call.header, ...headers, accept: accepted(route), ...contentType(route) },
        parseAs: 'stream',
        signal: end.signal,
      });
      const { ok, status } = response;
      const retryAfter = retryAfterSeconds(response.headers.get('retry-after'));
      if (!ok) throw refusal({ status, body: error, retryAfter, authorization: headers.authorization });
      reply = await readReply(response, route.reply);
      return reply;
    } catch (thrown) {
      throw breakdown(thrown, signal);
    } finally {
      clearTimeout(timer);
      // A stream goes on, and ends when the caller gives up.
      if (!(reply instanceof ReadableStream)) signal?.removeEventListener('abort', giveUp);
    }
  };

  const invoke = async <Id extends OperationId>(id: Id, call: Call<Id>, caller: Caller, authorization: string): Promise<Reply<Id>> => {
    const reads = (routes[id]['2.0'] ?? routes[id]['1.3'])?.method === 'get';
    const maxAgeMs = reads ? freshForReads : freshForWrites;
    const known = caller.signal?.aborted ? undefined : reader.known(maxAgeMs);
    const instance = known ?? (await unlessAborted(reader.read(authorization, maxAgeMs), caller.signal));
    const spoken = speak(instance.line, id, call as Call<OperationId>, config.tenant);
    const route = routes[spoken.operation][instance.line];
    if (!route || (route.edition === 'ee' && instance.edition === 'OSS')) throw notOnThisServer(instance, route);
    const values = { ...spoken.call.path, tenant: config.tenant };
    const paths = [route.path, ...(route.elsewhere ? [route.elsewhere] : [])].map((path) =>
      buildPath(instance.line, route.method, path, values),
    );
    for (const [i, path] of paths.entries()) {
      const span = caller.span?.request(id);
      const started = performance.now();
      const ended = (status: number | undefined, problem?: string): void => {
        caller.onAnswer?.(id, status);
        observer.kestra(id, problem === undefined ? '200' : String(status ?? problem), performance.now() - started);
        span?.end(status === undefined ? {} : { 'http.response.status_code': status }, problem);
      };
      try {
        const reply = await request(route, path, spoken.call, { authorization, ...span?.headers }, caller.signal);
        const heard = spoken.hear(reply);
        ended(200);
        return heard as never;
      } catch (thrown) {
        const status = thrown instanceof KestraError ? thrown.status : undefined;
        ended(status, thrown instanceof KestraPaused ? 'not_sent' : thrown instanceof KestraError ? thrown.code : 'internal');
        if (status === undefined || status === 404 || status === 405) reader.doubt();
        if (i === paths.length - 1 || (status !== 404 && status !== 405)) throw thrown;
      }
    }
    throw notOnThisServer(instance, route);
  };

  return {
    as: (caller) => {
      const authorization = authorizationOf(caller.credential);
      // Every request under way listens to it, and a caller may have many: Node would take that for a leak.
      if (caller.signal) setMaxListeners(0, caller.signal);
      return (id, call) => invoke(id, call, caller, authorization);
    },
    instance: (credential) => reader.read(credential && authorizationOf(credential)),
    check: async () => {
      if (!(await look())) throw new KestraError('kestra_unreachable', 'Kestra does not answer.', { mayHaveArrived: false });
      await reader.read().catch(unlessRefused);
    },
    get breaker() {
      return breaker.state;
    },
    tenant: config.tenant,
    close: async () => {
      if (opened) await (await opened).close();
    },
  };
};

/** A Kestra that says its version may still answer nothing else, and it is asked for that after every failure. */
const badNewsOnly: typeof verdictOf = (outcome) => (verdictOf(outcome) === 'down' ? 'down' : 'unknown');

/** Who refuses to say what it is to those it does not know is there. */
const unlessRefused = (thrown: unknown): void => {
  if (!(thrown instanceof KestraError) || !['kestra_unauthorized', 'kestra_forbidden'].includes(thrown.code)) throw thrown;
};

/** The question for the version is shared, so a caller who gives up leaves it to the others. */
const unlessAborted = async <T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
  if (!signal) return promise;
  let giveUp = (): void => undefined;
  const gone = new Promise<never>((_, reject) => {
    giveUp = () => reject(new KestraError('cancelled', 'The call was cancelled.', { mayHaveArrived: false }));
  });
  if (signal.aborted) giveUp();
  else signal.addEventListener('abort', giveUp);
  try {
    return await Promise.race([promise, gone]);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
};

type Untyped = (method: string, path: string, init: unknown) => Promise<{ error?: unknown; response: Incoming }>;

const authorizationOf = (credential: KestraCredential): string =>
  credential.kind === 'token'
    ? `Bearer ${credential.token}`
    : `Basic ${Buffer.from(`${credential.username}:${credential.password}`, 'utf8').toString('base64')}`;

/** Kestra's kill produces text/json alone and refuses an Accept of application/json, so anything but plain JSON is asked for with any. */
const accepted = ({ reply }: Route): string => (reply === 'application/json' || reply === 'text/event-stream' ? reply : '*/*');

/** A form says its own, since it knows its boundary. */
const contentType = ({ body }: Route): { 'content-type'?: string } =>
  body === undefined || body === 'multipart/form-data' ? {} : { 'content-type': body };

const encoders: Readonly<Record<string, (body: never) => unknown>> = {
  'application/json': JSON.stringify,
  'application/x-yaml': String,
  'text/plain': String,
  'multipart/form-data': formOf,
};

const notOnThisServer = (instance: Instance, route: Route | undefined): KestraError =>
  new KestraError(
    'not_on_this_server',
    route
      ? 'This is a feature of Kestra Enterprise; the server is the open-source edition.'
      : `Kestra ${instance.version} has no such operation.`,
    { mayHaveArrived: false },
  );
