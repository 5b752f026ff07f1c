import { randomBytes } from 'node:crypto';
import type { Session } from '../access/session.ts';
import type { Caller } from '../auth/bearer.ts';
import type { Clock } from '../auth/clock.ts';
import { resourceOf } from '../auth/server.ts';
import type { Config } from '../config.ts';
import { PublicError } from '../errors.ts';
import { connectKestra } from '../kestra/client.ts';
import type { Log } from '../log.ts';
import { createHttpApp } from '../server/http.ts';
import { createMcpServer } from '../server/mcp.ts';
import type { ToolCall } from '../server/mcp-endpoint.ts';
import { scopeChallenge, scopeFor } from '../server/scope-challenge.ts';
import { type Running, serve, stopOnSignals } from '../server/serve.ts';
import { createToolHandler } from '../server/tool-handler.ts';
import { isShared, openStore } from '../store/open.ts';
import { parseKeyring } from '../store/seal.ts';
import type { Store } from '../store/store.ts';
import { followTime } from '../store/time.ts';
import { executeApp } from '../tools/catalogue/apps.ts';
import { chooseTools } from '../tools/choice.ts';
import { executeFlow } from '../tools/execute-flow.ts';
import { resolveCall, type ToolToCall } from '../tools/run-tool.ts';
import { isFor } from '../tools/tool.ts';
import { type Entrance, openDoor, openEntrance } from './entrance.ts';

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
  const keyring = config.auth === 'none' ? undefined : parseKeyring(config.store.keys);
  const store = keyring && (await openStore(config.store.location, { keyring, lifetimes: config.lifetimes, clock: moved }));
  const shared = isShared(config.store.location) ? store : undefined;
  const time = shared && !moved ? await followTime(shared) : undefined;
  const clock = moved ?? time?.clock ?? Date.now;
  const kestra = connectKestra(config.kestra, log);
  const entrance =
    store && keyring ? openEntrance(config, { store, keyring, kestra, log, clock, behindMs: time?.behindMs }) : openDoor(config);
  const { catalog, direct } = chooseTools(config.tools);
  const handle = createToolHandler(kestra, catalog, config.limits, log);
  const sessionOf = sessions(config, entrance, shared ? claims(shared) : undefined);
  // Where nobody signs in there is no key ring, and one process.
  const keysFor = (purpose: string) => keyring?.derive(purpose) ?? [randomBytes(32)];
  const stateKeys = keysFor('request state');
  const stopping = new AbortController();
  const resolve = ({ name, arguments: args }: ToolCall) => resolveCall(catalog, name, args);

  const { app, mcp } = createHttpApp<Caller>({
    config: config.http,
    log,
    authorization: entrance.router,
    account: config.auth === 'oauth',
    mcp: {
      authenticate: entrance.bearer.authenticate,
      createServer: ({ caller, stopping }) => createMcpServer({ kestra, catalog, direct, handle, stateKeys }, sessionOf(caller), stopping),
      scopeChallenge: scopeChallenge<Caller>({
        needed: (call) => scopeFor(resolve(call)?.tool.permissions ?? []),
        permitted: ({ principal }, call) => {
          const resolved = resolve(call);
          return resolved !== undefined && isFor(resolved.tool, principal.grants);
        },
        challenge: entrance.bearer.challenge,
      }),
      waits: (call) => waits(resolve(call)),
      clock,
      // A client of 2025-11-25 answers a question with a request of its own, which may reach another replica: with several they ask nothing.
      sessionKeys: shared ? [] : keysFor('session'),
    },
    store: async () => store?.check(),
    others: { kestra: async () => void (await kestra.instance(config.credential)), ...entrance.probes },
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

const claims =
  (store: Store): NonNullable<Session['claim']> =>
  async (key) => {
    const name = `claim\n${key}`;
    const taken = await store.count(name, { limit: 1, windowMs: 60_000 });
    return taken.allowed ? () => store.uncount(name, taken) : undefined;
  };

/** The tools that wait unless told not to. */
const startsAndWaits: ReadonlySet<string> = new Set([executeFlow.name, executeApp.name]);

const waits = (call: ToolToCall | undefined): boolean => {
  const args = call?.args;
  const wait = typeof args === 'object' && args !== null && 'wait' in args ? args.wait : undefined;
  return startsAndWaits.has(call?.tool.name ?? '') ? wait !== false : wait === true;
};
