import { z } from 'zod';
import { visible } from '../display.ts';
import { OAuthError } from '../oauth-error.ts';
import { type Client, type GrantType, grantTypes } from './client.ts';
import { type RedirectPolicy, redirectUriProblem, withoutLoopbackPort } from './redirect-uri.ts';

const mostRedirectUris = 20;
const longestName = 200;

/** Some clients write null or an empty text where they mean nothing. */
const omissible = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess((value) => (value === null || value === '' ? undefined : value), schema.optional());

const httpsUri = omissible(
  z
    .string()
    .max(2000, 'is longer than 2000 characters')
    .regex(/^https:\/\/[\x21-\x7e]+$/, 'must be an https URL')
    .refine((uri) => URL.canParse(uri) && !new URL(uri).username && !/["<>\\^`{|}]/.test(uri), 'must be an https URL'),
);
const words = (most: number) => z.array(z.string().max(200, 'has an entry that is too long')).max(most, `has more than ${most} entries`);

/** The members of RFC 7591 §2 that mean something here, and the links that others might show: those are checked and never fetched. */
const clientMetadata = z.object({
  redirect_uris: z
    .array(z.string())
    .min(1, 'needs at least one redirect URI')
    .max(mostRedirectUris, `has more than ${mostRedirectUris} entries`),
  client_name: omissible(z.string().max(longestName, `is longer than ${longestName} characters`)),
  client_uri: httpsUri,
  logo_uri: httpsUri,
  policy_uri: httpsUri,
  tos_uri: httpsUri,
  jwks_uri: httpsUri,
  grant_types: omissible(words(20)),
  response_types: omissible(words(20)),
  token_endpoint_auth_method: omissible(z.string().max(200, 'is too long')),
});

/** What a client said of itself, as far as it counts here. */
export interface ClientMetadata extends Pick<Client, 'name' | 'uri' | 'redirectUris' | 'grantTypes'> {
  /** What it asked for; the answer decides. */
  readonly authMethod?: string;
}

/**
 * Client metadata held to our rules: unknown members are ignored, grant types narrowed to ours.
 * @throws OAuthError `invalid_redirect_uri` or `invalid_client_metadata` (RFC 7591 §3.2.2)
 */
export const parseClientMetadata = (input: unknown, policy: RedirectPolicy): ClientMetadata => {
  const parsed = clientMetadata.safeParse(input);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const member = String(issue?.path[0] ?? 'the client metadata');
    const reason = issue?.code === 'invalid_type' ? 'is missing or of the wrong type' : issue?.message;
    throw new OAuthError(member === 'redirect_uris' ? 'invalid_redirect_uri' : 'invalid_client_metadata', `${member} ${reason}`);
  }
  const { redirect_uris, client_name, client_uri, grant_types, response_types, token_endpoint_auth_method } = parsed.data;
  for (const uri of redirect_uris) {
    const problem = redirectUriProblem(uri, policy);
    if (problem) throw new OAuthError('invalid_redirect_uri', `redirect URI ${shorten(uri)} ${problem}`);
  }
  if (response_types && !response_types.includes('code')) {
    throw new OAuthError('invalid_client_metadata', 'response_types must have code: nothing else is supported');
  }
  const name = visible(client_name ?? '');
  return {
    ...(name && { name }),
    ...(client_uri && { uri: client_uri }),
    redirectUris: redirect_uris,
    grantTypes: narrowGrantTypes(grant_types),
    ...(token_endpoint_auth_method && { authMethod: token_endpoint_auth_method }),
  };
};

/** Absent means authorization_code alone (RFC 7591 §2). */
const narrowGrantTypes = (asked: readonly string[] = ['authorization_code']): GrantType[] => {
  const narrowed = grantTypes.filter((type) => asked.includes(type));
  if (!narrowed.includes('authorization_code')) {
    throw new OAuthError('invalid_client_metadata', 'grant_types must have authorization_code: only it and refresh_token are supported');
  }
  return narrowed;
};

/**
 * The redirect URIs as they are kept: without loopback ports, which mean nothing and change with every start of a native program,
 * and in an order of their own. So a program that registers anew each time is one client.
 */
export const canonicalRedirectUris = (uris: readonly string[]): string[] => [...new Set(uris.map(withoutLoopbackPort))].sort();

const shorten = (uri: string): string => (uri.length > 100 ? `${uri.slice(0, 100)}...` : uri);
