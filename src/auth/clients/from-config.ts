import type { HttpConfig } from '../../config.ts';
import type { Log } from '../../log.ts';
import type { ClientStore } from '../../store/store.ts';
import type { Limits } from '../limits.ts';
import type { Clients } from './client.ts';
import { createClients } from './clients.ts';
import { createGuardedFetch, createProxiedFetch, type GuardedFetch } from './guarded-fetch.ts';
import { createMetadataDocuments } from './metadata-document.ts';
import { preconfiguredClients } from './preconfigured.ts';
import { type RedirectPolicy, redirectPolicy } from './redirect-uri.ts';

export interface ConfiguredClients {
  readonly clients: Clients;
  readonly redirectPolicy: RedirectPolicy;
  /** Are there clients with secrets? */
  readonly confidentialClients: boolean;
}

/**
 * The clients as the settings want them.
 * @param fetch how metadata documents are fetched (tests)
 * @throws PublicError `misconfigured`
 */
export const clientsFrom = ({
  http: { publicUrl, redirectSchemes, clients, metadataDocuments },
  store,
  limits,
  log,
  clock,
  fetch,
}: {
  http: Pick<HttpConfig, 'publicUrl' | 'redirectSchemes' | 'clients' | 'metadataDocuments'>;
  store: Pick<ClientStore, 'findClient'>;
  limits: Limits;
  log: Log;
  clock?: () => number;
  fetch?: GuardedFetch;
}): ConfiguredClients => {
  const policy = redirectPolicy(publicUrl, redirectSchemes);
  const preconfigured = preconfiguredClients(clients, policy);
  const { on, hosts, proxy, ca } = metadataDocuments;
  const documents = on
    ? createMetadataDocuments({
        fetch: fetch ?? (proxy === undefined ? createGuardedFetch({ ca }) : createProxiedFetch(proxy, ca)),
        policy,
        hosts,
        limits,
        log,
        clock,
      })
    : undefined;
  return {
    clients: createClients({ preconfigured, documents, store }),
    redirectPolicy: policy,
    confidentialClients: [...preconfigured.values()].some(({ secretHash }) => secretHash !== undefined),
  };
};
