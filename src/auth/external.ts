import type { Config } from '../config.ts';
import type { RevocationStore } from '../store/store.ts';
import { type Bearer, type BearerError, bearerChallenge, bearerRefusal } from './bearer.ts';
import { NotAdmitted, readClaims, userKeyOf } from './claims.ts';
import type { Clock } from './clock.ts';
import { type IdentityProvider, ProviderUnreachable } from './oidc.ts';
import type { Rights } from './rights.ts';
import { scopes as everyScope, parseScope, type Scope } from './scopes.ts';

/**
 * Callers by access tokens that the identity provider itself issued for this server (RFC 9068): signature, issuer, audience, algorithm and
 * times are checked, ID tokens are refused, and a revoked user's tokens count only if they are newer than the revocation.
 */
export const externalBearer = ({
  config,
  provider,
  rights,
  store,
  defaultScopes,
  clock,
}: {
  config: Pick<Config, 'http' | 'oidc' | 'external'>;
  provider: IdentityProvider;
  rights: Rights;
  store: Pick<RevocationStore, 'notBefore'>;
  defaultScopes: readonly Scope[];
  clock: Clock;
}): Bearer => {
  const challenge = bearerChallenge(config.http.publicUrl);
  const refused = bearerRefusal(challenge, defaultScopes);

  return {
    challenge,
    authenticate: async (authorization) => {
      const token = authorization === undefined ? undefined : /^bearer +(\S+)$/i.exec(authorization)?.[1];
      if (token === undefined || !config.oidc || !config.external) throw refused();
      const { type, claims } = await provider.accessToken(token, config.external.audience).catch((thrown: unknown) => {
        if (thrown instanceof ProviderUnreachable) throw thrown;
        throw refused('the access token is not one of the identity provider for this server, or no longer valid');
      });
      if (claims.nonce !== undefined || claims.typ === 'ID' || (type !== undefined && !accessTokenTypes.includes(type))) {
        throw refused('this is not an access token');
      }
      if (typeof claims.iat !== 'number' || claims.iat * 1000 > clock() + toleranceMs) throw refused('the access token is from the future');
      const person = admitted(
        () => readClaims([{ source: 'access_token', claims }], config.oidc as NonNullable<typeof config.oidc>, provider.preset),
        refused,
      );
      const user = userKeyOf(person);
      const notBefore = await store.notBefore(user);
      if (notBefore !== undefined && claims.iat * 1000 < notBefore) throw refused('this sign-in was ended: sign in again');
      return {
        principal: rights.principal(person, `an access token of ${person.issuer}`),
        user,
        scopes: scopesOf(claims, config.external),
        clientId: firstText(claims.azp, claims.client_id, claims.cid, claims.appid) ?? 'unknown',
        grantId: '',
        expiresAt: (claims.exp ?? 0) * 1000,
      };
    },
  };
};

const toleranceMs = 60_000;
/** Those of RFC 9068 §2.1; many providers still send plain JWT. */
const accessTokenTypes = ['at+jwt', 'application/at+jwt', 'jwt', 'JWT'];

const admitted = <T>(read: () => T, refused: (description: string) => BearerError): T => {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof NotAdmitted) throw refused('people of this tenant or domain may not use this server');
    throw thrown;
  }
};

/** The provider's scopes in our words; `off`: the roles alone decide. */
const scopesOf = (claims: Readonly<Record<string, unknown>>, { scopes, scopeMap }: NonNullable<Config['external']>): readonly Scope[] => {
  if (!scopes) return everyScope;
  const said = [claims.scope, claims.scp].flatMap((value) =>
    Array.isArray(value) ? value : typeof value === 'string' ? value.split(' ') : [],
  );
  return parseScope(said.map((word) => scopeMap[String(word)] ?? String(word)).join(' '));
};

const firstText = (...values: readonly unknown[]): string | undefined => values.find((value): value is string => typeof value === 'string');
