import { z } from 'zod';
import { PublicError } from '../../errors.ts';
import { OAuthError } from '../oauth-error.ts';
import { type Client, hashSecret } from './client.ts';
import { parseClientMetadata } from './metadata.ts';
import type { RedirectPolicy } from './redirect-uri.ts';

const entry = z
  .looseObject({
    client_id: z
      .string()
      .regex(/^[\x21-\x7e]{1,200}$/, 'use 1 to 200 visible ASCII characters')
      .refine((id) => !/^(https?:|kmcp-)/i.test(id), 'may not begin with https: or kmcp-, which mark other clients'),
    client_secret: z.string().min(32, 'use at least 32 random characters').max(500).optional(),
  })
  .array()
  .max(200);

/**
 * The clients that an administrator wrote down in KESTRA_MCP_CLIENTS: a JSON array in the words of RFC 7591, each with its
 * `client_id` and, if it can keep one, a `client_secret`, of which only the hash is kept. Without grant_types they get both.
 * @throws PublicError `misconfigured`, naming the client
 */
export const preconfiguredClients = (json: string | undefined, policy: RedirectPolicy): ReadonlyMap<string, Client> => {
  const clients = new Map<string, Client>();
  if (json === undefined) return clients;
  const parsed = entry.safeParse(parse(json));
  if (!parsed.success) {
    throw misconfigured(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '));
  }
  for (const { client_id: id, client_secret: secret, ...rest } of parsed.data) {
    if (clients.has(id)) throw misconfigured(`${id} is there twice`);
    const { authMethod: _, ...metadata } = held(id, { grant_types: ['authorization_code', 'refresh_token'], ...rest }, policy);
    clients.set(id, { id, ...metadata, source: 'preconfigured', ...(secret && { secretHash: hashSecret(secret) }) });
  }
  return clients;
};

const held = (id: string, metadata: unknown, policy: RedirectPolicy) => {
  try {
    return parseClientMetadata(metadata, policy);
  } catch (error) {
    if (error instanceof OAuthError) throw misconfigured(`${id}: ${error.message}`);
    throw error;
  }
};

const parse = (json: string): unknown => {
  try {
    return JSON.parse(json);
  } catch {
    throw misconfigured('write a JSON array of clients');
  }
};

const misconfigured = (text: string) => new PublicError('misconfigured', `KESTRA_MCP_CLIENTS: ${text}`);
