import { digest } from '../digest.ts';
import type { Engine } from '../engine.ts';
import type { AccountSession, Json } from '../records.ts';
import { openWith, sealWith } from '../seal.ts';
import type { AccountStore } from '../store.ts';
import { one, run, type Work } from '../work.ts';
import { audit } from './audit.ts';
import { finishSignIn } from './sign-ins.ts';
import { displayOf, userId } from './users.ts';

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

export const accountStore = (engine: Engine): AccountStore => ({
  startAccountSession: ({ signInId, user, display, claims, session, idToken, replaces }, origin) =>
    engine.write(function* (now): Work<boolean> {
      const { lifetimes, bounds } = engine;
      const signIn = yield* finishSignIn(signInId, 'account', user, display, now);
      if (!signIn) return false;
      const hash = digest(session);
      const endsAt = now + lifetimes.accountMs;
      if (replaces !== undefined) yield* run('DELETE FROM account_sessions WHERE hash = ?', digest(replaces));
      yield* run(
        'INSERT INTO account_sessions (hash, user_id, claims, id_token, signed_in_at, expires_at, ends_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
        hash,
        signIn.userId,
        JSON.stringify(claims),
        idToken === undefined ? null : sealWith(session, purpose, idToken),
        now,
        Math.min(now + lifetimes.accountIdleMs, endsAt),
        endsAt,
      );
      yield* run(
        `DELETE FROM account_sessions WHERE hash IN
           (SELECT hash FROM account_sessions WHERE user_id = ? AND hash <> ? ORDER BY expires_at DESC LIMIT 1000 OFFSET ?)`,
        signIn.userId,
        hash,
        bounds.accountSessionsPerUser - 1,
      );
      yield* audit({ kind: 'sign_in', user, detail: { at: 'account' } }, origin, now);
      return true;
    }),

  useAccountSession: (session) =>
    engine.write(function* (now): Work<AccountSession | undefined> {
      const hash = digest(session);
      const row = yield* one<Row>(
        `SELECT a.*, u.issuer, u.subject, u.name, u.email FROM account_sessions a JOIN users u ON u.id = a.user_id
         WHERE a.hash = ? AND a.expires_at > :now`,
        hash,
      );
      if (!row) return undefined;
      const expiresAt = Math.min(now + engine.lifetimes.accountIdleMs, row.ends_at);
      const used = yield* run('UPDATE account_sessions SET expires_at = ? WHERE hash = ?', expiresAt, hash);
      // Signed out in between.
      if (used === 0) return undefined;
      const idToken = row.id_token ? openWith(session, purpose, row.id_token) : undefined;
      return {
        user: { issuer: row.issuer, subject: row.subject },
        display: displayOf(row),
        claims: JSON.parse(row.claims) as Json,
        signedInAt: row.signed_in_at,
        ...(idToken !== undefined && { idToken }),
      };
    }),

  endAccountSession: (session) =>
    engine.write(function* (): Work<void> {
      yield* run('DELETE FROM account_sessions WHERE hash = ?', digest(session));
    }),

  endAccountSessions: (user) =>
    engine.write(() => run(`DELETE FROM account_sessions WHERE user_id = ${userId}`, user.issuer, user.subject)),
});
