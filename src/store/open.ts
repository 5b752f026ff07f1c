import type { Keyring } from './seal.ts';
import type { Bounds, Lifetimes, Store } from './store.ts';
import { defaultBounds, defaultLifetimes } from './store.ts';
import type { Audited } from './telling.ts';

export interface StoreOptions {
  readonly keyring: Keyring;
  readonly lifetimes?: Partial<Lifetimes>;
  readonly bounds?: Partial<Bounds>;
  /** Told of every row of the audit, once it is kept. */
  readonly onAudited?: (row: Audited) => void;
  /** Instead of the store's own, for tests that move the time. */
  readonly clock?: () => number;
  /** Commands that repair (`rotate-keys`, `check`) may open a store whose rows need a key that the ring lacks. */
  readonly allowMissingKeys?: boolean;
}

/**
 * Opens the store at a file's path (SQLite) or a URL (PostgreSQL); made if it isn't there, brought to this program's schema.
 * @throws PublicError `misconfigured` with what to do: no such place, not ours, made by a newer program, served by another host, sealed
 * with other keys; `unavailable`: locked, full or not reached
 */
export const openStore = async (location: string, options: StoreOptions): Promise<Store> => {
  const settings = {
    ...options,
    lifetimes: { ...defaultLifetimes, ...options.lifetimes },
    bounds: { ...defaultBounds, ...options.bounds },
  };
  // Each engine's driver is loaded where it is used.
  if (isShared(location)) return (await import('./postgres/open.ts')).openPostgres(location, settings);
  return (await import('./sqlite/open.ts')).openSqlite(location, settings);
};

/** Whether several hosts may serve from a place: what must be one for all of them belongs in its store, not in a process. */
export const isShared = (location: string): boolean => /^postgres(ql)?:/.test(location);

/** The place of a store for people to read: without the password. */
export const nameOfPlace = (location: string): string => {
  if (!isShared(location)) return location;
  if (!URL.canParse(location)) return 'postgres://…';
  const { hostname, port, pathname, searchParams } = new URL(location);
  return `postgres://${hostname || (searchParams.get('host') ?? '')}${port && `:${port}`}${pathname}`;
};
