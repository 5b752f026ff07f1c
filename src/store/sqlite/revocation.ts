import { digest } from '../digest.ts';
import type { RevocationStore } from '../store.ts';
import { audit } from './audit.ts';
import type { Connection } from './connection.ts';
import { endGrant, findGrant, type GrantRow, grantOf, grantSelect, isOver, userOf } from './grants.ts';
import { findUserId, touchUser } from './users.ts';

export const revocationStore = (c: Connection): RevocationStore => ({
  revokeToken: (token, clientId, origin) =>
    c.write((now) => {
      const hash = digest(token);
      const access = c.sql<{ grant_id: string }>('SELECT grant_id FROM access_tokens WHERE hash = ? AND expires_at > ?').get(hash, now);
      const found = access ?? c.sql<{ grant_id: string }>('SELECT grant_id FROM refresh_tokens WHERE hash = ?').get(hash);
      const grant = found && findGrant(c, found.grant_id);
      if (!grant || grant.client_id !== clientId || isOver(grant, now)) return undefined;
      const about = { grantId: grant.id, user: userOf(grant) };
      if (access) {
        c.sql('DELETE FROM access_tokens WHERE hash = ?').run(hash);
        audit(c, { kind: 'access_revoked', clientId, ...about }, origin, now);
      } else {
        endGrant(c, grant, 'client_revoked', now, { kind: 'grant_revoked', detail: { reason: 'client_revoked' } }, origin);
      }
      return about;
    }),

  revokeGrant: (user, grantId, reason, origin) =>
    c.write((now) => {
      const grant = c
        .sql<GrantRow>(`${grantSelect} WHERE g.id = ? AND u.issuer = ? AND u.subject = ?`)
        .get(grantId, user.issuer, user.subject);
      return grant ? endGrant(c, grant, reason, now, { kind: 'grant_revoked', detail: { reason } }, origin) : false;
    }),

  revokeUser: (user, reason, origin) =>
    c.write((now) => {
      const id = findUserId(c, user) ?? touchUser(c, user, {}, now);
      c.sql('UPDATE users SET not_before = ? WHERE id = ?').run(now, id);
      c.sql('DELETE FROM account_sessions WHERE user_id = ?').run(id);
      const rows = c.sql<GrantRow>(`${grantSelect} WHERE g.user_id = ? AND g.live_until > ?`).all(id, now);
      const event = { kind: 'grant_revoked', detail: { reason } };
      const ended = rows.filter((row) => endGrant(c, row, reason, now, event, origin)).length;
      audit(c, { kind: 'user_revoked', user, detail: { reason, grants: ended } }, origin, now);
      return ended;
    }),

  notBefore: (user) =>
    c.glance(
      () =>
        c.sql<{ not_before: number | null }>('SELECT not_before FROM users WHERE issuer = ? AND subject = ?').get(user.issuer, user.subject)
          ?.not_before ?? undefined,
    ),

  listGrants: (user) =>
    c.read((now) =>
      c
        .sql<GrantRow>(`${grantSelect} WHERE g.user_id = ? AND g.live_until > ? AND g.redeemed_at IS NOT NULL ORDER BY g.last_used_at DESC`)
        .all(findUserId(c, user), now)
        .map(grantOf),
    ),
});
