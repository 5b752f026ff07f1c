import type { Request } from 'express';
import { type Client, type Clients, secretMatches } from './clients/client.ts';
import { isDocumentUrl } from './clients/metadata-document.ts';
import { addressOf, type Limits } from './limits.ts';
import { OAuthError } from './oauth-error.ts';
import { needed, type Parameters } from './parameters.ts';

/** Who asks at /token or /revoke. A metadata-document client is known by its id alone: its grant holds the rest. */
export type AuthenticatedClient = Pick<Client, 'id'> & Partial<Pick<Client, 'grantTypes'>>;

interface Presented {
  readonly id: string;
  readonly secret?: string;
  readonly basic: boolean;
}

const refused = ({ basic }: Presented) =>
  new OAuthError('invalid_client', 'the client is unknown or did not prove who it is', {
    status: 401,
    headers: basic ? { 'WWW-Authenticate': 'Basic realm="kestra-mcp", charset="UTF-8"' } : {},
  });

/**
 * Authenticates the client of a request (RFC 6749 §2.3): confidential clients by their secret, in the header or the body but not both;
 * public ones by their id, and never by a secret.
 * @throws OAuthError `invalid_client` 401, `invalid_request`, or 429 after too many wrong secrets
 */
export const authenticateClient = async (
  request: Request,
  from: Parameters,
  { clients, limits }: { clients: Clients; limits: Limits },
): Promise<AuthenticatedClient> => {
  const presented = credentials(request, from);
  const { id, secret, basic } = presented;
  if (isDocumentUrl(id)) {
    if (secret !== undefined || basic) throw refused(presented);
    return { id };
  }
  const counted = secret === undefined ? undefined : await limits.take('guess', addressOf(request), id);
  const client = await clients.knownClient(id);
  const proven = client?.secretHash === undefined ? secret === undefined && !basic : secret !== undefined && secretMatches(client, secret);
  if (!client || !proven) throw refused(presented);
  await limits.giveBack(counted);
  return client;
};

const credentials = (request: Request, from: Parameters): Presented => {
  const { authorization } = request.headers;
  if (authorization === undefined) return { id: needed(from, 'client_id'), secret: from.get('client_secret'), basic: false };
  if (from.has('client_secret')) throw new OAuthError('invalid_request', 'the client authenticated in two ways: use one');
  const presented = decodeBasic(authorization);
  const id = from.get('client_id');
  if (id !== undefined && id !== presented.id)
    throw new OAuthError('invalid_request', 'the client_id differs from the Authorization header');
  return presented;
};

/** RFC 6749 §2.3.1: both parts are form-encoded before they are joined. */
const decodeBasic = (authorization: string): Presented => {
  const [, encoded] = /^basic +([A-Za-z0-9+/_-]+={0,2})$/i.exec(authorization) ?? [];
  const [, id, secret] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded ?? '', 'base64').toString('utf8')) ?? [];
  const malformed = { id: '', basic: true };
  if (!id || !secret) throw refused(malformed);
  try {
    return { id: decodeForm(id), secret: decodeForm(secret), basic: true };
  } catch {
    throw refused(malformed);
  }
};

const decodeForm = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '));
