/** How long replicas take that all start at once. */
import { generateKey } from '../../src/store/seal.ts';
import { PostgresServer } from '../harness/postgres.ts';
import type { Contenders } from './contenders.ts';
import { inTurns } from './medians.ts';
import { provider, signInAt } from './team.ts';
import type { WebPeer } from './web-peer.ts';

/** So many at once. */
export const fleets = [1, 2, 4] as const;

export interface Starts {
  /** Milliseconds until all of them serve: on an empty database, and on one that others have left. */
  readonly empty: number[];
  readonly again: number[];
  /** As many bare servers. */
  readonly bare: number[];
}

/** Milliseconds until each of them serves, and then they are gone. */
const timed = async (count: number, start: () => Promise<WebPeer>): Promise<number> => {
  const began = performance.now();
  const peers = await Promise.all(Array.from({ length: count }, start));
  const took = performance.now() - began;
  await Promise.all(peers.map((peer) => peer.close()));
  return took;
};

/** Replicas on a PostgreSQL of their own, whose commits are durable. */
export const starts = async (contenders: Contenders, rounds: number): Promise<Map<number, Starts>> => {
  const database = await PostgresServer.start([]);
  const { idp } = await provider(1);
  const common = { ...signInAt(idp), ENCRYPTION_KEY: generateKey() };
  const ours = (count: number, place: string) => timed(count, () => contenders.oursOnTheWeb({ ...common, KESTRA_MCP_STORE: place }));
  const known = database.place();
  try {
    await ours(1, known);
    const found = new Map<number, Starts>();
    for (const count of fleets) {
      const measured = await inTurns(rounds, {
        empty: () => ours(count, database.place()),
        again: () => ours(count, known),
        bare: () => timed(count, contenders.bareOnTheWeb),
      });
      found.set(count, measured);
    }
    return found;
  } finally {
    await Promise.all([database.destroy(), idp.stop()]);
  }
};
