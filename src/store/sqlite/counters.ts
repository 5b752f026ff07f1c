import { digest } from '../digest.ts';
import type { RecordStore } from '../store.ts';
import { type Connection, unavailable } from './connection.ts';

interface Counter {
  readonly used: number;
  readonly ends_at: number;
}

export const counterStore = (c: Connection): Pick<RecordStore, 'count' | 'consumeOnce'> => {
  const counters = bound(c, 'counters', c.bounds.counters);
  const once = bound(c, 'once', c.bounds.onceValues);
  return {
    count: (key, { limit, windowMs, cost = 1 }) =>
      c.write((now) => {
        const hash = digest(key);
        const found = c.sql<Counter>('SELECT used, ends_at FROM counters WHERE hash = ? AND ends_at > ?').get(hash, now);
        const used = found?.used ?? 0;
        const endsAt = found?.ends_at ?? now + windowMs;
        const allowed = used + Math.max(cost, 1) <= limit;
        if (allowed && cost > 0) {
          c.sql(
            'INSERT INTO counters (hash, used, ends_at) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET used = excluded.used, ends_at = excluded.ends_at',
          ).run(hash, used + cost, endsAt);
          // Those that count least go first, so that a flood of new keys frees nobody who is at the limit.
          counters((excess) => {
            c.sql('DELETE FROM counters WHERE hash IN (SELECT hash FROM counters WHERE ends_at <= ?)').run(now);
            c.sql('DELETE FROM counters WHERE hash IN (SELECT hash FROM counters ORDER BY used, ends_at LIMIT ?)').run(excess());
          });
        }
        return { allowed, remaining: Math.max(0, limit - used - (allowed ? cost : 0)), retryAfterMs: allowed ? 0 : endsAt - now };
      }),

    consumeOnce: (value, forMs) =>
      c.write((now) => {
        const { changes } = c
          .sql(
            'INSERT INTO once (hash, expires_at) VALUES (?, ?) ON CONFLICT DO UPDATE SET expires_at = excluded.expires_at WHERE once.expires_at <= ?',
          )
          .run(digest(value), now + forMs, now);
        if (changes > 0) {
          once((excess) => {
            c.sql('DELETE FROM once WHERE expires_at <= ?').run(now);
            // Forgetting one that still counts would let it count twice.
            if (excess() > 0) throw unavailable('too many one-time values');
          });
        }
        return changes > 0;
      }),
  };
};

/** Looks at a table's size at the first insert and then after each hundredth of the bound: counting rows at each would be slow. */
const bound = (c: Connection, table: 'counters' | 'once', rows: number) => {
  const step = Math.max(1, Math.floor(rows / 100));
  let untilLook = 0;
  return (overflow: (excess: () => number) => void): void => {
    untilLook -= 1;
    if (untilLook > 0) return;
    untilLook = step;
    const excess = () => Math.max(0, (c.sql<{ n: number }>(`SELECT count(*) AS n FROM ${table}`).get()?.n ?? 0) - rows);
    if (excess() > 0) overflow(excess);
  };
};
