import { decodeJwt, type JWTPayload } from 'jose';
import * as client from 'openid-client';
import type { OidcConfig } from '../config.ts';
import type { Log } from '../log.ts';
import type { Preset } from '../settings.ts';
import { type Claims, complete, NotAdmitted, readClaims, type Said, sameUser } from './claims.ts';
import type { Clock } from './clock.ts';
import { checkClaims, createSignatures, KeysUnavailable, type Signatures } from './id-token.ts';
import { askFor, habitsOf, presetOf, refuseOpenTenancy } from './presets.ts';
import { inTime, type ProviderFetch, providerFetch, shared, within } from './provider-fetch.ts';

/** The provider gave no answer that can be used. It says nothing about the user: nobody is logged out for it. */
export class ProviderUnreachable extends Error {
  override readonly name = 'ProviderUnreachable';
  /** Whether the request may have reached the provider. */
  readonly maybeAnswered: boolean;

  constructor(message: string, maybeAnswered: boolean) {
    super(message);
    this.maybeAnswered = maybeAnswered;
  }
}

/** The provider's answer proves nothing (bad signature, other nonce, …) or was a refusal; `message` is for the log. */
export class ProviderRefused extends Error {
  override readonly name = 'ProviderRefused';
}

export interface SignIn {
  readonly claims: Claims;
  readonly refreshToken?: string;
  /** For the provider's own sign-out. */
  readonly idToken?: string;
  /** When the person last proved to the provider who they are, where it says so. Milliseconds since 1970. */
  readonly provedAt?: number;
}

/**
 * For whom the browser is sent to the provider. `client`: it may have a session there, and a refresh token is wanted; `account`: no refresh
 * token; `again`: nor does an old session count, the person must prove anew who they are.
 */
export type Asking = 'client' | 'account' | 'again';

/** What asking again at our refresh came to. */
export type Renewal =
  /** `claims` absent: the provider confirmed the session, but said nothing of roles. */
  | { readonly outcome: 'renewed'; readonly refreshToken?: string; readonly claims?: Claims }
  /** The provider ended the session, or vouches for somebody else, or the user may no longer sign in here. */
  | { readonly outcome: 'refused'; readonly detail: string }
  /** `refreshToken`: it rotated all the same, and that one is the good one now. */
  | { readonly outcome: 'unreachable'; readonly maybeAnswered: boolean; readonly refreshToken?: string; readonly detail: string };

/** The company's identity provider, as an OpenID Connect relying party sees it. */
export interface IdentityProvider {
  /** As OIDC_ISSUER_URL has it. It may call itself otherwise: with a slash more, or by the name of a tenant. */
  readonly issuer: string;
  readonly preset: Preset;
  /** Discovery has worked, and it answers: now, or a few seconds ago. @throws ProviderUnreachable with what to mend */
  ready(): Promise<void>;
  /** Where to send the browser; for a client unless told otherwise. @throws ProviderUnreachable */
  authorizationUrl(request: { redirectUri: string; state: string; nonce: string; verifier: string; ask?: Asking }): Promise<URL>;
  /**
   * Redeems the provider's code and reads who it is.
   * @param callback our redirect URI with the query that came back
   * @throws ProviderUnreachable, ProviderRefused, NotAdmitted
   */
  signIn(callback: URL, expected: { state: string; nonce: string; verifier: string }): Promise<SignIn>;
  /** Where to send the browser to end its session at the provider too; undefined if it has no such address, or can't be asked. */
  signOutUrl(request: { idToken?: string; returnTo: string }): Promise<URL | undefined>;
  /** Asks with the provider's refresh token whether `known` may still sign in, and with which roles. Takes no longer than any operation. */
  renew(refreshToken: string, known: Claims): Promise<Renewal>;
  /** Checks an access token that it issued for `audience`. @throws ProviderUnreachable; anything else: the token is not good */
  accessToken(jwt: string, audience: string): Promise<{ type: string | undefined; claims: JWTPayload }>;
}

const defaultLongestMs = 5000;
/** An answer this young need not be asked for again to know that there are any. */
const answeringMs = 5000;
const metadataMs = 3_600_000;
/** The provider's ways to say that only a new sign-in helps. Anything else is a fault of its or of our settings. */
const endings = ['invalid_grant', 'interaction_required', 'login_required', 'consent_required'];

interface Discovered {
  readonly configuration: client.Configuration;
  readonly signatures: Signatures;
}

/** @throws PublicError `misconfigured` for a multi-tenant issuer without OIDC_TENANTS */
export const createIdentityProvider = ({
  config,
  log,
  clock = Date.now,
  behindMs = () => 0,
  fetch: asked = providerFetch(config.ca),
}: {
  config: OidcConfig;
  log: Log;
  clock?: Clock;
  /** How far the clock of this host is behind the one that counts. */
  behindMs?: (() => number) | undefined;
  fetch?: ProviderFetch;
}): IdentityProvider => {
  refuseOpenTenancy(config);
  const preset = presetOf(config);
  const longestMs = config.timeoutMs ?? defaultLongestMs;
  const asking = askFor(config);
  const { fetch, answers } = listenTo(config, asked);
  const discovered = createDiscovery(config, fetch, log, clock, behindMs);

  const claimsOf = async (
    { configuration, signatures }: Discovered,
    tokens: client.TokenEndpointResponse & client.TokenEndpointResponseHelpers,
    known?: Claims,
  ): Promise<Claims | undefined> => {
    const idToken = tokens.claims();
    if (tokens.id_token !== undefined) await signatures.check(tokens.id_token);
    if (idToken) checkClaims(idToken, clock());
    const sub = idToken?.sub ?? known?.sub;
    if (sub === undefined) throw new ProviderRefused('no ID token');
    const said: { source: 'id_token' | 'userinfo' | 'access_token'; claims: Record<string, unknown> }[] = [];
    if (idToken) said.push({ source: 'id_token', claims: idToken });
    const lacking = () => !said.some(({ claims }) => complete(claims, config));
    const { userinfo_endpoint, issuer } = configuration.serverMetadata();
    if (lacking() && config.userinfo && habitsOf(preset).userinfo && userinfo_endpoint) {
      said.push({ source: 'userinfo', claims: await client.fetchUserInfo(configuration, tokens.access_token, sub) });
    }
    if (lacking() && config.accessTokenClaims && tokens.access_token.split('.').length === 3) {
      const { claims } = await signatures.accessToken(tokens.access_token, idToken?.iss ?? issuer);
      const party = claims.azp ?? claims.client_id ?? claims.cid;
      if (claims.sub !== sub || (party !== undefined && party !== config.clientId))
        throw new ProviderRefused('the access token is of others');
      said.push({ source: 'access_token', claims });
    }
    if (idToken) return readClaims(said, config, preset);
    return known && renewWithout(said, known);
  };

  /** Without an ID token the roles count as stated anew only if they came from somewhere else before. */
  const renewWithout = (said: Said, known: Claims): Claims | undefined => {
    const from = [known.roles.from, known.groups.from];
    if (from.includes('id_token') || !from.some((source) => source !== undefined) || said.length === 0) return undefined;
    const read = readClaims(
      [...said.map((one) => ({ ...one, claims: { ...one.claims, iss: known.issuer, sub: known.sub } }))],
      config,
      'other',
    );
    return { ...known, roles: read.roles, groups: read.groups };
  };

  return {
    issuer: config.issuer,
    preset,
    ready: () =>
      within(longestMs, async () => {
        await discovered();
        await answers();
      }).catch(refuse),
    authorizationUrl: ({ redirectUri, state, nonce, verifier, ask = 'client' }) =>
      within(longestMs, async () =>
        client.buildAuthorizationUrl((await discovered()).configuration, {
          ...asking[ask].parameters,
          response_type: 'code',
          scope: asking[ask].scope,
          redirect_uri: redirectUri,
          state,
          nonce,
          code_challenge: await client.calculatePKCECodeChallenge(verifier),
          code_challenge_method: 'S256',
        }),
      ).catch(refuse),
    signIn: (callback, { state, nonce, verifier }) =>
      within(longestMs, async () => {
        const provider = await discovered();
        const tokens = await client.authorizationCodeGrant(provider.configuration, callback, {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: verifier,
          idTokenExpected: true,
        });
        const claims = await claimsOf(provider, tokens);
        if (!claims) throw new ProviderRefused('no ID token');
        const provedAt = tokens.claims()?.auth_time;
        return {
          claims,
          refreshToken: tokens.refresh_token,
          idToken: tokens.id_token,
          ...(typeof provedAt === 'number' && { provedAt: provedAt * 1000 }),
        };
      }).catch(refuse),
    signOutUrl: ({ idToken, returnTo }) =>
      within(longestMs, async () => {
        const { configuration } = await discovered();
        if (!configuration.serverMetadata().end_session_endpoint) return undefined;
        return client.buildEndSessionUrl(configuration, {
          post_logout_redirect_uri: returnTo,
          ...(idToken !== undefined && { id_token_hint: idToken }),
        });
      }).catch(() => undefined),
    accessToken: (jwt, audience) =>
      within(longestMs, async () => {
        const { configuration, signatures } = await discovered();
        // Entra's issuer for many tenants is a pattern; which tenants may come is checked with the claims.
        const issuer = configuration.serverMetadata().issuer.replace('{tenantid}', String(decodeJwt(jwt).tid ?? ''));
        return signatures.accessToken(jwt, issuer, audience, new Date(Date.now() + behindMs()));
      }).catch(refuse),
    renew: async (refreshToken, known) => {
      let rotated: string | undefined;
      try {
        const claims = await within(
          longestMs,
          async () => {
            const provider = await discovered();
            const tokens = await client.refreshTokenGrant(provider.configuration, refreshToken);
            return claimsOf(provider, tokens, known);
          },
          (url, body) => {
            rotated ??= refreshTokenIn(body);
            log.trace({ url }, 'identity provider answered');
          },
        );
        if (claims && !sameUser(claims, known)) return { outcome: 'refused', detail: 'the identity provider answered for another user' };
        return { outcome: 'renewed', refreshToken: rotated, claims };
      } catch (error) {
        if (error instanceof NotAdmitted) return { outcome: 'refused', detail: error.message };
        if (error instanceof client.ResponseBodyError && endings.includes(error.error))
          return { outcome: 'refused', detail: describe(error) };
        return { outcome: 'unreachable', maybeAnswered: mayHaveAnswered(error), refreshToken: rotated, detail: describe(error) };
      }
    },
  };
};

const mayHaveAnswered = (error: unknown): boolean => (error instanceof ProviderUnreachable ? error.maybeAnswered : !neverSent(error));

/** A rotated refresh token is kept even if the rest of the answer can't be believed: the old one may be dead already. */
const refreshTokenIn = (body: string): string | undefined => {
  try {
    const answer: unknown = JSON.parse(body);
    const held = typeof answer === 'object' && answer !== null && 'access_token' in answer && 'refresh_token' in answer;
    return held && typeof answer.refresh_token === 'string' && answer.refresh_token !== '' ? answer.refresh_token : undefined;
  } catch {
    return undefined;
  }
};

/** The secret goes the way that the provider says it takes it; without one we are a public client. */
const authentication = ({ clientSecret }: OidcConfig): client.ClientAuth => {
  if (!clientSecret) return client.None();
  const [post, basic] = [client.ClientSecretPost(clientSecret), client.ClientSecretBasic(clientSecret)];
  return (server, ...rest) => {
    const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    return (methods.includes('client_secret_post') ? post : basic)(server, ...rest);
  };
};

/** Does it answer at all? Any answer shows that; it is asked for one only if there was none a moment ago. */
const listenTo = (config: OidcConfig, fetch: ProviderFetch): { fetch: ProviderFetch; answers: () => Promise<void> } => {
  let answeredAt = Number.NEGATIVE_INFINITY;
  let running: Promise<void> | undefined;
  const heard: ProviderFetch = async (...request) => {
    const response = await fetch(...request);
    if (response.status < 500) answeredAt = performance.now();
    return response;
  };
  const look = async (): Promise<void> => {
    const { status } = await heard(`${config.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
    if (status >= 500) throw new ProviderUnreachable(`the identity provider answers ${status}`, true);
  };
  const answers = async (): Promise<void> => {
    if (performance.now() - answeredAt < answeringMs) return;
    running ??= shared(look).finally(() => {
      running = undefined;
    });
    await inTime(running);
  };
  return { fetch: heard, answers };
};

/** The provider's metadata, kept for an hour and longer while it can't be had anew; one request at a time. */
const createDiscovery = (
  config: OidcConfig,
  fetch: ProviderFetch,
  log: Log,
  clock: Clock,
  behindMs: () => number,
): (() => Promise<Discovered>) => {
  let kept: { found: Discovered; until: number } | undefined;
  let running: Promise<Discovered> | undefined;
  const discover = async (): Promise<Discovered> => {
    const issuer = new URL(config.issuer);
    const options: client.DiscoveryRequestOptions = {
      [client.customFetch]: fetch as client.CustomFetch,
      timeout: (config.timeoutMs ?? defaultLongestMs) / 1000,
      execute: issuer.protocol === 'http:' ? [client.allowInsecureRequests] : [],
    };
    const times = { [client.clockTolerance]: 60, [client.clockSkew]: Math.round(behindMs() / 1000) };
    const configuration = await client.discovery(issuer, config.clientId, times, authentication(config), options);
    const { jwks_uri } = configuration.serverMetadata();
    if (!jwks_uri) throw new ProviderUnreachable('the identity provider publishes no keys (jwks_uri)', true);
    return { configuration, signatures: createSignatures(new URL(jwks_uri), fetch) };
  };
  return async () => {
    if (kept && kept.until > clock()) return kept.found;
    running ??= shared(discover).finally(() => {
      running = undefined;
    });
    try {
      const found = await inTime(running);
      kept = { found, until: clock() + metadataMs };
      return found;
    } catch (error) {
      log.warn({ issuer: config.issuer, reason: describe(error) }, 'discovery of the identity provider failed');
      // Nothing but its metadata has been asked for yet.
      if (!kept) throw new ProviderUnreachable(describe(error), false);
      kept = { ...kept, until: clock() + 60_000 };
      return kept.found;
    }
  };
};

const refuse = (error: unknown): never => {
  if (error instanceof NotAdmitted || error instanceof ProviderRefused || error instanceof ProviderUnreachable) throw error;
  if (error instanceof client.ResponseBodyError && error.status < 500 && error.status !== 429) throw new ProviderRefused(describe(error));
  if (isNetwork(error)) throw new ProviderUnreachable(describe(error), !neverSent(error));
  throw new ProviderRefused(describe(error));
};

const codeOf = (error: unknown): string => {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
};

/** Every cause of an error, outermost first. */
const causes = (error: unknown): unknown[] => (error instanceof Error ? [error, ...causes(error.cause)] : []);

const neverSent = (error: unknown): boolean =>
  causes(error).some((cause) => ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'].includes(codeOf(cause)));

const isNetwork = (error: unknown): boolean =>
  causes(error).some(
    (cause) =>
      cause instanceof KeysUnavailable ||
      (cause instanceof Error && (cause.name === 'TimeoutError' || cause.name === 'AbortError')) ||
      /^(E[A-Z]+|UND_ERR_.*|OAUTH_TIMEOUT|OAUTH_ABORT|OAUTH_RESPONSE_IS_NOT_CONFORM|ERR_JWKS_TIMEOUT)$/.test(codeOf(cause)) ||
      (cause instanceof client.ResponseBodyError && (cause.status >= 500 || cause.status === 429)) ||
      (cause instanceof TypeError && cause.message === 'fetch failed'),
  );

/** For the log: what failed, without the bodies that openid-client keeps with its errors, which hold tokens. */
const describe = (error: unknown): string => {
  if (error instanceof client.ResponseBodyError) return `${error.error} (${error.status}): ${error.error_description ?? ''}`.slice(0, 300);
  if (codeOf(error) === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED') return issuerMismatch(error);
  return causes(error)
    .map((cause) => `${codeOf(cause)} ${wordsOf(cause)}`.trim())
    .join(': ')
    .slice(0, 300);
};

/** A parser quotes what it could not read, which may be a token. */
const wordsOf = (cause: unknown): string => (cause instanceof SyntaxError ? 'no JSON' : cause instanceof Error ? cause.message : '');

const issuerMismatch = (error: unknown): string => {
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  const { expected, body } = (cause ?? {}) as { expected?: string; body?: { issuer?: string } };
  return `OIDC_ISSUER_URL is ${expected}, but the provider calls itself ${body?.issuer}: write it exactly so, and mind the trailing slash`;
};
