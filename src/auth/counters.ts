import type { RecordStore } from '../store/store.ts';

/** Counts in windows, as the store does it. What a key counts is its first line. */
export type Counters = Pick<RecordStore, 'count' | 'uncount'>;

interface Window {
  count: number;
  ends: number;
}

/**
 * Windows of one kind by their key. When the young ones are too many they become the old ones, and the old ones are forgotten unless
 * they were used: a flood of addresses costs two generations of memory and no time (a Map that loses its first key again and again is slow).
 */
interface Generations {
  young: Map<string, Window>;
  old: Map<string, Window>;
}
const generation = 10_000;

/** Counts in this process: for a store that no other host shares, which then need not be asked. */
export const memoryCounters = (clock: () => number = Date.now): Counters => {
  const kinds = new Map<string, Generations>();

  const windowOf = (key: string, windowMs: number): Window => {
    const kind = key.split('\n', 1)[0] ?? '';
    const known = kinds.get(kind) ?? { young: new Map(), old: new Map() };
    kinds.set(kind, known);
    const found = known.young.get(key) ?? known.old.get(key);
    const window = found && found.ends > clock() ? found : { count: 0, ends: clock() + windowMs };
    if (!known.young.has(key) && known.young.size >= generation) {
      known.old = known.young;
      known.young = new Map();
    }
    known.young.set(key, window);
    return window;
  };

  return {
    count: async (key, { limit, windowMs, cost = 1 }) => {
      const window = windowOf(key, windowMs);
      const allowed = window.count + Math.max(cost, 1) <= limit;
      if (allowed) window.count += cost;
      const endsAt = window.ends;
      return { allowed, remaining: Math.max(0, limit - window.count), retryAfterMs: allowed ? 0 : endsAt - clock(), endsAt };
    },
    uncount: async (key, { endsAt }, cost = 1) => {
      const window = windowOf(key, 0);
      if (window.ends === endsAt && window.count >= cost) window.count -= cost;
    },
  };
};
