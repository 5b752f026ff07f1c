import { compactVerify, createRemoteJWKSet, customFetch, type JWTPayload, jwtVerify } from 'jose';
import { inTime, type ProviderFetch, shared } from './provider-fetch.ts';

/** Asymmetric ones only: a shared secret or `none` proves nothing (RFC 8725 §3.1). */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
const tolerance = 60;

/** The provider does not give its keys just now: nothing can be said of a token. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable';
}

/** Checks signatures by the provider's published keys, which are fetched seldom whatever key ids come in. */
export interface Signatures {
  /** @throws if the signature is not the provider's, or the keys can't be had */
  check(jwt: string): Promise<void>;
  /** An access token that is a JWT of this issuer, for the audience if one is named, unexpired and signed. */
  accessToken(jwt: string, issuer: string, audience?: string, now?: Date): Promise<{ type: string | undefined; claims: JWTPayload }>;
}

/**
 * The keys at `jwksUri`: kept for ten minutes, fetched again for an unknown key id at most every two seconds (whoever sends made-up
 * ones causes no flood), and kept beyond that while the provider does not answer.
 */
export const createSignatures = (jwksUri: URL, fetch: ProviderFetch): Signatures => {
  let lastGood: string | undefined;
  const keys = createRemoteJWKSet(jwksUri, {
    cacheMaxAge: 600_000,
    cooldownDuration: 2000,
    timeoutDuration: 3000,
    [customFetch]: async (url, options) => {
      try {
        const answer = await shared(() => fetch(url, options));
        const body = await answer.text();
        if (answer.status === 200 && isKeySet(body)) lastGood = body;
      } catch (error) {
        if (lastGood === undefined) throw error;
      }
      if (lastGood === undefined) throw new KeysUnavailable('the keys of the identity provider cannot be read');
      return new Response(lastGood, { status: 200 });
    },
  });
  return {
    check: async (jwt) => {
      await inTime(compactVerify(jwt, keys, { algorithms }));
    },
    accessToken: async (jwt, issuer, audience, now = new Date()) => {
      const required = audience === undefined ? {} : { audience, requiredClaims: ['exp'] };
      const { protectedHeader, payload } = await inTime(
        jwtVerify(jwt, keys, { algorithms, issuer, clockTolerance: tolerance, currentDate: now, ...required }),
      );
      return { type: protectedHeader.typ, claims: payload };
    },
  };
};

const isKeySet = (body: string): boolean => {
  try {
    const set: unknown = JSON.parse(body);
    return typeof set === 'object' && set !== null && 'keys' in set && Array.isArray(set.keys);
  } catch {
    return false;
  }
};

/**
 * What openid-client leaves unchecked.
 * @param now milliseconds since 1970
 * @throws Error naming the claim
 */
export const checkClaims = (claims: Readonly<Record<string, unknown>>, now: number): void => {
  if (typeof claims.iat !== 'number' || claims.iat * 1000 > now + tolerance * 1000)
    throw new Error('the ID token is from the future (iat)');
  if (typeof claims.sub !== 'string' || claims.sub === '') throw new Error('the ID token has no subject (sub)');
};
