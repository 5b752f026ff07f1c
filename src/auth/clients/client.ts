import { createHash, timingSafeEqual } from 'node:crypto';

/** How the server came to know a client; it decides what may be believed of it. */
export type ClientSource = 'preconfigured' | 'metadata-document' | 'registered';

export const grantTypes = ['authorization_code', 'refresh_token'] as const;
export type GrantType = (typeof grantTypes)[number];

/**
 * An OAuth client as the endpoints see it, whichever way it became known; a grant keeps a copy, so it survives JSON.
 * Except for preconfigured ones, a stranger chose everything but `id`: nothing in it is proof of anything.
 */
export interface Client {
  /** The `client_id`. Generated ones begin with `kmcp-`; a metadata document's is its https URL. */
  readonly id: string;
  /** For display only. Absent when the client gave none. */
  readonly name?: string;
  /** Already held to the rules of redirect-uri.ts; never empty. */
  readonly redirectUris: readonly string[];
  /** The client's home page: https, for display only. */
  readonly uri?: string;
  /** Refresh tokens are issued only if this names `refresh_token`. */
  readonly grantTypes: readonly GrantType[];
  readonly source: ClientSource;
  /** SHA-256 of the secret, base64url. On confidential clients alone, which are preconfigured and must use it. */
  readonly secretHash?: string;
}

export interface Clients {
  /**
   * For /authorize: may fetch a client-id metadata document.
   * @throws OAuthError with a text for the person in the browser if the document can't be had or used
   */
  resolveClient(clientId: string): Promise<Client | undefined>;
  /** For /token and /revoke: never fetches. A metadata-document client is not found here; its grant carries a copy. */
  knownClient(clientId: string): Promise<Client | undefined>;
}

export const hashSecret = (secret: string): string => createHash('sha256').update(secret).digest('base64url');

/** In constant time. False for a public client: it has no secret that could match (RFC 8252 §8.5). */
export const secretMatches = (client: Client, secret: string): boolean =>
  client.secretHash !== undefined && timingSafeEqual(Buffer.from(hashSecret(secret)), Buffer.from(client.secretHash));
