import type { Engine } from '../engine.ts';
import type { EndReason, Lease, RefreshStart, UserKey } from '../records.ts';
import type { Keyring, SealContext, Sealed } from '../seal.ts';
import type { RefreshStore } from '../store.ts';
import { hold, run, type Work } from '../work.ts';
import { endGrant, type GrantRow, grantOf, holdGrant, isOver, userOf } from './grants.ts';
import { touchUser } from './users.ts';

/** The most a waiting refresh sleeps before it looks again. */
const pollMs = 200;

export const providerContext = (user: UserKey, grantId: string): SealContext => ({
  purpose: 'provider refresh token',
  user,
  instance: grantId,
});

export const sealProviderToken = (keyring: Keyring, token: string, user: UserKey, grantId: string): Sealed =>
  keyring.seal(token, providerContext(user, grantId));

export function* takeLease(
  { keyring, lifetimes }: Pick<Engine, 'keyring' | 'lifetimes'>,
  grant: GrantRow,
  { owner, claimsFreshMs }: { owner: string; claimsFreshMs: number },
  now: number,
): Work<RefreshStart> {
  if (now - grant.claims_checked_at < claimsFreshMs || !grant.key_id || !grant.provider_token)
    return { outcome: 'rotate', grant: grantOf(grant) };
  const sealed = { keyId: grant.key_id, bytes: grant.provider_token };
  const providerRefreshToken = keyring.open(sealed, providerContext(userOf(grant), grant.id));
  if (providerRefreshToken === undefined) return { outcome: 'rotate', grant: { ...grantOf(grant), renewable: false } };
  const other = grant.lease_owner !== null && grant.lease_owner !== owner;
  const left = (grant.lease_deadline ?? 0) - now;
  if (other && left > 0) return { outcome: 'wait', retryAfterMs: Math.min(left, pollMs) };
  const deadline = now + lifetimes.leaseMs;
  yield* run(
    'UPDATE grants SET lease_owner = ?, lease_deadline = ?, ask_interrupted = ? WHERE id = ?',
    owner,
    deadline,
    other ? 1 : grant.ask_interrupted,
    grant.id,
  );
  const lease: Lease = { grantId: grant.id, owner, generation: grant.generation, deadline };
  return { outcome: 'ask', grant: grantOf(grant), lease, providerRefreshToken };
}

/** The grant, if it lives and nobody has committed a newer answer. */
function* current(lease: Lease, now: number): Work<GrantRow | undefined> {
  const grant = yield* holdGrant('?', lease.grantId);
  return grant && !isOver(grant, now) && grant.generation === lease.generation ? grant : undefined;
}

export const providerStore = (engine: Engine): Pick<RefreshStore, 'commitProviderAnswer' | 'providerRefused' | 'leaveProvider'> => ({
  commitProviderAnswer: (lease, { refreshToken, claims, display }) =>
    engine.write(function* (now): Work<boolean> {
      // A user before their grants: `touchUser` says why.
      if (display) yield* hold('u', 'SELECT u.id FROM users u WHERE u.id = (SELECT user_id FROM grants WHERE id = ?)', lease.grantId);
      const grant = yield* current(lease, now);
      if (!grant) return false;
      const sealed = refreshToken === undefined ? undefined : sealProviderToken(engine.keyring, refreshToken, userOf(grant), grant.id);
      yield* run(
        `UPDATE grants SET key_id = ?, provider_token = ?, claims = ?, claims_checked_at = ?, provider_checked_at = ?,
           generation = generation + 1, lease_owner = NULL, lease_deadline = NULL, ask_interrupted = 0 WHERE id = ?`,
        sealed?.keyId ?? grant.key_id,
        sealed?.bytes ?? grant.provider_token,
        claims ? JSON.stringify(claims) : grant.claims,
        claims ? now : grant.claims_checked_at,
        now,
        grant.id,
      );
      if (display) yield* touchUser(userOf(grant), display, now);
      return true;
    }),

  providerRefused: (lease, origin) =>
    engine.write(function* (now): Work<EndReason | undefined> {
      const grant = yield* current(lease, now);
      if (!grant) return undefined;
      const reason = grant.ask_interrupted ? 'provider_rotation_lost' : 'provider_refused';
      yield* endGrant(grant, reason, now, { kind: reason }, origin);
      return reason;
    }),

  leaveProvider: (lease, maybeAnswered) =>
    engine.write(function* (): Work<void> {
      yield* run(
        `UPDATE grants SET lease_owner = NULL, lease_deadline = NULL, ask_interrupted = CASE WHEN ? = 1 THEN 1 ELSE ask_interrupted END
         WHERE id = ? AND lease_owner = ? AND generation = ?`,
        maybeAnswered ? 1 : 0,
        lease.grantId,
        lease.owner,
        lease.generation,
      );
    }),
});
