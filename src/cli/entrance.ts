import { type RequestHandler, Router } from 'express';
import { roleGrant } from '../access/grant.ts';
import { noPolicy } from '../access/policy.ts';
import { openPolicyFile, type PolicyFile } from '../access/policy-file.ts';
import { type Bearer, bearer, bearerChallenge } from '../auth/bearer.ts';
import { clientsFrom } from '../auth/clients/from-config.ts';
import { metadata } from '../auth/endpoints/metadata.ts';
import { externalBearer } from '../auth/external.ts';
import { createLimits } from '../auth/limits.ts';
import { createIdentityProvider } from '../auth/oidc.ts';
import { createRights } from '../auth/rights.ts';
import { scopes } from '../auth/scopes.ts';
import { authorizationServer, defaultScopesOf, resourceOf } from '../auth/server.ts';
import type { Config } from '../config.ts';
import { PublicError } from '../errors.ts';
import type { Log } from '../log.ts';
import { isLoopbackHost } from '../public-url.ts';
import type { Probe } from '../server/health.ts';
import type { Keyring } from '../store/seal.ts';
import type { Store } from '../store/store.ts';

/** How callers come in. */
export interface Entrance {
  readonly bearer: Bearer;
  /** The endpoints that signing in needs. */
  readonly router?: RequestHandler;
  readonly probes: Readonly<Record<string, Probe>>;
  close(): void;
}

/** By KESTRA_MCP_AUTH. @throws PublicError `misconfigured` */
export const openEntrance = (config: Config, store: Store, keyring: Keyring, log: Log): Entrance => {
  const { oidc } = config;
  if (!oidc) {
    throw new PublicError(
      'misconfigured',
      'OIDC_ISSUER_URL, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET say how people sign in. For yourself alone, use --stdio.',
    );
  }
  const policy = config.policy === undefined ? undefined : openPolicyFile(config.policy, log);
  const rights = createRights(policy ?? noPolicy, oidc);
  const provider = createIdentityProvider({ config: oidc, log });
  const defaultScopes = defaultScopesOf(config);
  const common = {
    probes: { identity_provider: () => provider.ready(), ...(policy && { policy: policyProbe(policy) }) },
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
    return { ...common, bearer: externalBearer({ config, provider, rights, store, defaultScopes, clock: Date.now }), router: documents };
  }
  const limits = createLimits();
  const clients = clientsFrom({ http: config.http, store, limits, log });
  return {
    ...common,
    bearer: bearer({ ...names, store, rights }),
    router: authorizationServer({ config, store, keyring, oidc: provider, limits, rights, log, clock: Date.now, ...clients }),
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
