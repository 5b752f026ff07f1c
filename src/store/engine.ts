import { PublicError } from '../errors.ts';
import type { Keyring } from './seal.ts';
import type { Bounds, Lifetimes } from './store.ts';
import type { Audited } from './telling.ts';
import type { Work } from './work.ts';

export interface Settings {
  readonly keyring: Keyring;
  readonly lifetimes: Lifetimes;
  readonly bounds: Bounds;
  /** Told of every row of the audit, once it is kept. */
  readonly onAudited?: (row: Audited) => void;
  /** Instead of the store's own, for tests that move the time. */
  readonly clock?: () => number;
}

/** A database: what the operations of the store run on. */
export interface Engine extends Omit<Settings, 'clock' | 'onAudited'> {
  /**
   * One transaction: it is durable before this resolves; if `work` throws, nothing happened. `now` is the time at its begin, by the store's
   * clock. @throws PublicError `unavailable`
   */
  write<T>(work: (now: number) => Work<T>): Promise<T>;
  /** The same, unless another process is at work under this name: then nothing is done, and undefined. */
  writeAlone<T>(name: string, work: (now: number) => Work<T>): Promise<T | undefined>;
  /** One statement that reads, in its own snapshot. @throws PublicError `unavailable` */
  glance<T>(work: () => Work<T>): Promise<T>;
  now(): Promise<number>;
  /** Later operations throw `unavailable`. */
  close(): Promise<void>;
}

export const unavailable = (detail: unknown): PublicError =>
  new PublicError('unavailable', 'This server cannot read or write its own data just now. Nothing was changed; try again shortly.', detail);
