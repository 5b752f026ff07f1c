import { digest } from '../digest.ts';
import { type Engine, unavailable } from '../engine.ts';
import type { Allowance } from '../records.ts';
import type { RecordStore } from '../store.ts';
import { one, run, type Work } from '../work.ts';
import { bound } from './bound.ts';

interface Counter {
  readonly used: number;
  readonly ends_at: number;
}

export const counterStore = (engine: Engine): Pick<RecordStore, 'count' | 'uncount' | 'consumeOnce'> => {
  const { counters, onceValues } = engine.bounds;
  const boundCounters = bound('counters', counters, function* (excess) {
    const over = yield* run('DELETE FROM counters WHERE ends_at <= :now');
    // Those that count least go first, so that a flood of new keys frees nobody who is at the limit.
    const sql = 'DELETE FROM counters WHERE hash IN (SELECT hash FROM counters ORDER BY used, ends_at LIMIT ?)';
    if (over < excess) yield* run(sql, excess - over);
  });
  const boundOnce = bound('once', onceValues, function* (excess) {
    const over = yield* run('DELETE FROM once WHERE expires_at <= :now');
    // Forgetting one that still counts would let it count twice.
    if (over < excess) throw unavailable('too many one-time values');
  });
  return {
    count: (key, { limit, windowMs, cost = 1 }) =>
      engine.write(function* (now): Work<Allowance> {
        const hash = digest(key);
        const counted = cost > 0 && cost <= limit ? yield* countOne(hash, cost, limit, now + windowMs) : undefined;
        if (counted) {
          yield* boundCounters();
          return { allowed: true, remaining: limit - counted.used, retryAfterMs: 0, endsAt: counted.ends_at };
        }
        const found = yield* one<Counter>('SELECT used, ends_at FROM counters WHERE hash = ? AND ends_at > :now', hash);
        const { used, ends_at: endsAt } = found ?? { used: 0, ends_at: now + windowMs };
        const allowed = cost === 0 && used < limit;
        return { allowed, remaining: Math.max(0, limit - used), retryAfterMs: allowed ? 0 : endsAt - now, endsAt };
      }),

    uncount: (key, { endsAt }, cost = 1) =>
      engine.write(function* (): Work<void> {
        yield* run('UPDATE counters SET used = used - ? WHERE hash = ? AND ends_at = ? AND used >= ?', cost, digest(key), endsAt, cost);
      }),

    consumeOnce: (value, forMs) =>
      engine.write(function* (now): Work<boolean> {
        const consumed = yield* run(
          `INSERT INTO once (hash, expires_at) VALUES (?, ?)
           ON CONFLICT (hash) DO UPDATE SET expires_at = excluded.expires_at WHERE once.expires_at <= :now`,
          digest(value),
          now + forMs,
        );
        if (consumed > 0) yield* boundOnce();
        return consumed > 0;
      }),
  };
};

/** In one statement, so that of any number of callers no more than `limit` get through; undefined for the others. */
const countOne = (hash: Buffer, cost: number, limit: number, endsAt: number): Work<Counter | undefined> =>
  one<Counter>(
    `INSERT INTO counters (hash, used, ends_at) VALUES (?, ?, ?) ON CONFLICT (hash) DO UPDATE SET
       used = CASE WHEN counters.ends_at <= :now THEN excluded.used ELSE counters.used + excluded.used END,
       ends_at = CASE WHEN counters.ends_at <= :now THEN excluded.ends_at ELSE counters.ends_at END
     WHERE counters.ends_at <= :now OR counters.used + excluded.used <= ?
     RETURNING used, ends_at`,
    hash,
    cost,
    endsAt,
    limit,
  );
