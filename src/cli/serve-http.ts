import { allowed } from '../access/grant.ts';
import type { Session } from '../access/session.ts';
import { bearer, type Caller } from '../auth/bearer.ts';
import { clientsFrom } from '../auth/clients/from-config.ts';
import { createLimits } from '../auth/limits.ts';
import { createIdentityProvider } from '../auth/oidc.ts';
import { authorizationServer, defaultScopesOf, resourceOf } from '../auth/server.ts';
import { createVault } from '../auth/vault.ts';
import type { Config } from '../config.ts';
import { PublicError } from '../errors.ts';
import { connectKestra } from '../kestra/client.ts';
import type { Log } from '../log.ts';
import { createHttpApp } from '../server/http.ts';
import { createMcpServer } from '../server/mcp.ts';
import { scopeChallenge, scopeFor } from '../server/scope-challenge.ts';
import { serve, stopOnSignals } from '../server/serve.ts';
import { createToolHandler } from '../server/tool-handler.ts';
import { openStore } from '../store/open.ts';
import { parseKeyring } from '../store/seal.ts';
import type { Store } from '../store/store.ts';
import { tools } from '../tools/catalog.ts';

const sweepEveryMs = 60_000;
const sweepRows = 500;

/** Serves a team over HTTP until a signal comes. @throws PublicError `misconfigured` for what is missing or can't be */
export const serveHttp = async (config: Config, log: Log): Promise<void> => {
  if (!config.oidc) {
    throw new PublicError(
      'misconfigured',
      'OIDC_ISSUER_URL, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET say how people sign in. For yourself alone, use --stdio.',
    );
  }
  if (config.credentials === 'shared' && !config.credential) {
    throw new PublicError(
      'misconfigured',
      'KESTRA_CREDENTIALS=shared: set the credential that serves everybody (KESTRA_API_TOKEN, or KESTRA_USERNAME and KESTRA_PASSWORD).',
    );
  }
  const keyring = parseKeyring(config.store.keys);
  const store = await openStore(config.store.location, { keyring, lifetimes: config.lifetimes });
  const kestra = connectKestra(config.kestra, log);
  const limits = createLimits();
  const tokens = bearer({ issuer: config.http.publicUrl, resource: resourceOf(config), defaultScopes: defaultScopesOf(config), store });
  const oidc = createIdentityProvider({ config: config.oidc, log });
  const handle = createToolHandler(kestra, tools, config.limits, log);
  const stopping = new AbortController();
  const sessionOf = sessions(config, store);

  const { app, mcp } = createHttpApp<Caller>({
    config: config.http,
    log,
    authorization: authorizationServer({
      config,
      store,
      keyring,
      oidc,
      limits,
      log,
      clock: Date.now,
      ...clientsFrom({ http: config.http, store, limits, log }),
    }),
    mcp: {
      authenticate: tokens.authenticate,
      createServer: ({ caller, stopping }) => createMcpServer({ kestra, catalog: tools, handle }, sessionOf(caller), stopping),
      scopeChallenge: scopeChallenge<Caller>({
        needed: ({ name }) => scopeFor(tools.find((tool) => tool.name === name)?.permissions ?? []),
        permitted: (caller, { name }) => allowed(caller.principal.grants, tools.find((tool) => tool.name === name)?.permissions ?? []),
        challenge: tokens.challenge,
      }),
      waits: ({ name, arguments: args }) => waits(name, args),
    },
    store: () => store.check(),
    others: { kestra: async () => void (await kestra.instance()), identity_provider: () => oidc.ready() },
    stopping: stopping.signal,
  });

  const sweeper = setInterval(() => {
    store.sweep(sweepRows).catch((error: unknown) => log.warn({ err: error }, 'what is over could not be removed'));
  }, sweepEveryMs);
  const running = await serve(app, {
    host: config.http.host,
    port: config.http.port,
    log,
    stopping,
    closed: async () => {
      clearInterval(sweeper);
      await mcp.close();
      await kestra.close();
      await store.close();
    },
  });
  log.info({ url: config.http.publicUrl, mcp: resourceOf(config) }, 'serving');
  await new Promise<void>((resolve, reject) =>
    stopOnSignals(running, log, (code) => (code === 0 ? resolve() : reject(new Error('stopping failed')))),
  );
};

/** Each caller acts in Kestra with the credential that they registered, or everybody with the service's own. */
const sessions = (config: Config, store: Store): ((caller: Caller) => Session) => {
  const vault = createVault(store, config.store.instance);
  return config.credentials === 'shared'
    ? ({ principal, scopes }) => ({ principal, scopes, registration: { by: 'nobody' }, credential: async () => config.credential })
    : ({ principal, scopes, user }) => ({
        principal,
        scopes,
        registration: { by: 'page', url: `${config.http.publicUrl}/account` },
        credential: () => vault.get(user),
      });
};

const waits = (name: string, args: unknown): boolean => {
  const wait = typeof args === 'object' && args !== null && 'wait' in args ? args.wait : undefined;
  return name === 'execute_flow' ? wait !== false : wait === true;
};
