import { setTimeout as pause } from 'node:timers/promises';
import type { Database, Statement } from 'better-sqlite3';
import { asPublicError, PublicError } from '../../errors.ts';
import type { Keyring } from '../seal.ts';
import type { Bounds, Lifetimes } from '../store.ts';
import type { HostLease } from './host-lease.ts';

/** How long an operation waits for another process's write before it gives up. */
const patienceMs = 1500;

export interface Settings {
  readonly keyring: Keyring;
  readonly lifetimes: Lifetimes;
  readonly bounds: Bounds;
  readonly clock: () => number;
}

/** The open file, its prepared statements, and the two ways to use it. */
export class Connection {
  readonly keyring: Keyring;
  readonly lifetimes: Lifetimes;
  readonly bounds: Bounds;
  readonly clock: () => number;
  readonly #db: Database;
  readonly #host: HostLease;
  readonly #transaction;
  readonly #statements = new Map<string, Statement<unknown[]>>();
  #freed: Promise<void> | undefined;
  #closed = false;

  constructor(db: Database, host: HostLease, { keyring, lifetimes, bounds, clock }: Settings) {
    this.#db = db;
    this.#host = host;
    this.keyring = keyring;
    this.lifetimes = lifetimes;
    this.bounds = bounds;
    this.clock = clock;
    this.#transaction = db.transaction((work: () => unknown) => work());
  }

  /** A statement, prepared once. `Row` is what its rows look like: the one who writes the SQL knows. */
  sql<Row = unknown>(text: string): Statement<unknown[], Row> {
    let statement = this.#statements.get(text);
    if (!statement) {
      statement = this.#db.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement as Statement<unknown[], Row>;
  }

  /**
   * One IMMEDIATE transaction: what `work` read is still true when it writes. It commits (and is on the disk) before this resolves;
   * if `work` throws, nothing happened. `work` may run again when the file was busy, so it must do nothing but read and write here.
   */
  write<T>(work: (now: number) => T): Promise<T> {
    return this.#attempt(true, () => this.#transaction.immediate(() => work(this.clock())) as T);
  }

  /** One snapshot. */
  read<T>(work: (now: number) => T): Promise<T> {
    return this.#attempt(false, () => this.#transaction.deferred(() => work(this.clock())) as T);
  }

  /** One statement that reads: it needs no transaction around it. */
  glance<T>(work: (now: number) => T): Promise<T> {
    return this.#attempt(false, () => work(this.clock()));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#statements.clear();
    this.#db.close();
    this.#host.release();
  }

  async #attempt<T>(writes: boolean, work: () => T): Promise<T> {
    const giveUpAt = performance.now() + patienceMs;
    for (let busy: unknown; ; ) {
      if (this.#closed) throw unavailable('closed');
      this.#host.assert();
      while (writes && this.#freed && performance.now() < giveUpAt) {
        busy ??= 'others wait for the lock';
        await this.#freed;
      }
      if (busy && performance.now() >= giveUpAt) throw unavailable(busy);
      try {
        return work();
      } catch (error) {
        if (!isBusy(error)) throw storeError(error);
        busy = error;
      }
      this.#freed ??= this.#untilFree(giveUpAt).finally(() => {
        this.#freed = undefined;
      });
      await this.#freed;
    }
  }

  /** One of those who wait tries the lock, for all: many waiting requests must not block the event loop one after the other. */
  async #untilFree(giveUpAt: number): Promise<void> {
    while (performance.now() < giveUpAt && !this.#closed) {
      await pause(3 + Math.random() * 12);
      try {
        this.#transaction.immediate(() => undefined);
        return;
      } catch (error) {
        if (!isBusy(error)) return;
      }
    }
  }
}

const sqliteCode = (error: unknown): string | undefined => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && code.startsWith('SQLITE_') ? code : undefined;
};

export const isBusy = (error: unknown): boolean => /^SQLITE_(BUSY|LOCKED)/.test(sqliteCode(error) ?? '');

export const isDamaged = (error: unknown): boolean => /^SQLITE_(NOTADB|CORRUPT)/.test(sqliteCode(error) ?? '');

export const unavailable = (detail: unknown): PublicError =>
  new PublicError('unavailable', 'This server cannot read or write its own data just now. Nothing was changed; try again shortly.', detail);

/** SQLite's faults are conditions of the machine; its complaints about our statements are defects. */
export const storeError = (error: unknown): PublicError =>
  /^SQLITE_(BUSY|LOCKED|FULL|READONLY|IOERR|CANTOPEN|CORRUPT|NOTADB|NOMEM|PROTOCOL|PERM|AUTH|INTERRUPT)/.test(sqliteCode(error) ?? '')
    ? unavailable(error)
    : asPublicError(error);
