import { PublicError } from '../errors.ts';
import type { Keyring } from './seal.ts';
import type { Bounds, Lifetimes, Store } from './store.ts';
import { defaultBounds, defaultLifetimes } from './store.ts';

export interface StoreOptions {
  readonly keyring: Keyring;
  readonly lifetimes?: Partial<Lifetimes>;
  readonly bounds?: Partial<Bounds>;
  /** For tests that move the time. */
  readonly clock?: () => number;
  /** Commands that repair (`rotate-keys`, `check`) may open a store whose rows need a key that the ring lacks. */
  readonly allowMissingKeys?: boolean;
}

/**
 * Opens the store at a file's path (SQLite; made if it isn't there), brought to this program's schema.
 * @throws PublicError `misconfigured` with what to do: no such place, not ours, made by a newer program, served by another host, sealed
 * with other keys; `unavailable`: locked or full
 */
export const openStore = async (location: string, options: StoreOptions): Promise<Store> => {
  if (/^postgres(ql)?:/.test(location))
    throw new PublicError('misconfigured', 'KESTRA_MCP_STORE: give a file; PostgreSQL is not supported yet');
  const { openSqlite } = await import('./sqlite/open.ts');
  return openSqlite(location, {
    ...options,
    lifetimes: { ...defaultLifetimes, ...options.lifetimes },
    bounds: { ...defaultBounds, ...options.bounds },
    clock: options.clock ?? Date.now,
  });
};
