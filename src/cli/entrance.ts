import { type RequestHandler, Router } from 'express';
import { roleGrant } from '../access/grant.ts';
import { noPolicy } from '../access/policy.ts';
import { openPolicyFile, type PolicyFile } from '../access/policy-file.ts';
import type { Registration } from '../access/session.ts';
import { accountLinks } from '../auth/account/links.ts';
import { createRegistrar } from '../auth/account/registrar.ts';
import { type Bearer, bearer, bearerChallenge } from '../auth/bearer.ts';
import { clientsFrom } from '../auth/clients/from-config.ts';
import type { Clock } from '../auth/clock.ts';
import { memoryCounters } from '../auth/counters.ts';
import { metadata } from '../auth/endpoints/metadata.ts';
import { externalBearer } from '../auth/external.ts';
import { createLimits, rulesOf } from '../auth/limits.ts';
import { createIdentityProvider } from '../auth/oidc.ts';
import { createRights } from '../auth/rights.ts';
import { scopes } from '../auth/scopes.ts';
import { authorizationServer, defaultScopesOf, resourceOf } from '../auth/server.ts';
import { createVault } from '../auth/vault.ts';
import type { Config, KestraCredential } from '../config.ts';
import { PublicError } from '../errors.ts';
import type { Kestra } from '../kestra/client.ts';
import type { Log } from '../log.ts';
import { isLoopbackHost } from '../public-url.ts';
import type { Probe } from '../server/health.ts';
import { isShared } from '../store/open.ts';
import type { UserKey } from '../store/records.ts';
import type { Keyring } from '../store/seal.ts';
import type { Store } from '../store/store.ts';
import type { Observer } from '../telemetry/observer.ts';
import { kestraAtHand, toolsSeen } from './account-ports.ts';

/** How callers come in. */
export interface Entrance {
  readonly bearer: Bearer;
  /** The endpoints that signing in needs. */
  readonly router?: RequestHandler;
  readonly probes: Readonly<Record<string, Probe>>;
  /** Absent: one Kestra credential serves everybody. */
  readonly credentials?: Credentials;
  close(): void;
}

/** Each caller's own Kestra credential. */
export interface Credentials {
  of(user: UserKey): Promise<KestraCredential | undefined>;
  /** Where the user gets one in here. */
  registration(user: UserKey): Registration;
  register(user: UserKey, credential: KestraCredential): Promise<void>;
}

/** By KESTRA_MCP_AUTH. @throws PublicError `misconfigured` */
export const openEntrance = (
  config: Config,
  {
    store,
    keyring,
    kestra,
    observer,
    log,
    clock,
    behindMs,
  }: {
    store: Store;
    keyring: Keyring;
    kestra: Kestra;
    observer: Observer;
    log: Log;
    clock: Clock;
    behindMs?: (() => number) | undefined;
  },
): Entrance => {
  const { oidc } = config;
  if (!oidc) {
    throw new PublicError(
      'misconfigured',
      'OIDC_ISSUER_URL, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET say how people sign in. For yourself alone, use --stdio.',
    );
  }
  const policy = config.policy === undefined ? undefined : openPolicyFile(config.policy, log);
  const rights = createRights(policy ?? noPolicy, oidc);
  const provider = createIdentityProvider({ config: oidc, log, clock, behindMs });
  const limits = createLimits({
    rules: rulesOf(config.limits.rates),
    counters: isShared(config.store.location) ? store : memoryCounters(clock),
  });
  const vault = createVault(store, config.store.instance);
  const registrar = config.credentials === 'per-user' ? createRegistrar({ vault, kestra: kestraAtHand(kestra), store, limits }) : undefined;
  const links = accountLinks(config.http.publicUrl, keyring);
  const defaultScopes = defaultScopesOf(config);
  const common = {
    probes: { identity_provider: () => provider.ready(), ...(policy && { policy: policyProbe(policy) }) },
    ...(registrar && {
      credentials: {
        of: vault.get,
        registration: (user: UserKey): Registration =>
          config.auth === 'oauth' ? { by: 'page', url: links.urlFor(user) } : { by: 'administrator' },
        register: (user: UserKey, credential: KestraCredential) => registrar.register(user, credential, {}),
      },
    }),
    close: () => policy?.close(),
  };
  const names = { issuer: config.http.publicUrl, resource: resourceOf(config), defaultScopes };
  if (config.auth === 'external') {
    const documents = metadata({
      ...names,
      authorizationServers: [oidc.issuer],
      registration: false,
      metadataDocuments: false,
      confidentialClients: false,
    });
    return { ...common, bearer: externalBearer({ config, provider, rights, store, defaultScopes, clock }), router: documents };
  }
  const clients = clientsFrom({ http: config.http, store, limits, log, clock });
  return {
    ...common,
    bearer: bearer({ ...names, store, rights }),
    router: authorizationServer({
      config,
      store,
      keyring,
      oidc: provider,
      limits,
      rights,
      observer,
      log,
      clock,
      account: { registrar, tools: toolsSeen, claimNames: { roles: oidc.rolesClaim, groups: oidc.groupsClaim } },
      ...clients,
    }),
  };
};

const policyProbe =
  (policy: PolicyFile): Probe =>
  async () => {
    const problem = policy.problem();
    if (problem) throw new PublicError('misconfigured', problem);
  };

/**
 * Nobody signs in: every caller is the person who started the program.
 * @throws PublicError `misconfigured` off loopback
 */
export const openDoor = ({ http, role }: Config): Entrance => {
  if (!isLoopbackHost(http.host) || !isLoopbackHost(new URL(http.publicUrl).hostname)) {
    throw new PublicError(
      'misconfigured',
      'KESTRA_MCP_AUTH=none lets everybody in who reaches the port, so it is for loopback only: unset KESTRA_MCP_HOST and KESTRA_MCP_PUBLIC_URL',
    );
  }
  const user = { issuer: 'local', subject: 'local' };
  return {
    bearer: {
      challenge: bearerChallenge(http.publicUrl),
      authenticate: async () => ({
        principal: {
          key: 'local',
          name: 'whoever uses this machine',
          signedInBy: 'KESTRA_MCP_AUTH=none: no sign-in',
          roles: [{ name: role, from: 'KESTRA_MCP_ROLE' }],
          grants: [roleGrant(role)],
        },
        user,
        scopes,
        clientId: 'local',
        grantId: '',
        expiresAt: Number.POSITIVE_INFINITY,
      }),
    },
    router: Router(),
    probes: {},
    close: () => undefined,
  };
};
