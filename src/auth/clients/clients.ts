import { z } from 'zod';
import type { ClientStore } from '../../store/store.ts';
import { type Client, type Clients, grantTypes } from './client.ts';
import { isDocumentUrl, type MetadataDocuments } from './metadata-document.ts';

/** What we registered ourselves, as it lies in the store. */
export const registeredMetadata = z.object({
  name: z.string().optional(),
  uri: z.string().optional(),
  redirectUris: z.array(z.string()).min(1),
  grantTypes: z.array(z.enum(grantTypes)),
});

/**
 * All clients by their id: those of the configuration first, then, if it is a URL, its metadata document (unless that is switched
 * off), then those that registered themselves.
 */
export const createClients = ({
  preconfigured,
  documents,
  store,
}: {
  preconfigured: ReadonlyMap<string, Client>;
  documents?: MetadataDocuments;
  store: Pick<ClientStore, 'findClient'>;
}): Clients => {
  const knownClient = async (id: string): Promise<Client | undefined> => {
    const configured = preconfigured.get(id);
    if (configured || isDocumentUrl(id)) return configured;
    const found = await store.findClient(id);
    return found && { id, ...registeredMetadata.parse(found.metadata), source: 'registered' };
  };
  return {
    knownClient,
    resolveClient: async (id) => (documents && isDocumentUrl(id) && !preconfigured.has(id) ? documents.client(id) : knownClient(id)),
  };
};
