import { randomBytes } from 'node:crypto';
import type { Session } from '../access/session.ts';
import type { Caller } from '../auth/bearer.ts';
import type { Clock } from '../auth/clock.ts';
import { resourceOf } from '../auth/server.ts';
import type { Config } from '../config.ts';
import { PublicError } from '../errors.ts';
import { connectKestra } from '../kestra/client.ts';
import type { Log } from '../log.ts';
import { createAdmission } from '../server/admission.ts';
import { createHttpApp } from '../server/http.ts';
import { createMcpServer } from '../server/mcp.ts';
import type { ToolCall } from '../server/mcp-endpoint.ts';
import { memoryOnce } from '../server/once.ts';
import { localRate, sharedRate } from '../server/rate.ts';
import { scopeChallenge, scopeFor } from '../server/scope-challenge.ts';
import { type Running, serve, stopOnSignals } from '../server/serve.ts';
import { createToolHandler } from '../server/tool-handler.ts';
import { waits } from '../server/waits.ts';
import { isShared, openStore } from '../store/open.ts';
import { parseKeyring } from '../store/seal.ts';
import type { Store } from '../store/store.ts';
import { followTime } from '../store/time.ts';
import { watched } from '../store/watched.ts';
import type { CallRecord } from '../telemetry/records.ts';
import type { RequestContext } from '../telemetry/request.ts';
import { chooseTools } from '../tools/choice.ts';
import { resolveCall } from '../tools/run-tool.ts';
import { isFor } from '../tools/tool.ts';
import { type Entrance, openDoor, openEntrance } from './entrance.ts';
import { openAudit, openTracer, startMetrics } from './telemetry.ts';

/** Answers that may be asked for again are erased by the sweep, so it comes often. */
const sweepEveryMs = 10_000;
const sweepRows = 500;

/** Serves a team over HTTP until a signal comes. @throws PublicError `misconfigured` for what is missing or can't be */
export const serveHttp = async (config: Config, log: Log): Promise<void> => {
  const running = await startHttp(config, log);
  await new Promise<void>((resolve, reject) =>
    stopOnSignals(running, log, (code) => (code === 0 ? resolve() : reject(new Error('stopping failed')))),
  );
};

/** The whole server, listening. @param moved for tests that move the time. @throws as `serveHttp` */
export const startHttp = async (config: Config, log: Log, moved?: Clock): Promise<Running> => {
  if (config.credentials === 'shared' && !config.credential) {
    throw new PublicError(
      'misconfigured',
      'One Kestra credential is to serve everybody: set KESTRA_API_TOKEN, or KESTRA_USERNAME and KESTRA_PASSWORD.',
    );
  }
  const audit = openAudit(config, log);
  const tracer = await openTracer(config, log);
  const counting = await startMetrics(config, { turns: () => admission.now, breaker: () => kestra.breaker });
  const { observer } = counting;
  const kestra = connectKestra(config.kestra, log, observer);
  const keyring = config.auth === 'none' ? undefined : parseKeyring(config.store.keys);
  const opened =
    keyring && (await openStore(config.store.location, { keyring, lifetimes: config.lifetimes, clock: moved, onAudited: audit.event }));
  const time = opened && isShared(config.store.location) && !moved ? await followTime(opened) : undefined;
  const clock = moved ?? time?.clock ?? Date.now;
  const store = opened && (config.telemetry.metrics ? watched(opened, observer.store) : opened);
  const shared = isShared(config.store.location) ? store : undefined;
  const entrance =
    store && keyring ? openEntrance(config, { store, keyring, kestra, log, observer, clock, behindMs: time?.behindMs }) : openDoor(config);
  const { catalog, direct } = chooseTools(config.tools);
  const { perMinute } = config.limits;
  const admission = createAdmission(config.limits, shared ? sharedRate(perMinute, shared, log) : localRate(perMinute));
  const record = (call: CallRecord): void => {
    audit.call(call);
    observer.call(call);
  };
  const handle = createToolHandler({ kestra, catalog, answer: config.limits.answer, record, tracer, log });
  const sessionOf = sessions(config, entrance, shared ? claims(shared) : undefined);
  // Where nobody signs in there is no key ring, and one process.
  const keysFor = (purpose: string) => keyring?.derive(purpose) ?? [randomBytes(32)];
  const stateKeys = keysFor('request state');
  const once = store?.consumeOnce ?? memoryOnce();
  const stopping = new AbortController();
  const resolve = ({ name, arguments: args }: ToolCall) => resolveCall(catalog, name, args);

  const { app, mcp } = createHttpApp<Caller>({
    config: config.http,
    log,
    authorization: entrance.router,
    account: config.auth === 'oauth',
    mcp: {
      authenticate: entrance.bearer.authenticate,
      createServer: ({ caller, stopping, request }) =>
        createMcpServer(
          { kestra, catalog, direct, handle: (call) => handle({ ...call, request }), stateKeys, once },
          sessionOf(caller),
          stopping,
        ),
      scopeChallenge: scopeChallenge<Caller>({
        needed: (call) => scopeFor(resolve(call)?.tool.permissions ?? []),
        permitted: ({ principal }, call) => {
          const resolved = resolve(call);
          return resolved !== undefined && isFor(resolved.tool, principal.grants);
        },
        reads: ({ principal }) =>
          catalog.some((tool) => tool.effect === 'read' && tool.permissions.length > 0 && isFor(tool, principal.grants)),
        challenge: entrance.bearer.challenge,
      }),
      waits: (call) => waits(resolve(call)),
      admission,
      onRefused: ({ principal }, calls, code, request) => {
        for (const call of calls) record(refused(principal.key, resolve(call)?.tool.name ?? 'unknown', code, request));
      },
      limits: config.limits,
      clock,
      // A client of 2025-11-25 answers a question with a request of its own, which may reach another replica: with several they ask nothing.
      sessionKeys: shared ? [] : keysFor('session'),
    },
    store: async () => store?.check(),
    others: { kestra: kestra.check, audit: async () => audit.check(), ...entrance.probes },
    stopping: stopping.signal,
  });

  const sweeper = store && keepSwept(store, log);
  const running = await serve(app, {
    host: config.http.host,
    port: config.http.port,
    log,
    stopping,
    closed: async () => {
      clearInterval(sweeper);
      time?.stop();
      entrance.close();
      await mcp.close();
      await kestra.close();
      await store?.close();
      counting.close();
      await tracer.close();
      audit.close();
    },
  });
  log.info({ url: config.http.publicUrl, mcp: resourceOf(config) }, 'serving');
  return running;
};

const keepSwept = (store: Store, log: Log): NodeJS.Timeout => {
  const sweep = async (): Promise<void> => {
    while ((await store.sweep(sweepRows)).more);
  };
  return setInterval(() => {
    sweep().catch((error: unknown) => log.warn({ err: error }, 'what is over could not be removed'));
  }, sweepEveryMs);
};

/** Each caller acts in Kestra with the credential that they registered, or everybody with the service's own. */
const sessions = (config: Config, { credentials }: Entrance, claim: Session['claim']): ((caller: Caller) => Session) => {
  if (!credentials) {
    return ({ principal, scopes }) => ({
      principal,
      scopes,
      registration: { by: 'nobody' },
      credential: async () => config.credential,
      claim,
    });
  }
  return ({ principal, scopes, user }) => ({
    principal,
    scopes,
    registration: credentials.registration(user),
    credential: () => credentials.of(user),
    register: (credential) => credentials.register(user, credential),
    claim,
  });
};

/** The record of a call that never came to a tool. */
const refused = (user: string, tool: string, code: string, { id, clientId, trace }: RequestContext): CallRecord => ({
  request: id,
  trace: trace?.traceId,
  user,
  clientId,
  client: 'unknown',
  tool,
  target: {},
  decision: 'denied',
  code,
  upstream: [],
  ms: 0,
});

const claims =
  (store: Store): NonNullable<Session['claim']> =>
  async (key) => {
    const name = `claim\n${key}`;
    const taken = await store.count(name, { limit: 1, windowMs: 60_000 });
    return taken.allowed ? () => store.uncount(name, taken) : undefined;
  };
