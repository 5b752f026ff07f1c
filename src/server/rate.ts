import { Busy } from '../errors.ts';
import type { Log } from '../log.ts';
import type { RecordStore } from '../store/store.ts';

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
      throw tooMany(perMinute, ((calls - tokens) * 60) / perMinute);
    },
  };
};

const windowMs = 60_000;
/** So many portions make a minute's calls. */
const portions = 20;

/** A refusal by the store holds for this long, or each refused call would ask it again. */
const refusedMs = 1000;

interface Portion {
  left: number;
  /** When the rest of it is lost. */
  readonly until: number;
  /** There is no other before that. */
  readonly emptyUntil?: number;
}

/**
 * Counts in the store, for all replicas that share it. Each takes a portion of a user's minute at a time and asks for the next when it is
 * used up, so a call seldom waits for the store; what is left of one after a minute is lost. While the store can't be asked, each replica
 * counts alone: nobody is refused for it.
 */
export const sharedRate = (perMinute: number, store: Pick<RecordStore, 'count'>, log: Log): Rate => {
  const portion = Math.max(1, Math.floor(perMinute / portions));
  const alone = localRate(perMinute);
  const held = new Map<string, Portion>();
  /** One question at a time for each user; the others wait for its answer. */
  const asking = new Map<string, Promise<void>>();

  /** @throws Busy */
  const spend = (user: string, calls: number): boolean => {
    const own = held.get(user);
    const now = performance.now();
    if (!own || own.until <= now) return false;
    if (own.left < calls && own.emptyUntil !== undefined) throw tooMany(perMinute, (own.emptyUntil - now) / 1000);
    if (own.left < calls) return false;
    own.left -= calls;
    return true;
  };

  const ask = async (user: string, calls: number): Promise<void> => {
    const now = performance.now();
    if (held.size > 10_000) for (const [other, { until }] of held) if (until <= now) held.delete(other);
    let waitMs = windowMs;
    for (const cost of new Set([Math.max(portion, calls), calls])) {
      const { allowed, retryAfterMs } = await store.count(`calls\n${user}`, { limit: perMinute, windowMs, cost });
      if (allowed) return void held.set(user, { left: cost, until: now + windowMs });
      waitMs = retryAfterMs;
    }
    held.set(user, { left: 0, until: now + Math.min(waitMs, refusedMs), emptyUntil: now + waitMs });
  };

  const take = async (user: string, calls: number): Promise<void> => {
    while (!spend(user, calls)) {
      const asked = asking.get(user) ?? ask(user, calls).finally(() => asking.delete(user));
      asking.set(user, asked);
      await asked;
    }
  };

  return {
    take: (user, calls) => {
      if (spend(user, calls)) return undefined;
      return take(user, calls).catch((thrown: unknown) => {
        if (thrown instanceof Busy) throw thrown;
        log.warn({ err: thrown }, 'calls are counted here alone: the store can not be asked');
        return alone.take(user, calls);
      });
    },
  };
};

const tooMany = (perMinute: number, seconds: number): Busy => {
  const wait = Math.max(1, Math.ceil(seconds));
  return new Busy(`That is more than ${perMinute} calls in a minute. Wait ${wait} seconds or more.`, wait);
};
