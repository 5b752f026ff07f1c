import type { Engine } from '../engine.ts';
import type { Display, KnownUser, UserKey } from '../records.ts';
import type { RecordStore } from '../store.ts';
import { all, one, type Work } from '../work.ts';

/**
 * The user's row, made or brought up to date; what `display` leaves out stays as it was. From here to the end of the transaction nobody
 * else changes it: who takes a user and grants takes the user first, so that no two wait for each other.
 */
export function* touchUser(user: UserKey, display: Display, now: number): Work<{ readonly id: number; readonly notBefore: number }> {
  const { name = null, email = null } = display;
  const row = yield* one<{ id: number; not_before: number | null }>(
    `INSERT INTO users (issuer, subject, name, email, email_folded, first_seen_at, last_seen_at) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (issuer, subject) DO UPDATE SET name = coalesce(excluded.name, users.name), email = coalesce(excluded.email, users.email),
       email_folded = coalesce(excluded.email_folded, users.email_folded), last_seen_at = excluded.last_seen_at
     RETURNING id, not_before`,
    user.issuer,
    user.subject,
    name,
    email,
    email && fold(email),
    now,
    now,
  );
  if (!row) throw new Error('no row of a user');
  return { id: row.id, notBefore: row.not_before ?? Number.NEGATIVE_INFINITY };
}

/** A user's id, in SQL; binds issuer and subject. */
export const userId = '(SELECT id FROM users WHERE issuer = ? AND subject = ?)';

export const displayOf = ({ name, email }: { name: string | null; email: string | null }): Display => ({
  ...(name !== null && { name }),
  ...(email !== null && { email }),
});

const fold = (email: string): string => email.toLowerCase();

interface Row {
  readonly issuer: string;
  readonly subject: string;
  readonly name: string | null;
  readonly email: string | null;
  readonly first_seen_at: number;
  readonly last_seen_at: number;
  readonly live_grants: number;
  readonly credentials: string | null;
}

const select = `SELECT u.issuer, u.subject, u.name, u.email, u.first_seen_at, u.last_seen_at,
  (SELECT count(*) FROM grants g WHERE g.user_id = u.id AND g.live_until > :now AND g.redeemed_at IS NOT NULL) AS live_grants,
  (SELECT string_agg(c.instance, '\n') FROM credentials c WHERE c.user_id = u.id) AS credentials FROM users u`;

const rowOf = (row: Row): KnownUser => ({
  user: { issuer: row.issuer, subject: row.subject },
  ...displayOf(row),
  firstSeenAt: row.first_seen_at,
  lastSeenAt: row.last_seen_at,
  liveGrants: row.live_grants,
  credentials: row.credentials?.split('\n').sort() ?? [],
});

export const userStore = (engine: Engine): Pick<RecordStore, 'listUsers' | 'findUsers'> => ({
  listUsers: ({ after = { issuer: '', subject: '' }, limit }) =>
    engine.glance(function* () {
      const rows = yield* all<Row>(
        `${select} WHERE (u.issuer, u.subject) > (?, ?) ORDER BY u.issuer, u.subject LIMIT ?`,
        after.issuer,
        after.subject,
        limit,
      );
      return rows.map(rowOf);
    }),

  findUsers: (subjectOrEmail) =>
    engine.glance(function* () {
      const rows = yield* all<Row>(
        `${select} WHERE u.subject = ? OR u.email_folded = ? ORDER BY u.issuer, u.subject LIMIT 10`,
        subjectOrEmail,
        fold(subjectOrEmail),
      );
      return rows.map(rowOf);
    }),
});
