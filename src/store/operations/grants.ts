import { type GrantFacts, grantOver } from '../judge.ts';
import type { EndReason, Grant, Json, Origin, UserKey } from '../records.ts';
import { type Bind, hold, run, type Work } from '../work.ts';
import { type Audited, audit } from './audit.ts';
import { displayOf } from './users.ts';

export interface GrantRow {
  readonly id: string;
  readonly user_id: number;
  readonly issuer: string;
  readonly subject: string;
  readonly name: string | null;
  readonly email: string | null;
  readonly client_id: string;
  readonly client: string;
  readonly redirect_uri: string;
  readonly resource: string;
  readonly scopes: string;
  readonly refreshable: number;
  readonly claims: string;
  readonly claims_checked_at: number;
  readonly provider_checked_at: number;
  readonly key_id: string | null;
  readonly provider_token: Buffer | null;
  readonly generation: number;
  readonly lease_owner: string | null;
  readonly lease_deadline: number | null;
  readonly ask_interrupted: number;
  readonly created_at: number;
  readonly last_used_at: number;
  readonly ends_at: number;
  readonly revoked_at: number | null;
  readonly reason: EndReason | null;
}

export const grantSelect = 'SELECT g.*, u.issuer, u.subject, u.name, u.email FROM grants g JOIN users u ON u.id = g.user_id';

/** What makes a grant count, in SQL. */
export const alive = 'g.revoked_at IS NULL AND g.ends_at > :now';

/**
 * The grant, held to the end of the transaction. All that is decided about a grant and its tokens is decided by who holds it: read the
 * rest after this.
 * @param id its id, in SQL
 */
export function* holdGrant(id: string, ...binds: Bind[]): Work<GrantRow | undefined> {
  return (yield* hold<GrantRow>('g', `${grantSelect} WHERE g.id = ${id}`, ...binds))[0];
}

export const grantOf = (row: GrantRow): Grant => ({
  id: row.id,
  user: userOf(row),
  display: displayOf(row),
  claims: JSON.parse(row.claims) as Json,
  claimsCheckedAt: row.claims_checked_at,
  providerCheckedAt: row.provider_checked_at,
  clientId: row.client_id,
  client: JSON.parse(row.client) as Json,
  redirectUri: row.redirect_uri,
  resource: row.resource,
  scopes: splitScopes(row.scopes),
  refreshable: row.refreshable === 1,
  createdAt: row.created_at,
  lastUsedAt: row.last_used_at,
  endsAt: row.ends_at,
  renewable: row.provider_token !== null,
});

export const factsOf = (row: GrantRow): GrantFacts => ({
  clientId: row.client_id,
  redirectUri: row.redirect_uri,
  resource: row.resource,
  scopes: splitScopes(row.scopes),
  endsAt: row.ends_at,
  ...(row.reason && { ended: row.reason }),
});

export const userOf = ({ issuer, subject }: UserKey): UserKey => ({ issuer, subject });

export const splitScopes = (scopes: string): string[] => (scopes ? scopes.split(' ') : []);

export const isOver = (row: GrantRow, now: number): EndReason | 'expired' | undefined => grantOver(factsOf(row), now);

/**
 * Ends a live grant and forgets the provider's token (which is never revoked there: that could end all of the person's sessions).
 * False: it was over already, and nothing is recorded.
 */
export function* endGrant(grant: GrantRow, reason: EndReason, now: number, event: Audited, origin: Origin): Work<boolean> {
  const ended = yield* run(
    `UPDATE grants AS g SET revoked_at = ?, reason = ?, live_until = ?, key_id = NULL, provider_token = NULL, lease_owner = NULL,
       lease_deadline = NULL WHERE g.id = ? AND ${alive}`,
    now,
    reason,
    now,
    grant.id,
  );
  if (ended === 0) return false;
  yield* run('UPDATE refresh_tokens SET answer = NULL WHERE grant_id = ? AND answer IS NOT NULL', grant.id);
  yield* run('DELETE FROM access_tokens WHERE grant_id = ?', grant.id);
  yield* audit({ ...event, user: userOf(grant), clientId: grant.client_id, grantId: grant.id }, origin, now);
  return true;
}
