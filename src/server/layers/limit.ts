import { PublicError } from '../../errors.ts';
import { bounded } from '../bounds.ts';
import type { Layer } from '../pipeline.ts';

export interface Limits {
  /** Calls of one user at the same time. */
  readonly concurrent: number;
  /** Calls of one user in a minute; as many may come in one burst. */
  readonly perMinute: number;
  /** Characters of an answer's text. */
  readonly answer: number;
}

interface Use {
  running: number;
  /** How many calls may start at once; refilled as time passes. */
  tokens: number;
  refilled: number;
}

/** Keeps one user from starving the others, and every answer readable. */
export const limit = ({ concurrent, perMinute, answer }: Limits): Layer => {
  const users = new Map<string, Use>();

  const enter = (key: string): Use => {
    const now = Date.now();
    const use = users.get(key) ?? { running: 0, tokens: perMinute, refilled: now };
    use.tokens = Math.min(perMinute, use.tokens + ((now - use.refilled) / 60_000) * perMinute);
    use.refilled = now;
    users.set(key, use);
    if (use.running >= concurrent) {
      throw new PublicError('busy', `You have ${concurrent} calls under way, the most at a time. Wait for one to end.`);
    }
    if (use.tokens < 1) {
      throw new PublicError('busy', `That is more than ${perMinute} calls in a minute. Wait ${Math.ceil(60 / perMinute)} seconds or more.`);
    }
    use.tokens -= 1;
    use.running += 1;
    return use;
  };

  const leave = (key: string, use: Use): void => {
    use.running -= 1;
    // Nobody who is idle is remembered: a full bucket is what a newcomer has.
    if (use.running === 0 && use.tokens + ((Date.now() - use.refilled) / 60_000) * perMinute >= perMinute) users.delete(key);
    if (users.size > 10_000) for (const [other, { running }] of users) if (running === 0) users.delete(other);
  };

  return (next) => async (call) => {
    const key = call.session.principal.key;
    const use = enter(key);
    try {
      const result = await next(call);
      return { ...result, answer: bounded(result.answer, answer) };
    } finally {
      leave(key, use);
    }
  };
};
