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
import { openStore } from '../store/open.ts';
import { parseKeyring } from '../store/seal.ts';
import type { Store } from '../store/store.ts';
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

/** The whole server, listening. @param clock for tests that move the time. @throws as `serveHttp` */
export const startHttp = async (config: Config, log: Log, clock: Clock = Date.now): Promise<Running> => {
  if (config.credentials === 'shared' && !config.credential) {
    throw new PublicError(
      'misconfigured',
      'One Kestra credential is to serve everybody: set KESTRA_API_TOKEN, or KESTRA_USERNAME and KESTRA_PASSWORD.',
    );
  }
  const keyring = config.auth === 'none' ? undefined : parseKeyring(config.store.keys);
  const store = keyring && (await openStore(config.store.location, { keyring, lifetimes: config.lifetimes, clock }));
  const kestra = connectKestra(config.kestra, log);
  const entrance = store && keyring ? openEntrance(config, { store, keyring, kestra, log, clock }) : openDoor(config);
  const { catalog, direct } = chooseTools(config.tools);
  const handle = createToolHandler(kestra, catalog, config.limits, log);
  const sessionOf = sessions(config, entrance);
  // Without a keyring there is one process, and what it asks is answered while it runs.
  const stateKeys = keyring?.derive('request state') ?? [randomBytes(32)];
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
        reads: ({ principal }) =>
          catalog.some((tool) => tool.effect === 'read' && tool.permissions.length > 0 && isFor(tool, principal.grants)),
        challenge: entrance.bearer.challenge,
      }),
      waits: (call) => waits(resolve(call)),
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
const sessions = (config: Config, { credentials }: Entrance): ((caller: Caller) => Session) => {
  if (!credentials) {
    return ({ principal, scopes }) => ({ principal, scopes, registration: { by: 'nobody' }, credential: async () => config.credential });
  }
  return ({ principal, scopes, user }) => ({
    principal,
    scopes,
    registration: credentials.registration(user),
    credential: () => credentials.of(user),
    register: (credential) => credentials.register(user, credential),
  });
};

const waits = (call: ToolToCall | undefined): boolean => {
  const args = call?.args;
  const wait = typeof args === 'object' && args !== null && 'wait' in args ? args.wait : undefined;
  return call?.tool.name === executeFlow.name ? wait !== false : wait === true;
};
