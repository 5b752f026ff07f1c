import type { RecordStore } from '../store/store.ts';

/** What counts once: true for the first who brings a value, until its time is over. */
export type Once = RecordStore['consumeOnce'];

/** Counts in this process: for one that keeps nothing and shares nothing. */
export const memoryOnce = (clock: () => number = Date.now): Once => {
  const used = new Map<string, number>();
  return async (value, forMs) => {
    const now = clock();
    for (const [other, until] of used) if (until <= now) used.delete(other);
    if (used.has(value)) return false;
    used.set(value, now + forMs);
    return true;
  };
};
