/** Many users at once, each of whom calls as soon as the last answer is there. */
import { Pool } from 'undici';
import type { Contenders } from './contenders.ts';
import { getFlow } from './measure.ts';
import { inTurns } from './medians.ts';
import { cpuMs } from './process.ts';
import { startTeam } from './team.ts';
import { failureOf, type Post, toolCall, type Version, type WebPeer } from './web-peer.ts';

/** What came of it. Times in milliseconds, of the answers that were good. */
export interface Load {
  /** As many calls a second would keep one core busy. */
  readonly perCore: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly errors: readonly string[];
}

/** @param calls all together @param posts what the users send, in turn */
export const load = async (peer: Pick<WebPeer, 'base' | 'pid'>, users: number, calls: number, posts: readonly Post[]): Promise<Load> => {
  const pool = new Pool(peer.base, { connections: users });
  const took: number[] = [];
  const errors: string[] = [];
  let left = calls;
  const user = async (post: Post) => {
    while (left-- > 0) {
      const began = performance.now();
      const { statusCode, body } = await pool.request({ path: '/mcp', method: 'POST', ...post });
      const failure = failureOf(statusCode, await body.text());
      if (failure) errors.push(failure);
      else took.push(performance.now() - began);
    }
  };
  const used = cpuMs(peer.pid);
  await Promise.all(Array.from({ length: users }, (_, i) => user(posts[i % posts.length] as Post)));
  const cpu = cpuMs(peer.pid) - used;
  await pool.close();
  took.sort((a, b) => a - b);
  const at = (share: number) => took[Math.min(took.length - 1, Math.floor(share * took.length))] ?? Number.NaN;
  return { perCore: (1000 * calls) / cpu, p50: at(0.5), p95: at(0.95), p99: at(0.99), errors };
};

/** So many sign in; more users than these are the same people again: nobody has more than a handful of calls under way. */
const people = 100;
export const crowds = [1, 50, 500] as const;
export type Crowd = (typeof crowds)[number];

/** At least so many calls, and as many of each user: enough for a 99th percentile. */
const callsOf = (users: number) => Math.max(2000, users * 8);

export interface Rounds {
  readonly ours: Load[];
  readonly bare: Load[];
  /** Express alone, which gives back what it was sent. */
  readonly echo: Load[];
}

/** Ours, the bare server and express, in turns, under the load of each crowd. */
export const underLoad = async (contenders: Contenders, rounds: number, version: Version = '2026-07-28'): Promise<Map<Crowd, Rounds>> => {
  const { ours, tokens, stop } = await startTeam(contenders, people);
  const [bare, echo] = [await contenders.bareOnTheWeb(), await contenders.expressAlone()];
  try {
    const posts = tokens.map((token) => toolCall(getFlow.name, getFlow.arguments, version, token));
    const anybody = [toolCall(getFlow.name, getFlow.arguments, version)];
    // Its answer is what it was sent: here, what a server would have said.
    const said = { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, result: {} }) };
    const found = new Map<Crowd, Rounds>();
    for (const [peer, sent] of [
      [ours, posts],
      [bare, anybody],
      [echo, [said]],
    ] as const)
      await load(peer, 10, 2000, sent);
    for (const users of crowds) {
      const calls = callsOf(users);
      found.set(
        users,
        await inTurns(rounds, {
          ours: () => load(ours, users, calls, posts),
          bare: () => load(bare, users, calls, anybody),
          echo: () => load(echo, users, calls, [said]),
        }),
      );
    }
    return found;
  } finally {
    await Promise.all([stop(), bare.close(), echo.close()]);
  }
};
