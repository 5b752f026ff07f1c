import { digest } from '../digest.ts';
import type { Json } from '../records.ts';
import { openWith, sealWith } from '../seal.ts';
import type { AccountStore } from '../store.ts';
import { audit } from './audit.ts';
import type { Connection } from './connection.ts';
import { finishSignIn } from './sign-ins.ts';
import { displayOf, findUserId, touchUser } from './users.ts';

interface Row {
  readonly issuer: string;
  readonly subject: string;
  readonly name: string | null;
  readonly email: string | null;
  readonly claims: string;
  readonly id_token: Buffer | null;
  readonly signed_in_at: number;
  readonly ends_at: number;
}

const purpose = 'id token';

export const accountStore = (c: Connection): AccountStore => ({
  startAccountSession: ({ signInId, user, display, claims, session, idToken, replaces }, origin) =>
    c.write((now) => {
      if (!finishSignIn(c, signInId, 'account', user, now)) return false;
      const userId = touchUser(c, user, display, now);
      const endsAt = now + c.lifetimes.accountMs;
      if (replaces !== undefined) c.sql('DELETE FROM account_sessions WHERE hash = ?').run(digest(replaces));
      c.sql(
        'INSERT INTO account_sessions (hash, user_id, claims, id_token, signed_in_at, expires_at, ends_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
      ).run(
        digest(session),
        userId,
        JSON.stringify(claims),
        idToken === undefined ? null : sealWith(session, purpose, idToken),
        now,
        Math.min(now + c.lifetimes.accountIdleMs, endsAt),
        endsAt,
      );
      c.sql(
        `DELETE FROM account_sessions WHERE hash IN
           (SELECT hash FROM account_sessions WHERE user_id = ? AND hash <> ? ORDER BY expires_at DESC LIMIT -1 OFFSET ?)`,
      ).run(userId, digest(session), c.bounds.accountSessionsPerUser - 1);
      audit(c, { kind: 'sign_in', user, detail: { at: 'account' } }, origin, now);
      return true;
    }),

  useAccountSession: (session) =>
    c.write((now) => {
      const hash = digest(session);
      const row = c
        .sql<Row>(
          `SELECT a.*, u.issuer, u.subject, u.name, u.email FROM account_sessions a JOIN users u ON u.id = a.user_id
           WHERE a.hash = ? AND a.expires_at > ?`,
        )
        .get(hash, now);
      if (!row) return undefined;
      const expiresAt = Math.min(now + c.lifetimes.accountIdleMs, row.ends_at);
      c.sql('UPDATE account_sessions SET expires_at = ? WHERE hash = ?').run(expiresAt, hash);
      const idToken = row.id_token ? openWith(session, purpose, row.id_token) : undefined;
      return {
        user: { issuer: row.issuer, subject: row.subject },
        display: displayOf(row),
        claims: JSON.parse(row.claims) as Json,
        signedInAt: row.signed_in_at,
        ...(idToken !== undefined && { idToken }),
      };
    }),

  endAccountSession: (session) => c.write(() => void c.sql('DELETE FROM account_sessions WHERE hash = ?').run(digest(session))),

  endAccountSessions: (user) =>
    c.write(() => c.sql('DELETE FROM account_sessions WHERE user_id = ?').run(findUserId(c, user) ?? null).changes),
});
