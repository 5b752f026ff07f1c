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

/** Milliseconds. Not the time of day, which can be set back. */
const monotonic = (): number => performance.now();

/** Counts in this process: `perMinute` calls of each user, as many in one burst. */
export const localRate = (perMinute: number, clock: () => number = monotonic): Rate => {
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
      throw tooMany(perMinute, calls, ((calls - tokens) * 60) / perMinute);
    },
  };
};

const windowMs = 60_000;
/** So many portions make a minute's calls. */
const portions = 20;

/** What the store said last holds for this long, or each refused call would ask it again. */
const holdMs = 1000;

interface Portion {
  left: number;
  /** When the rest of it is lost. */
  readonly until: number;
}

/** So many calls, or more, need not ask before `until`. */
interface Refusal {
  readonly calls: number;
  readonly until: number;
  readonly retryAt: number;
}

/**
 * Counts in the store, for all replicas that share it. Each takes a portion of a user's minute at a time and asks for the next when it is
 * used up, so a call seldom waits for the store; what is left of one after a minute is lost. While the store can't be asked, each replica
 * counts alone: nobody is refused for it.
 */
export const sharedRate = (perMinute: number, store: Pick<RecordStore, 'count'>, log: Log, clock: () => number = monotonic): Rate => {
  const portion = Math.max(1, Math.floor(perMinute / portions));
  const alone = localRate(perMinute, clock);
  let aloneUntil = Number.NEGATIVE_INFINITY;
  const held = new Map<string, Portion>();
  const refused = new Map<string, Refusal>();
  /** One question at a time for each user; the others wait for its answer. */
  const asking = new Map<string, Promise<void>>();

  const portionOf = (user: string): Portion | undefined => {
    const own = held.get(user);
    return own && own.until > clock() ? own : undefined;
  };

  /** @throws Busy */
  const spend = (user: string, calls: number): boolean => {
    const own = portionOf(user);
    if (own && own.left >= calls) {
      own.left -= calls;
      return true;
    }
    const no = refused.get(user);
    const now = clock();
    if (no && no.until > now && no.calls <= calls) throw tooMany(perMinute, calls, (no.retryAt - now) / 1000);
    return false;
  };

  const ask = async (user: string, calls: number): Promise<void> => {
    const now = clock();
    for (const kept of [held, refused]) forgetOver(kept, now);
    let waitMs = windowMs;
    for (const cost of new Set([Math.max(portion, calls), calls])) {
      const { allowed, retryAfterMs } = await store.count(`calls\n${user}`, { limit: perMinute, windowMs, cost });
      if (allowed) return void held.set(user, { left: cost + (portionOf(user)?.left ?? 0), until: now + windowMs });
      waitMs = retryAfterMs;
    }
    refused.set(user, { calls, until: now + Math.min(waitMs, holdMs), retryAt: now + waitMs });
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
      if (aloneUntil > clock()) return alone.take(user, calls);
      return take(user, calls).catch((thrown: unknown) => {
        if (thrown instanceof Busy) throw thrown;
        if (aloneUntil <= clock()) log.warn({ err: thrown }, 'calls are counted here alone: the store can not be asked');
        aloneUntil = clock() + holdMs;
        return alone.take(user, calls);
      });
    },
  };
};

const forgetOver = (kept: Map<string, { readonly until: number }>, now: number): void => {
  if (kept.size > 10_000) for (const [user, { until }] of kept) if (until <= now) kept.delete(user);
};

const tooMany = (perMinute: number, calls: number, seconds: number): Busy => {
  if (calls > perMinute) return new Busy(`A request may hold ${perMinute} calls, the most of yours in a minute. Send fewer together.`, 1);
  const wait = Math.max(1, Math.ceil(seconds));
  return new Busy(`That is more than ${perMinute} calls in a minute. Wait ${wait} seconds or more.`, wait);
};
