import type {
  Access,
  AccountSession,
  Allowance,
  AuditEvent,
  AuditRow,
  CodeRedemption,
  CredentialRow,
  Display,
  EndReason,
  Grant,
  Json,
  KeyUse,
  KnownUser,
  Lease,
  NewSignIn,
  NewTokens,
  Origin,
  ProviderAnswer,
  Redeemed,
  RefreshRequest,
  RefreshStart,
  RegisteredClient,
  Registration,
  Rotation,
  SignedIn,
  StoredCredential,
  TakenSignIn,
  UserKey,
  VaultKey,
} from './records.ts';

/**
 * Everything this server remembers, as operations. The division of labour:
 *
 * - **The caller** makes every secret (32 random bytes or more, with its type prefix), parses the request, and turns outcomes into
 *   OAuth errors. It hands secrets over in clear and never sees a hash.
 * - **The store** hashes (SHA-256) or seals (AES-256-GCM) before anything is written, decides races, owns the clock, and writes the
 *   audit row of what it did in the same transaction. No operation needs a second one to be safe.
 *
 * Each operation is one transaction: it happened as a whole, durably, before its promise resolves, or nothing happened. Outcomes that
 * a client or an attacker can cause are values; only these are thrown: `unavailable` (locked too long, disk full, read-only, closed,
 * another host has the file: answer 503 with Retry-After, log nobody out) and `internal` (a defect).
 */
export interface Store
  extends ClientStore,
    SignInStore,
    TokenStore,
    RefreshStore,
    RevocationStore,
    CredentialStore,
    AccountStore,
    RecordStore,
    UpkeepStore {}

/** Dynamic registration (RFC 7591). */
export interface ClientStore {
  /**
   * One client for each distinct metadata (key order does not matter, array order does): the same again gives the first client_id and
   * no new row. `clientId` is a proposal. At the limit the client that was used least recently makes room, never-used ones first;
   * one with a live grant is never evicted.
   */
  registerClient(proposal: { clientId: string; metadata: Json }): Promise<Registration>;
  findClient(clientId: string): Promise<RegisteredClient | undefined>;
}

/** From the click on "approve" to the code. The consent page itself stores nothing, so looking at it costs no row. */
export interface SignInStore {
  /** False: this id has begun already (the form was sent twice) and nothing changed. At the limit the oldest sign-in makes room. */
  beginSignIn(signIn: NewSignIn): Promise<boolean>;
  /**
   * The callback's one use of `state`. Of any number of callers one gets `taken`; a wrong `browser` consumes nothing. Take it for the
   * provider's errors too.
   */
  takeSignIn(callback: { state: string; browser: string | undefined }): Promise<TakenSignIn>;
  /**
   * Turns a taken client sign-in into a grant with one code. Undefined: this sign-in was completed before, was never taken, is no
   * client's, or is gone: show an error, issue nothing. Audit: `consent` (at the time of approval) and `sign_in`.
   */
  completeSignIn(
    signedIn: SignedIn & {
      /** A fresh authorization code. */
      code: string;
      /** Kept sealed with the grant. */
      providerRefreshToken?: string;
      /** The grant ends by then at the latest: the provider's session, or the claims' greatest age when they can't be renewed. */
      endsWithinMs?: number;
    },
    origin: Origin,
  ): Promise<Grant | undefined>;
}

/** The authorization code and the access token. */
export interface TokenStore {
  /**
   * One winner among any number of parallel calls. Checked in this order, before anything changes: code known and young, client,
   * redirect, resource, verifier. `wrong_verifier` counts; the fifth kills the code and the grant was never live. A code that was used
   * is recognised as long as its grant exists: with the right client, redirect and verifier that revokes the grant (audit
   * `code_reused`), without them nothing happens to it.
   */
  redeemCode(redemption: CodeRedemption, origin: Origin): Promise<Redeemed>;
  /** Undefined for whatever is not a live token of a live grant. Reads only, and is cheap: it runs at every call. */
  findAccess(accessToken: string): Promise<Access | undefined>;
}

/**
 * Refreshing: `beginRefresh` → (`ask`: the provider, then `commitProviderAnswer`, `providerRefused` or `leaveProvider`) →
 * `rotateRefresh`. No lock is held between the calls; each decides again on what is there then.
 */
export interface RefreshStore {
  /**
   * Checks everything that `rotateRefresh` does and consumes nothing. `ask` takes the grant's lease for `owner` (random, one for each
   * request) until its deadline; a lease past its deadline is free. `rotate` when the claims are younger than `claimsFreshMs`.
   */
  beginRefresh(request: RefreshRequest, ask: { owner: string; claimsFreshMs: number }, origin: Origin): Promise<RefreshStart>;
  /**
   * The provider answered: its new refresh token and claims are kept, in a transaction of their own, and the lease is given back.
   * Works past the deadline too. False: a newer answer is there already, and this one was dropped; begin again.
   */
  commitProviderAnswer(lease: Lease, answer: ProviderAnswer): Promise<boolean>;
  /**
   * The provider said invalid_grant: the grant ends as `provider_refused`, or as `provider_rotation_lost` if an earlier asker vanished
   * without committing its answer. Undefined: a newer answer is there, so the refusal meant an old token; begin again.
   */
  providerRefused(lease: Lease, origin: Origin): Promise<EndReason | undefined>;
  /** No answer: the lease is given back. `maybeAnswered`: the request had been sent, so the provider may have rotated. */
  leaveProvider(lease: Lease, maybeAnswered: boolean): Promise<void>;
  /**
   * Compare-and-swap: one caller gets `rotated`. The old token is used from then on; coming back within the replay window, from the
   * same client for the same scopes and resource, while the successor is unused and the grant alive, it gets the same answer (audit
   * `refresh_replayed`), after a restart too: that answer is sealed with a key that only the old token gives, and erased when the
   * window ends or the successor is used. Any other return of a used token revokes the grant (audit `refresh_reused`).
   * A mismatch of client, scopes or resource on an unused token consumes nothing.
   */
  rotateRefresh(request: RefreshRequest, tokens: Required<NewTokens>, origin: Origin): Promise<Rotation>;
}

/** Taking back. In effect for every later operation, of every process, as soon as the promise resolves. */
export interface RevocationStore {
  /**
   * RFC 7009, of a known client: a refresh token (used or not) ends its grant, an access token ends alone. Undefined: not a token of
   * this client; nothing changed.
   */
  revokeToken(token: string, clientId: string, origin: Origin): Promise<{ grantId: string; user: UserKey } | undefined>;
  /** False: that user has no such live grant. */
  revokeGrant(user: UserKey, grantId: string, reason: EndReason, origin: Origin): Promise<boolean>;
  /** Every grant and account session of a user, and a not-before for tokens that others issue. Returns how many grants ended. */
  revokeUser(user: UserKey, reason: EndReason, origin: Origin): Promise<number>;
  /** Tokens of this user that were issued before this instant don't count (mode external holds it against `iat`). */
  notBefore(user: UserKey): Promise<number | undefined>;
  /** Live grants that have been redeemed, the one used last first. */
  listGrants(user: UserKey): Promise<readonly Grant[]>;
}

/** Kestra credentials: sealed, bound to user and instance. A row moved to another user does not open. */
export interface CredentialStore {
  /** Replaces. The user's row is made if need be (add-token before the first sign-in). */
  putCredential(key: VaultKey, credential: { secret: string; hint?: string; display?: Display }, origin: Origin): Promise<void>;
  getCredential(key: VaultKey): Promise<StoredCredential>;
  /** False: there was none. */
  deleteCredential(key: VaultKey, origin: Origin): Promise<boolean>;
  /** Without secrets; `after` is the last row of the page before. */
  listCredentials(page: { after?: VaultKey; limit: number }): Promise<readonly CredentialRow[]>;
  /** A credential of the predecessor, pending under the issuer and `sub` it knew. Replaces an earlier import. */
  importCredential(key: VaultKey, credential: { secret: string; hint?: string }, origin: Origin): Promise<void>;
  /**
   * At a sign-in that shows both: moves an import of `imported` to `key`, sealed anew. A credential that `key` has already stays, and
   * the import is dropped. False: nothing was pending.
   */
  adoptImported(imported: UserKey, key: VaultKey, origin: Origin): Promise<boolean>;
}

/** The account page's sessions. Its CSRF tokens are derived from the session's secret (`deriveToken`), not stored. */
export interface AccountStore {
  /** Turns a taken account sign-in into a session, once, and ends the one it replaces. False as in `completeSignIn`. Audit: `sign_in`. */
  startAccountSession(signedIn: SignedIn & { session: string; idToken?: string; replaces?: string }, origin: Origin): Promise<boolean>;
  /** Undefined when unknown, idle too long or too old; else it counts as used now. */
  useAccountSession(session: string): Promise<AccountSession | undefined>;
  endAccountSession(session: string): Promise<void>;
  /** Sign out everywhere. Returns how many ended. */
  endAccountSessions(user: UserKey): Promise<number>;
}

/** Users, audit, counters, things that count once. */
export interface RecordStore {
  /** Who has ever signed in or been given a credential, by issuer and subject. */
  listUsers(page: { after?: UserKey; limit: number }): Promise<readonly KnownUser[]>;
  /** Those whose subject or e-mail (in any case) is exactly this; at most ten. */
  findUsers(subjectOrEmail: string): Promise<readonly KnownUser[]>;
  recordEvent(event: AuditEvent, origin: Origin): Promise<void>;
  /** Newest first; `before` is the last row of the page before. */
  listEvents(page: { user?: UserKey; before?: number; limit: number }): Promise<readonly AuditRow[]>;
  /**
   * Counts `cost` (default 1; 0 only looks) against `limit` in the key's window, which opens with its first count. What is refused is
   * not counted. Keys are kept as hashes.
   */
  count(key: string, rule: { limit: number; windowMs: number; cost?: number }): Promise<Allowance>;
  /** Takes a count back, unless its window (the allowance's `endsAt`) is over. */
  uncount(key: string, window: { endsAt: number }, cost?: number): Promise<void>;
  /** True once for each value until its time is over, among any number of callers. */
  consumeOnce(value: string, forMs: number): Promise<boolean>;
}

/** Keeping it healthy. */
export interface UpkeepStore {
  /** The store's clock, which is the reference for every process that shares it. */
  now(): Promise<number>;
  /** Resolves if the store can serve now. @throws PublicError `unavailable` */
  check(): Promise<void>;
  /** Removes at most `limit` rows of each kind that are over. `more`: call again soon. Safe to run in every process. */
  sweep(limit: number): Promise<{ removed: number; more: boolean }>;
  keyUse(): Promise<readonly KeyUse[]>;
  /** Seals at most `limit` rows anew with the ring's first key. What no key of the ring opens is left as it is and counted as `unreadable`, once nothing more can be done. */
  reseal(limit: number): Promise<{ resealed: number; more: boolean; unreadable: number }>;
  /** Finishes what runs, then lets go of the file or the pool. Later operations throw `unavailable`. */
  close(): Promise<void>;
}

/** How long things last. */
export interface Lifetimes {
  readonly signInMs: number;
  readonly codeMs: number;
  readonly accessMs: number;
  readonly refreshIdleMs: number;
  readonly grantMs: number;
  /** 0: no replays. */
  readonly replayMs: number;
  readonly leaseMs: number;
  readonly accountIdleMs: number;
  readonly accountMs: number;
  /** An unused client without a live grant. */
  readonly clientMs: number;
  readonly auditMs: number;
  /** A user who has nothing here, since they were last seen. */
  readonly userMs: number;
}

/** How many rows there may be. */
export interface Bounds {
  readonly clients: number;
  readonly signIns: number;
  readonly grantsPerUser: number;
  /** Generations of a grant whose used tokens are recognised; more than a refresh every 15 minutes gives in 30 days. */
  readonly generations: number;
  readonly accountSessionsPerUser: number;
  readonly auditRows: number;
  readonly counters: number;
  readonly onceValues: number;
  readonly codeGuesses: number;
}

const second = 1000;
const minute = 60 * second;
const day = 24 * 60 * minute;

export const defaultLifetimes: Lifetimes = {
  signInMs: 10 * minute,
  codeMs: 60 * second,
  accessMs: 15 * minute,
  refreshIdleMs: 30 * day,
  grantMs: 90 * day,
  replayMs: 30 * second,
  leaseMs: 8 * second,
  accountIdleMs: 15 * minute,
  accountMs: 8 * 60 * minute,
  clientMs: 90 * day,
  auditMs: 90 * day,
  userMs: 400 * day,
};

export const defaultBounds: Bounds = {
  clients: 10_000,
  signIns: 10_000,
  grantsPerUser: 100,
  generations: 5_000,
  accountSessionsPerUser: 20,
  auditRows: 200_000,
  counters: 100_000,
  onceValues: 100_000,
  codeGuesses: 5,
};
