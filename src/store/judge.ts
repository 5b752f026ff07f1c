import type { EndReason } from './records.ts';

/** What a decision about a code or a refresh token rests on, read in the same transaction that acts on it. Every engine asks here. */
export interface GrantFacts {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly resource: string;
  readonly scopes: readonly string[];
  readonly endsAt: number;
  readonly ended?: EndReason;
}

export interface CodeFacts {
  readonly state: 'active' | 'used' | 'dead';
  readonly challenge: string;
  readonly expiresAt: number;
}

export type CodeVerdict =
  | 'redeem'
  | 'unknown'
  | 'expired'
  | 'other_client'
  | 'redirect_mismatch'
  | 'resource_mismatch'
  | 'wrong_verifier'
  | 'reused';

/**
 * The order is the promise: nobody but who has the code, the client and the redirect gets as far as a guess at the verifier, and only
 * who has the verifier too can end the grant.
 */
export const judgeCode = (
  code: CodeFacts,
  grant: GrantFacts,
  request: { clientId: string; redirectUri?: string; resource?: string; challenge: string },
  now: number,
): CodeVerdict => {
  if (code.state === 'dead') return 'unknown';
  if (code.state === 'active' && code.expiresAt <= now) return 'expired';
  if (request.clientId !== grant.clientId) return 'other_client';
  if (request.redirectUri !== undefined && request.redirectUri !== grant.redirectUri) return 'redirect_mismatch';
  // The resource of a second use changes nothing about what it means.
  if (code.state === 'active' && request.resource !== undefined && request.resource !== grant.resource) return 'resource_mismatch';
  if (request.challenge !== code.challenge) return 'wrong_verifier';
  return code.state === 'used' ? 'reused' : 'redeem';
};

export interface RefreshFacts {
  readonly state: 'active' | 'used';
  readonly idleExpiresAt: number;
  readonly usedAt: number | null;
  /** The scopes that its use asked for (`scopeKey`). */
  readonly asked: string | null;
  /** Whether its successor is still unused. */
  readonly successorActive: boolean;
}

export type RefreshVerdict = 'rotate' | 'replay' | 'expired' | 'other_client' | 'scope_exceeded' | 'resource_mismatch' | 'reused';

export const judgeRefresh = (
  token: RefreshFacts,
  grant: GrantFacts,
  request: { clientId: string; scopes?: readonly string[]; resource?: string },
  replayMs: number,
  now: number,
): RefreshVerdict => {
  if (token.idleExpiresAt <= now) return 'expired';
  const sameClient = request.clientId === grant.clientId;
  const sameResource = request.resource === undefined || request.resource === grant.resource;
  const scopes = request.scopes ?? grant.scopes;
  if (token.state === 'active') {
    if (!sameClient) return 'other_client';
    if (!sameResource) return 'resource_mismatch';
    return scopes.every((scope) => grant.scopes.includes(scope)) ? 'rotate' : 'scope_exceeded';
  }
  const inWindow = token.usedAt !== null && now - token.usedAt < replayMs;
  const same = sameClient && sameResource && scopeKey(scopes) === token.asked;
  return same && inWindow && token.successorActive ? 'replay' : 'reused';
};

/** Equal for equal sets of scopes. */
export const scopeKey = (scopes: readonly string[]): string => [...new Set(scopes)].sort().join(' ');

/** Why a grant no longer counts; undefined while it does. */
export const grantOver = (grant: Pick<GrantFacts, 'ended' | 'endsAt'>, now: number): EndReason | 'expired' | undefined =>
  grant.ended ?? (grant.endsAt <= now ? 'expired' : undefined);
