import { Busy } from '../errors.ts';

/** How many calls a user may make in time. */
export interface Rate {
  /** Counts calls. Throws, or rejects, Busy if they are too many; nothing is counted then. */
  take(user: string, calls: number): Promise<void> | undefined;
}

interface Bucket {
  /** How many calls may start at once; refilled as time passes. */
  tokens: number;
  refilled: number;
}

/** Counts in this process: `perMinute` calls of each user, as many in one burst. */
export const localRate = (perMinute: number, clock: () => number = Date.now): Rate => {
  const buckets = new Map<string, Bucket>();

  let sweepAt = 10_000;

  const filled = ({ tokens, refilled }: Bucket): number => Math.min(perMinute, tokens + ((clock() - refilled) / 60_000) * perMinute);

  return {
    take: (user, calls) => {
      const tokens = filled(buckets.get(user) ?? { tokens: perMinute, refilled: clock() });
      buckets.set(user, { tokens: tokens < calls ? tokens : tokens - calls, refilled: clock() });
      if (buckets.size > sweepAt) {
        // A full bucket is what a newcomer has.
        for (const [other, bucket] of buckets) if (filled(bucket) >= perMinute) buckets.delete(other);
        sweepAt = Math.max(10_000, 2 * buckets.size);
      }
      if (tokens >= calls) return undefined;
      const seconds = Math.max(1, Math.ceil(((calls - tokens) * 60) / perMinute));
      throw new Busy(`That is more than ${perMinute} calls in a minute. Wait ${seconds} seconds or more.`, seconds);
    },
  };
};
