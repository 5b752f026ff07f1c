import type { Client, Clients } from './clients/client.ts';
import { matchRedirectUri } from './clients/redirect-uri.ts';
import { OAuthError } from './oauth-error.ts';
import { needed, type Parameters } from './parameters.ts';
import { askedResource } from './resource.ts';
import { parseScope, type Scope } from './scopes.ts';

/** An authorization request that may be shown to a person. */
export interface AuthorizationRequest {
  readonly client: Client;
  readonly redirectUri: string;
  readonly codeChallenge: string;
  readonly resource: string;
  readonly scopes: readonly Scope[];
  readonly state?: string;
}

const longestState = 4096;

/**
 * Holds an authorization request to OAuth 2.1 §4.1.1, RFC 7636 (S256 only) and RFC 8707. Asked at the consent page and again at the
 * approval, since a client may be gone by then.
 * @throws OAuthError; whatever it is, it is shown here and nobody is redirected (RFC 9700 §4.11.2)
 */
export const checkAuthorizationRequest = async (
  from: Parameters,
  { issuer, resource, defaultScopes, clients }: { issuer: string; resource: string; defaultScopes: readonly Scope[]; clients: Clients },
): Promise<AuthorizationRequest> => {
  const client = await knownClient(from, clients);
  const redirectUri = registeredRedirectUri(from, client, issuer);
  responseTypeIsCode(from);
  responseModeIsQuery(from);
  const codeChallenge = s256Challenge(from);
  const target = askedResource(from, resource) ?? resource;
  const scopes = askedScopes(from, defaultScopes);
  const state = boundedState(from);
  return { client, redirectUri, codeChallenge, resource: target, scopes, ...(state !== undefined && { state }) };
};

const knownClient = async (from: Parameters, clients: Clients): Promise<Client> => {
  const client = await clients.resolveClient(needed(from, 'client_id'));
  if (!client) {
    throw new OAuthError('invalid_client', 'this application is not registered here: remove the connection in it and connect again');
  }
  return client;
};

const registeredRedirectUri = (from: Parameters, client: Client, issuer: string): string => {
  const uri = needed(from, 'redirect_uri');
  if (!matchRedirectUri(client, uri, new URL(issuer).origin)) {
    throw new OAuthError('invalid_request', 'the address to return to (redirect_uri) is not one that the application registered');
  }
  return uri;
};

const responseTypeIsCode = (from: Parameters): void => {
  if (needed(from, 'response_type') !== 'code') throw new OAuthError('unsupported_response_type', 'response_type must be code');
};

const responseModeIsQuery = (from: Parameters): void => {
  if ((from.get('response_mode') ?? 'query') !== 'query') throw new OAuthError('invalid_request', 'response_mode must be query');
};

const s256Challenge = (from: Parameters): string => {
  const challenge = needed(from, 'code_challenge');
  if (from.get('code_challenge_method') !== 'S256') throw new OAuthError('invalid_request', 'code_challenge_method must be S256');
  if (!/^[A-Za-z0-9_-]{43}$/.test(challenge))
    throw new OAuthError('invalid_request', 'code_challenge must have 43 characters of base64url');
  return challenge;
};

const askedScopes = (from: Parameters, defaults: readonly Scope[]): readonly Scope[] => {
  const asked = from.get('scope');
  if (asked === undefined) return defaults;
  const known = parseScope(asked);
  if (known.length === 0) throw new OAuthError('invalid_scope', 'none of the scopes asked for exists here');
  return known;
};

const boundedState = (from: Parameters): string | undefined => {
  const state = from.get('state');
  if (state !== undefined && state.length > longestState) throw new OAuthError('invalid_request', 'state is too long');
  return state;
};
