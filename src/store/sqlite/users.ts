import type { Display, KnownUser, UserKey } from '../records.ts';
import type { RecordStore } from '../store.ts';
import type { Connection } from './connection.ts';

/** The user's row, made or brought up to date; what `display` leaves out stays as it was. Returns its id. */
export const touchUser = (c: Connection, user: UserKey, display: Display, now: number): number => {
  const { name = null, email = null } = display;
  const row = c
    .sql<{ id: number }>(
      `INSERT INTO users (issuer, subject, name, email, email_folded, first_seen_at, last_seen_at) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (issuer, subject) DO UPDATE SET name = coalesce(excluded.name, name), email = coalesce(excluded.email, email),
         email_folded = coalesce(excluded.email_folded, email_folded), last_seen_at = excluded.last_seen_at
       RETURNING id`,
    )
    .get(user.issuer, user.subject, name, email, email && fold(email), now, now);
  return (row as { id: number }).id;
};

export const findUserId = (c: Connection, user: UserKey): number | undefined =>
  c.sql<{ id: number }>('SELECT id FROM users WHERE issuer = ? AND subject = ?').get(user.issuer, user.subject)?.id;

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
  readonly credentials: string;
}

const select = `SELECT u.issuer, u.subject, u.name, u.email, u.first_seen_at, u.last_seen_at,
  (SELECT count(*) FROM grants g WHERE g.user_id = u.id AND g.live_until > ? AND g.redeemed_at IS NOT NULL) AS live_grants,
  (SELECT json_group_array(c.instance) FROM credentials c WHERE c.user_id = u.id) AS credentials FROM users u`;

const rowOf = (row: Row): KnownUser => ({
  user: { issuer: row.issuer, subject: row.subject },
  ...displayOf(row),
  firstSeenAt: row.first_seen_at,
  lastSeenAt: row.last_seen_at,
  liveGrants: row.live_grants,
  credentials: JSON.parse(row.credentials) as string[],
});

export const userStore = (c: Connection): Pick<RecordStore, 'listUsers' | 'findUsers'> => ({
  listUsers: ({ after = { issuer: '', subject: '' }, limit }) =>
    c.glance((now) =>
      c
        .sql<Row>(`${select} WHERE (u.issuer, u.subject) > (?, ?) ORDER BY u.issuer, u.subject LIMIT ?`)
        .all(now, after.issuer, after.subject, limit)
        .map(rowOf),
    ),

  findUsers: (subjectOrEmail) =>
    c.glance((now) =>
      c
        .sql<Row>(`${select} WHERE u.subject = ? OR u.email_folded = ? ORDER BY u.issuer, u.subject LIMIT 10`)
        .all(now, subjectOrEmail, fold(subjectOrEmail))
        .map(rowOf),
    ),
});
