import type { Store } from './store.ts';

/** The store's time, told without asking it each time. */
export interface StoreTime {
  readonly clock: () => number;
  /** How far this host's own clock is behind it, in milliseconds. */
  behindMs(): number;
  stop(): void;
}

const everyMs = 30_000;

/**
 * Follows the store's clock, so that replicas whose own clocks differ agree on what is too old and what is from the future. In between it
 * goes by the time that passes, so that a jump of the host's clock does not matter; while the store can't be asked it goes on.
 */
export const followTime = async (store: Pick<Store, 'now'>): Promise<StoreTime> => {
  let ahead = 0;
  const ask = async (): Promise<void> => {
    const asked = performance.now();
    const told = await store.now();
    // Half the journey is over when the store looks at its clock.
    ahead = told - (asked + performance.now()) / 2;
  };
  await ask();
  const timer = setInterval(() => void ask().catch(() => undefined), everyMs).unref();
  const clock = (): number => Math.round(performance.now() + ahead);
  return { clock, behindMs: () => clock() - Date.now(), stop: () => clearInterval(timer) };
};
