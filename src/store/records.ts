/** What goes into the store and comes out of it. Every time is in milliseconds: an instant since 1970, or a length where named …Ms. */

/** Who somebody is: the provider's issuer and its stable subject (for Entra the tenant and the object id). Never the e-mail. */
export interface UserKey {
  readonly issuer: string;
  readonly subject: string;
}

/** For people to read; it decides nothing. */
export interface Display {
  readonly name?: string;
  readonly email?: string;
}

/** Any JSON object; kept as it is. */
export type Json = Readonly<Record<string, unknown>>;

/** Where a request came from, for the audit row that is written in the same transaction as what it did. */
export interface Origin {
  readonly address?: string;
  readonly requestId?: string;
}

/** A dynamically registered client (RFC 7591). Pre-registered ones are configuration, metadata documents are fetched: neither is here. */
export interface RegisteredClient {
  readonly clientId: string;
  readonly metadata: Json;
  readonly registeredAt: number;
}

export type Registration =
  | { readonly outcome: 'registered' | 'known'; readonly client: RegisteredClient }
  /** The table is full of clients that have live grants. */
  | { readonly outcome: 'full' };

/** What a client asked for and a person approved. */
export interface ClientRequest {
  readonly kind: 'client';
  readonly clientId: string;
  /** The client's metadata as shown on the consent page; the grant keeps it, so that /token and /revoke never fetch. */
  readonly client: Json;
  readonly redirectUri: string;
  /** The client's `state`, returned unchanged. */
  readonly state?: string;
  /** RFC 7636, S256. */
  readonly codeChallenge: string;
  /** RFC 8707. */
  readonly resource: string;
  /** As approved. */
  readonly scopes: readonly string[];
  /** Whether the client registered the refresh_token grant; without it no refresh token is ever issued. */
  readonly refreshable: boolean;
}

/** A sign-in at the account page. */
export interface AccountRequest {
  readonly kind: 'account';
  /** A path on this server. */
  readonly returnTo: string;
  /** Who is signed in already and is asked to prove it anew: nobody else is taken for the answer. */
  readonly expectedUser?: UserKey;
  /** Whether the provider was told to ask, whatever session it has. */
  readonly again?: boolean;
}

/** A sign-in on its way to the provider. */
export interface NewSignIn {
  /** Random, one for each rendered form: a form that is sent twice begins one sign-in. Public: it names the browser's cookie. */
  readonly id: string;
  /** The value of that cookie. */
  readonly browser: string;
  /** What goes to the provider: `state`, `nonce` and the PKCE verifier. */
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly request: ClientRequest | AccountRequest;
  /** What was counted for it, to be taken back when it has turned out well: kept with it, as that may happen in another process. */
  readonly counted?: readonly Counted[];
}

/** A count in the window of a key: what `uncount` takes back. */
export interface Counted {
  readonly key: string;
  readonly endsAt: number;
}

export type TakenSignIn =
  | {
      readonly outcome: 'taken';
      readonly id: string;
      readonly nonce: string;
      readonly verifier: string;
      readonly request: ClientRequest | AccountRequest;
      readonly counted?: readonly Counted[];
    }
  /** No such state (or it was swept). */
  | { readonly outcome: 'unknown' | 'expired' | 'used' }
  /** The cookie is missing or another's: nothing was consumed. */
  | { readonly outcome: 'other_browser' };

/** Who came back from the provider. */
export interface SignedIn {
  readonly signInId: string;
  readonly user: UserKey;
  readonly display: Display;
  /** What the provider said of them; permissions are derived from it at each call, never stored. */
  readonly claims: Json;
}

export type EndReason =
  | 'client_revoked'
  | 'user_revoked'
  | 'administrator_revoked'
  | 'code_reused'
  | 'refresh_reused'
  | 'provider_refused'
  | 'provider_rotation_lost'
  /** Refreshed as somebody else, or the tenant or domain is no longer allowed. */
  | 'not_admitted'
  /** The provider confirms the session, but has not stated the roles for longer than they may be old. */
  | 'claims_expired'
  /** The user has more grants than the limit; this was the one used least recently. */
  | 'superseded';

/** One person's approval of one client: the family of all its tokens. */
export interface Grant {
  readonly id: string;
  readonly user: UserKey;
  readonly display: Display;
  readonly claims: Json;
  /** When the provider last stated the claims. */
  readonly claimsCheckedAt: number;
  /** When the provider last answered at all: without an ID token it confirms the session, not the roles. */
  readonly providerCheckedAt: number;
  readonly clientId: string;
  readonly client: Json;
  readonly redirectUri: string;
  readonly resource: string;
  readonly scopes: readonly string[];
  readonly refreshable: boolean;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  /** The absolute end, which no refresh moves. */
  readonly endsAt: number;
  /** Whether a refresh token of the provider is kept. */
  readonly renewable: boolean;
}

/** The token response: the same object, field for field, for the winner and for every replay. */
export interface TokenAnswer {
  readonly accessToken: string;
  readonly refreshToken?: string;
  readonly expiresInSeconds: number;
  readonly scopes: readonly string[];
}

/** Fresh random tokens, made by the caller (32 random bytes and a type prefix); the store keeps their SHA-256. */
export interface NewTokens {
  readonly accessToken: string;
  /** Dropped by `redeemCode` if the grant is not `refreshable`. */
  readonly refreshToken?: string;
}

export interface CodeRedemption {
  readonly code: string;
  readonly clientId: string;
  /** As sent; OAuth 2.1 lets a client leave it out. */
  readonly redirectUri?: string;
  /** As sent; absent: the resource of the grant. */
  readonly resource?: string;
  /** BASE64URL(SHA256(code_verifier)). */
  readonly challenge: string;
  readonly tokens: NewTokens;
}

export type Redeemed =
  | { readonly outcome: 'redeemed'; readonly grant: Grant; readonly answer: TokenAnswer }
  | { readonly outcome: 'unknown' | 'expired' }
  /** Nothing was consumed. */
  | { readonly outcome: 'other_client' | 'redirect_mismatch' | 'resource_mismatch' }
  /** One more failed guess; `dead` when it was the last one allowed. */
  | { readonly outcome: 'wrong_verifier'; readonly dead: boolean }
  /** A second right use: this call has revoked the grant, with the winner's tokens. */
  | { readonly outcome: 'reused'; readonly grantId: string; readonly user: UserKey }
  | { readonly outcome: 'grant_over'; readonly reason: EndReason | 'expired' };

export interface RefreshRequest {
  readonly refreshToken: string;
  readonly clientId: string;
  /** As sent; absent: all of the grant. */
  readonly scopes?: readonly string[];
  /** As sent; absent: the resource of the grant. */
  readonly resource?: string;
}

/** What a refresh can come to without a new pair being issued by this call. */
export type RefreshRefusal =
  /** The lost answer of the winner, byte for byte. */
  | { readonly outcome: 'replay'; readonly grant: Grant; readonly answer: TokenAnswer }
  | { readonly outcome: 'unknown' | 'expired' }
  /** Nothing was consumed. */
  | { readonly outcome: 'other_client' | 'scope_exceeded' | 'resource_mismatch' }
  /** A used token came back and it was no replay: this call has revoked the grant. */
  | { readonly outcome: 'reused'; readonly grantId: string; readonly user: UserKey }
  | { readonly outcome: 'grant_over'; readonly reason: EndReason | 'expired' };

/** The right to ask the provider about one grant, until the deadline. */
export interface Lease {
  readonly grantId: string;
  readonly owner: string;
  /** Which of the provider's refresh tokens was handed out with it; a newer one makes the lease worthless. */
  readonly generation: number;
  readonly deadline: number;
}

export type RefreshStart =
  | RefreshRefusal
  /** The claims are young, or no readable refresh token of the provider is kept (`grant.renewable` is false): rotate, if the claims' age allows it. */
  | { readonly outcome: 'rotate'; readonly grant: Grant }
  | { readonly outcome: 'ask'; readonly grant: Grant; readonly lease: Lease; readonly providerRefreshToken: string }
  /** Somebody else is asking: begin again after this time (at most 200), or answer 503 with Retry-After. */
  | { readonly outcome: 'wait'; readonly retryAfterMs: number };

export interface ProviderAnswer {
  /** Absent: the provider did not rotate; the old one stays. */
  readonly refreshToken?: string;
  /** Absent: no ID token and no userinfo came, so the roles are as old as before. */
  readonly claims?: Json;
  readonly display?: Display;
}

export type Rotation = RefreshRefusal | { readonly outcome: 'rotated'; readonly grant: Grant; readonly answer: TokenAnswer };

/** A live access token, with the scopes it was narrowed to. */
export interface Access {
  readonly grant: Grant;
  readonly scopes: readonly string[];
  readonly expiresAt: number;
}

/** One user of one Kestra. */
export interface VaultKey {
  readonly user: UserKey;
  /** `KESTRA_MCP_INSTANCE` or Kestra's URL. */
  readonly instance: string;
}

export interface CredentialRow extends VaultKey {
  readonly display: Display;
  /** The public half, in clear: a user name, a token's last four characters… whatever a page may show. */
  readonly hint?: string;
  readonly storedAt: number;
}

export type StoredCredential =
  | (CredentialRow & { readonly outcome: 'found'; readonly secret: string })
  | { readonly outcome: 'none' }
  /** Sealed with a key that is not in the ring, or not sealed for this user and instance: ask for it again. */
  | { readonly outcome: 'unreadable' };

export interface AccountSession {
  readonly user: UserKey;
  readonly display: Display;
  readonly claims: Json;
  /** When the person last proved who they are: a change needs a fresh one. */
  readonly signedInAt: number;
  /** For the provider's own sign-out. */
  readonly idToken?: string;
}

export interface KnownUser extends Display {
  readonly user: UserKey;
  readonly firstSeenAt: number;
  readonly lastSeenAt: number;
  readonly liveGrants: number;
  /** Instances that they have a credential for. */
  readonly credentials: readonly string[];
}

export interface AuditEvent {
  readonly kind: string;
  readonly user?: UserKey;
  readonly clientId?: string;
  readonly grantId?: string;
  /** No secrets. */
  readonly detail?: Json;
}

export interface AuditRow extends AuditEvent, Origin {
  /** Ascending; of two that are written at the same time by different processes either may be first. */
  readonly id: number;
  readonly at: number;
}

export interface Allowance {
  readonly allowed: boolean;
  readonly remaining: number;
  /** Until the window ends; 0 when allowed. */
  readonly retryAfterMs: number;
  /** When the window ends, by the store's clock. */
  readonly endsAt: number;
}

/** How many rows each encryption key seals; `name` is the label in the ring, absent when the ring lacks the key. */
export interface KeyUse {
  readonly keyId: string;
  readonly name?: string;
  readonly rows: number;
}
