import type { Engine } from '../engine.ts';
import type { UpkeepStore } from '../store.ts';
import { run } from '../work.ts';

/** How long a grant that is over stays, so that its tokens are told from made-up ones and a reused code is still noticed. */
const graveMs = 24 * 60 * 60 * 1000;

interface Broom {
  /** Binds what `binds` gives, then the limit. */
  readonly sql: string;
  readonly binds: (engine: Engine, now: number) => readonly number[];
}

const expired = (table: string, key: string, column: string): Broom => ({
  sql: `DELETE FROM ${table} WHERE ${key} IN (SELECT ${key} FROM ${table} WHERE ${column} <= ? ORDER BY ${column} LIMIT ?)`,
  binds: (_, now) => [now],
});

const brooms: readonly Broom[] = [
  expired('sign_ins', 'id', 'expires_at'),
  expired('access_tokens', 'hash', 'expires_at'),
  expired('refresh_tokens', 'hash', 'idle_expires_at'),
  expired('account_sessions', 'hash', 'expires_at'),
  expired('counters', 'hash', 'ends_at'),
  expired('once', 'hash', 'expires_at'),
  {
    sql: `UPDATE refresh_tokens SET answer = NULL WHERE hash IN
            (SELECT hash FROM refresh_tokens WHERE answer IS NOT NULL AND used_at <= ? LIMIT ?)`,
    binds: (engine, now) => [now - engine.lifetimes.replayMs],
  },
  {
    sql: 'DELETE FROM grants WHERE id IN (SELECT id FROM grants WHERE live_until <= ? ORDER BY live_until LIMIT ?)',
    binds: (_, now) => [now - graveMs],
  },
  {
    sql: `DELETE FROM clients WHERE client_id IN (SELECT c.client_id FROM clients c
            WHERE coalesce(c.used_at, c.registered_at) <= ? AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.client_id = c.client_id AND g.live_until > ?)
            LIMIT ?)`,
    binds: (engine, now) => [now - engine.lifetimes.clientMs, now],
  },
  {
    sql: `DELETE FROM users WHERE id IN (SELECT u.id FROM users u WHERE u.last_seen_at <= ? AND coalesce(u.not_before, 0) <= ?
            AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.user_id = u.id) AND NOT EXISTS (SELECT 1 FROM credentials c WHERE c.user_id = u.id)
            AND NOT EXISTS (SELECT 1 FROM account_sessions a WHERE a.user_id = u.id) LIMIT ?)`,
    binds: (engine, now) => [now - engine.lifetimes.userMs, now - engine.lifetimes.userMs],
  },
  {
    sql: 'DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at <= ? OR id <= (SELECT max(id) FROM audit) - ? ORDER BY id LIMIT ?)',
    binds: (engine, now) => [now - engine.lifetimes.auditMs, engine.bounds.auditRows],
  },
];

export const sweepStore = (engine: Engine): Pick<UpkeepStore, 'sweep'> => ({
  sweep: async (limit) => {
    let removed = 0;
    let more = false;
    for (const { sql, binds } of brooms) {
      // Of several replicas one is enough.
      const changes = (await engine.writeAlone('sweep', (now) => run(sql, ...binds(engine, now), limit))) ?? 0;
      removed += changes;
      more ||= changes >= limit;
    }
    return { removed, more };
  },
});
