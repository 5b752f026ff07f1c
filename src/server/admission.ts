import { Busy } from '../errors.ts';
import type { Rate } from './rate.ts';

/** How many there may be at the same time: of one user, and of all. */
export interface Pool {
  readonly each: number;
  readonly all: number;
}

export interface AdmissionRules {
  /** Calls that run. */
  readonly calls: Pool;
  /** Calls that wait for something in Kestra: they are idle, so they take no place from those that work. */
  readonly waits: Pool;
  /** Calls of either kind that stand in line for their turn. */
  readonly queued: Pool;
  /** How long one stands in line, in milliseconds. */
  readonly queueMs: number;
}

export type Kind = 'calls' | 'waits';

/** Who may be served now: nobody makes too many calls, no user takes the places of others, and no line grows without end. */
export interface Admission {
  /**
   * Takes places for the calls of one request, when the user's turn comes; users take turns, whatever number of calls each has in line.
   * @param signal aborted when nobody waits for the answer any more
   * @returns gives the places back, once
   * @throws Busy if there were too many in this minute, there is no room in the line, or the turn does not come in time
   */
  enter(user: string, kind: Kind, calls: number, signal?: AbortSignal): Promise<() => void>;
  /** How many there are now. */
  readonly now: Readonly<Record<Kind | 'queued', number>>;
}

interface Waiter {
  readonly kind: Kind;
  readonly calls: number;
  readonly admit: (leave: () => void) => void;
}

export const createAdmission = (rules: AdmissionRules, rate: Rate): Admission => {
  const running = { calls: new Counts(), waits: new Counts() };
  /** The lines of the users, the one whose turn is next first. */
  const lines = new Map<string, Waiter[]>();
  const queued = new Counts();

  const hasOwnRoom = (user: string, { kind, calls }: Pick<Waiter, 'kind' | 'calls'>): boolean =>
    running[kind].of(user) + calls <= rules[kind].each;
  const hasRoom = ({ kind, calls }: Pick<Waiter, 'kind' | 'calls'>): boolean => running[kind].total + calls <= rules[kind].all;

  const take = (user: string, { kind, calls }: Pick<Waiter, 'kind' | 'calls'>): (() => void) => {
    running[kind].add(user, calls);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      running[kind].add(user, -calls);
      serveLines();
    };
  };

  /** The first of a user's line whom only others keep from going in. */
  const next = (user: string, kind: Kind, line: readonly Waiter[]): Waiter | undefined => {
    const first = line.find((waiter) => waiter.kind === kind);
    return first && hasOwnRoom(user, first) ? first : undefined;
  };

  const serveLines = (): void => {
    for (const kind of ['calls', 'waits'] as const) while (serveNext(kind));
  };

  const serveNext = (kind: Kind): boolean => {
    for (const [user, line] of lines) {
      const waiter = next(user, kind, line);
      if (!waiter) continue;
      // A large request is not passed by small ones for ever: who is next and does not fit makes all wait.
      if (!hasRoom(waiter)) return false;
      leaveLine(user, waiter);
      const rest = lines.get(user);
      if (rest) {
        lines.delete(user);
        lines.set(user, rest);
      }
      waiter.admit(take(user, waiter));
      return true;
    }
    return false;
  };

  const leaveLine = (user: string, waiter: Waiter): void => {
    const line = lines.get(user)?.filter((other) => other !== waiter) ?? [];
    if (line.length > 0) lines.set(user, line);
    else lines.delete(user);
    queued.add(user, -waiter.calls);
  };

  const standInLine = (user: string, kind: Kind, calls: number, signal: AbortSignal | undefined): Promise<() => void> =>
    new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', giveUp);
      };
      const waiter: Waiter = {
        kind,
        calls,
        admit: (leave) => {
          end();
          resolve(leave);
        },
      };
      const giveUp = () => {
        end();
        leaveLine(user, waiter);
        // It may have been the one that made all wait.
        serveLines();
        reject(new Busy('Too much is going on here just now. Try again in a moment.', soon()));
      };
      const timer = setTimeout(giveUp, rules.queueMs);
      signal?.addEventListener('abort', giveUp, { once: true });
      lines.set(user, [...(lines.get(user) ?? []), waiter]);
      queued.add(user, calls);
    });

  return {
    enter: async (user, kind, calls, signal) => {
      const { each } = rules[kind];
      if (calls > each) throw new Busy(`A request may hold ${each} calls, the most of yours at a time. Send fewer together.`, 1);
      if (signal?.aborted) throw new Busy('Nobody waits for this any more.', 1);
      const wish = { kind, calls };
      const goesIn = () => hasOwnRoom(user, wish) && hasRoom(wish) && !lines.get(user)?.some(ofKind) && !othersFirst();
      const ofKind = (waiter: Waiter) => waiter.kind === kind;
      const othersFirst = () => [...lines].some(([other, line]) => next(other, kind, line) !== undefined);
      const refuseFullLine = () => {
        if (queued.of(user) + calls <= rules.queued.each && queued.total + calls <= rules.queued.all) return;
        const why = hasOwnRoom(user, wish)
          ? 'Too much is going on here just now.'
          : `You have ${each} calls under way, the most at a time.`;
        throw new Busy(`${why} Wait for one to end.`, soon());
      };
      if (!goesIn()) refuseFullLine();
      // What was refused a place is not counted. Most counting is done at once, so that no other call comes in between.
      const counting = rate.take(user, calls);
      if (counting) await counting;
      if (goesIn()) return take(user, wish);
      refuseFullLine();
      return standInLine(user, kind, calls, signal);
    },
    get now() {
      return { calls: running.calls.total, waits: running.waits.total, queued: queued.total };
    },
  };
};

/** Seconds: not the same for all, or they all come back together. */
const soon = (): number => 1 + Math.floor(3 * Math.random());

/** Counts by user, without those at nothing. */
class Counts {
  readonly #counts = new Map<string, number>();
  total = 0;

  of(user: string): number {
    return this.#counts.get(user) ?? 0;
  }

  add(user: string, calls: number): void {
    this.total += calls;
    const count = this.of(user) + calls;
    if (count > 0) this.#counts.set(user, count);
    else this.#counts.delete(user);
  }
}
