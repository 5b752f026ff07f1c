import type { Principal } from '../access/session.ts';
import type { UserKey } from '../store/records.ts';
import type { TokenStore } from '../store/store.ts';
import { grantsOf, type Source, storedClaims, userKey } from './claims.ts';
import { resourceMetadataUrl } from './endpoints/metadata.ts';
import { errorDescription } from './oauth-error.ts';
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

const sources: Readonly<Record<Source, string>> = { id_token: 'the ID token', userinfo: 'userinfo', access_token: 'the access token' };

export const bearer = ({
  issuer,
  resource,
  defaultScopes,
  store,
}: {
  issuer: string;
  resource: string;
  defaultScopes: readonly Scope[];
  store: Pick<TokenStore, 'findAccess'>;
}): Bearer => {
  const challenge = ({ error, description, scopes }: Challenge): string =>
    [
      `Bearer resource_metadata="${resourceMetadataUrl(issuer)}"`,
      `scope="${formatScope(scopes)}"`,
      ...(error ? [`error="${error}"`] : []),
      ...(description ? [`error_description="${errorDescription(description)}"`] : []),
    ].join(', ');

  const refused = (description?: string) =>
    new BearerError(
      401,
      description ?? 'sign in first',
      challenge({ scopes: defaultScopes, ...(description !== undefined && { error: 'invalid_token', description }) }),
    );

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
        principal: {
          key: userKey(grant.user),
          name: claims.name ?? claims.email ?? claims.subject,
          signedInBy: `the identity provider ${grant.user.issuer}`,
          roles: claims.roles.values.map((name) => ({ name, from: sources[claims.roles.from ?? 'id_token'] })),
          grants: grantsOf(claims),
        },
        user: grant.user,
        scopes,
        clientId: grant.clientId,
        grantId: grant.id,
        expiresAt,
      };
    },
  };
};
