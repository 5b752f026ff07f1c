import { digest } from '../digest.ts';
import type { Engine } from '../engine.ts';
import type { UserKey } from '../records.ts';
import type { RevocationStore } from '../store.ts';
import { all, hold, one, run, type Work } from '../work.ts';
import { audit } from './audit.ts';
import { endGrant, type GrantRow, grantOf, grantSelect, holdGrant, isOver, userOf } from './grants.ts';
import { touchUser, userId } from './users.ts';

export const revocationStore = (engine: Engine): RevocationStore => ({
  revokeToken: (token, clientId, origin) =>
    engine.write(function* (now): Work<{ grantId: string; user: UserKey } | undefined> {
      const hash = digest(token);
      const access = yield* one<{ grant_id: string }>('SELECT grant_id FROM access_tokens WHERE hash = ? AND expires_at > :now', hash);
      const found = access ?? (yield* one<{ grant_id: string }>('SELECT grant_id FROM refresh_tokens WHERE hash = ?', hash));
      const grant = found && (yield* holdGrant('?', found.grant_id));
      if (!grant || grant.client_id !== clientId || isOver(grant, now)) return undefined;
      const about = { grantId: grant.id, user: userOf(grant) };
      if (access) {
        yield* run('DELETE FROM access_tokens WHERE hash = ?', hash);
        yield* audit({ kind: 'access_revoked', clientId, ...about }, origin, now);
      } else {
        yield* endGrant(grant, 'client_revoked', now, { kind: 'grant_revoked', detail: { reason: 'client_revoked' } }, origin);
      }
      return about;
    }),

  revokeGrant: (user, grantId, reason, origin) =>
    engine.write(function* (now): Work<boolean> {
      const grant = yield* holdGrant('? AND u.issuer = ? AND u.subject = ?', grantId, user.issuer, user.subject);
      return grant ? yield* endGrant(grant, reason, now, { kind: 'grant_revoked', detail: { reason } }, origin) : false;
    }),

  revokeUser: (user, reason, origin) =>
    engine.write(function* (now): Work<number> {
      const mark = 'UPDATE users SET not_before = ? WHERE issuer = ? AND subject = ?';
      const known = yield* run(mark, now, user.issuer, user.subject);
      if (known === 0) {
        yield* touchUser(user, {}, now);
        yield* run(mark, now, user.issuer, user.subject);
      }
      yield* run(`DELETE FROM account_sessions WHERE user_id = ${userId}`, user.issuer, user.subject);
      const rows = yield* hold<GrantRow>(
        'g',
        `${grantSelect} WHERE u.issuer = ? AND u.subject = ? AND g.live_until > :now ORDER BY g.id`,
        user.issuer,
        user.subject,
      );
      const event = { kind: 'grant_revoked', detail: { reason } };
      let ended = 0;
      for (const row of rows) if (yield* endGrant(row, reason, now, event, origin)) ended += 1;
      yield* audit({ kind: 'user_revoked', user, detail: { reason, grants: ended } }, origin, now);
      return ended;
    }),

  notBefore: (user) =>
    engine.glance(function* () {
      const sql = 'SELECT not_before FROM users WHERE issuer = ? AND subject = ?';
      return (yield* one<{ not_before: number | null }>(sql, user.issuer, user.subject))?.not_before ?? undefined;
    }),

  listGrants: (user) =>
    engine.glance(function* () {
      const rows = yield* all<GrantRow>(
        `${grantSelect} WHERE u.issuer = ? AND u.subject = ? AND g.live_until > :now AND g.redeemed_at IS NOT NULL
         ORDER BY g.last_used_at DESC`,
        user.issuer,
        user.subject,
      );
      return rows.map(grantOf);
    }),
});
