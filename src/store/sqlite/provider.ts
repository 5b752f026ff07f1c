import type { Lease, RefreshStart, UserKey } from '../records.ts';
import type { SealContext, Sealed } from '../seal.ts';
import type { RefreshStore } from '../store.ts';
import type { Connection } from './connection.ts';
import { endGrant, findGrant, type GrantRow, grantOf, userOf } from './grants.ts';
import { touchUser } from './users.ts';

/** The most a waiting refresh sleeps before it looks again. */
const pollMs = 200;

export const providerContext = (user: UserKey, grantId: string): SealContext => ({
  purpose: 'provider refresh token',
  user,
  instance: grantId,
});

export const sealProviderToken = (c: Connection, token: string, user: UserKey, grantId: string): Sealed =>
  c.keyring.seal(token, providerContext(user, grantId));

export const takeLease = (
  c: Connection,
  grant: GrantRow,
  { owner, claimsFreshMs }: { owner: string; claimsFreshMs: number },
  now: number,
): RefreshStart => {
  if (now - grant.claims_checked_at < claimsFreshMs || !grant.key_id || !grant.provider_token)
    return { outcome: 'rotate', grant: grantOf(grant) };
  const providerRefreshToken = c.keyring.open(
    { keyId: grant.key_id, bytes: grant.provider_token },
    providerContext(userOf(grant), grant.id),
  );
  if (providerRefreshToken === undefined) return { outcome: 'rotate', grant: { ...grantOf(grant), renewable: false } };
  const other = grant.lease_owner !== null && grant.lease_owner !== owner;
  const left = (grant.lease_deadline ?? 0) - now;
  if (other && left > 0) return { outcome: 'wait', retryAfterMs: Math.min(left, pollMs) };
  const deadline = now + c.lifetimes.leaseMs;
  c.sql('UPDATE grants SET lease_owner = ?, lease_deadline = ?, ask_interrupted = max(ask_interrupted, ?) WHERE id = ?').run(
    owner,
    deadline,
    other ? 1 : 0,
    grant.id,
  );
  const lease: Lease = { grantId: grant.id, owner, generation: grant.generation, deadline };
  return { outcome: 'ask', grant: grantOf(grant), lease, providerRefreshToken };
};

/** The grant, if it lives and nobody has committed a newer answer. */
const current = (c: Connection, lease: Lease, now: number): GrantRow | undefined => {
  const grant = findGrant(c, lease.grantId);
  return grant && grant.revoked_at === null && grant.ends_at > now && grant.generation === lease.generation ? grant : undefined;
};

export const providerStore = (c: Connection): Pick<RefreshStore, 'commitProviderAnswer' | 'providerRefused' | 'leaveProvider'> => ({
  commitProviderAnswer: (lease, { refreshToken, claims, display }) =>
    c.write((now) => {
      const grant = current(c, lease, now);
      if (!grant) return false;
      const sealed = refreshToken === undefined ? undefined : sealProviderToken(c, refreshToken, userOf(grant), grant.id);
      c.sql(
        `UPDATE grants SET key_id = coalesce(?, key_id), provider_token = coalesce(?, provider_token),
           claims = coalesce(?, claims), claims_checked_at = iif(?, ?, claims_checked_at), provider_checked_at = ?,
           generation = generation + 1, lease_owner = NULL, lease_deadline = NULL, ask_interrupted = 0 WHERE id = ?`,
      ).run(sealed?.keyId ?? null, sealed?.bytes ?? null, claims ? JSON.stringify(claims) : null, claims ? 1 : 0, now, now, grant.id);
      if (display) touchUser(c, userOf(grant), display, now);
      return true;
    }),

  providerRefused: (lease, origin) =>
    c.write((now) => {
      const grant = current(c, lease, now);
      if (!grant) return undefined;
      const reason = grant.ask_interrupted ? 'provider_rotation_lost' : 'provider_refused';
      endGrant(c, grant, reason, now, { kind: reason }, origin);
      return reason;
    }),

  leaveProvider: (lease, maybeAnswered) =>
    c.write(() => {
      c.sql(
        `UPDATE grants SET lease_owner = NULL, lease_deadline = NULL, ask_interrupted = max(ask_interrupted, ?)
         WHERE id = ? AND lease_owner = ? AND generation = ?`,
      ).run(maybeAnswered ? 1 : 0, lease.grantId, lease.owner, lease.generation);
    }),
});
