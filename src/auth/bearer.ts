import type { Principal } from '../access/session.ts';
import type { UserKey } from '../store/records.ts';
import type { TokenStore } from '../store/store.ts';
import { storedClaims } from './claims.ts';
import { resourceMetadataUrl } from './endpoints/metadata.ts';
import { errorDescription } from './oauth-error.ts';
import type { Rights } from './rights.ts';
import { formatScope, type Scope } from './scopes.ts';
import { looksLike } from './secret.ts';

/** Who is calling, by an access token. */
export interface Caller {
  readonly principal: Principal;
  readonly user: UserKey;
  /** The token's, which may be fewer than the grant's. */
  readonly scopes: readonly string[];
  readonly clientId: string;
  readonly grantId: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Why a request is not let in, as HTTP says it (RFC 6750 §3). */
export class BearerError extends Error {
  override readonly name = 'BearerError';
  readonly status: 401 | 403;
  /** The value of WWW-Authenticate. */
  readonly challenge: string;

  constructor(status: 401 | 403, message: string, challenge: string) {
    super(message);
    this.status = status;
    this.challenge = challenge;
  }
}

export interface Challenge {
  readonly error?: 'invalid_token' | 'insufficient_scope';
  readonly description?: string;
  readonly scopes: readonly Scope[];
}

export interface Bearer {
  /**
   * The caller of a request, from its Authorization header alone (OAuth 2.1 §5.1: never from the query or the body).
   * @throws BearerError 401 for whatever is no live token of ours for this resource, with `error` only if one was sent;
   *   PublicError `unavailable` if the store can't say: that is no 401
   */
  authenticate(authorization: string | undefined): Promise<Caller>;
  /** The value of WWW-Authenticate, with where to find the metadata (RFC 9728 §5.1) and which scopes to ask for. */
  challenge(what: Challenge): string;
}

/** The challenges of a server at this URL. */
export const bearerChallenge =
  (issuer: string) =>
  ({ error, description, scopes }: Challenge): string =>
    [
      `Bearer resource_metadata="${resourceMetadataUrl(issuer)}"`,
      `scope="${formatScope(scopes)}"`,
      ...(error ? [`error="${error}"`] : []),
      ...(description ? [`error_description="${errorDescription(description)}"`] : []),
    ].join(', ');

/** The refusals of one: 401, with `error` only if a token was sent, which the description is of. */
export const bearerRefusal =
  (challenge: Bearer['challenge'], defaultScopes: readonly Scope[]) =>
  (description?: string): BearerError =>
    new BearerError(
      401,
      description ?? 'sign in first',
      challenge({ scopes: defaultScopes, ...(description !== undefined && { error: 'invalid_token', description }) }),
    );

/** Callers by access tokens that this server issued. */
export const bearer = ({
  issuer,
  resource,
  defaultScopes,
  store,
  rights,
}: {
  issuer: string;
  resource: string;
  defaultScopes: readonly Scope[];
  store: Pick<TokenStore, 'findAccess'>;
  rights: Rights;
}): Bearer => {
  const challenge = bearerChallenge(issuer);

  const refused = bearerRefusal(challenge, defaultScopes);

  return {
    challenge,
    authenticate: async (authorization) => {
      const presented = authorization === undefined ? undefined : /^bearer +(\S.*)$/i.exec(authorization)?.[1];
      if (presented === undefined) throw refused();
      const access = looksLike('at', presented) ? await store.findAccess(presented) : undefined;
      if (!access || access.grant.resource !== resource) throw refused('the access token is not valid here, or no longer');
      const { grant, scopes, expiresAt } = access;
      const claims = storedClaims(grant.claims);
      return {
        principal: rights.principal(claims, `the identity provider ${claims.issuer}`),
        user: grant.user,
        scopes,
        clientId: grant.clientId,
        grantId: grant.id,
        expiresAt,
      };
    },
  };
};
