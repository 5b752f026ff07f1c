import { setTimeout as pause } from 'node:timers/promises';
import type { Database, Statement } from 'better-sqlite3';
import { asPublicError, type PublicError } from '../../errors.ts';
import { type Engine, type Settings, unavailable } from '../engine.ts';
import type { Result, Work } from '../work.ts';
import type { HostLease } from './host-lease.ts';

/** How long an operation waits for another process's write before it gives up. */
const patienceMs = 1500;

/** The open file, its prepared statements, and the two ways to use it. */
export class Connection implements Engine {
  readonly keyring;
  readonly lifetimes;
  readonly bounds;
  readonly #clock: () => number;
  readonly #db: Database;
  readonly #host: HostLease;
  readonly #transaction;
  readonly #statements = new Map<string, (binds: readonly unknown[], now: number) => Result>();
  #freed: Promise<void> | undefined;
  #closed = false;

  constructor(db: Database, host: HostLease, { keyring, lifetimes, bounds, clock = Date.now }: Settings) {
    this.#db = db;
    this.#host = host;
    this.keyring = keyring;
    this.lifetimes = lifetimes;
    this.bounds = bounds;
    this.#clock = clock;
    this.#transaction = db.transaction((work: () => unknown) => work());
  }

  async now(): Promise<number> {
    return this.#clock();
  }

  /**
   * One IMMEDIATE transaction: what `work` read is still true when it writes. It commits (and is on the disk) before this resolves.
   */
  write<T>(work: (now: number) => Work<T>): Promise<T> {
    return this.#attempt(true, () => this.#transaction.immediate(() => this.#run(work)) as T);
  }

  /** The file's lock is for one writer as it is. */
  writeAlone<T>(_: string, work: (now: number) => Work<T>): Promise<T> {
    return this.write(work);
  }

  glance<T>(work: () => Work<T>): Promise<T> {
    return this.#attempt(false, () => this.#run(work));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#statements.clear();
    this.#db.close();
    this.#host.release();
  }

  #run<T>(work: (now: number) => Work<T>): T {
    const now = this.#clock();
    const steps = work(now);
    let step = steps.next();
    while (!step.done) {
      const { sql, binds } = step.value;
      step = steps.next(this.#prepared(sql)(binds, now));
    }
    return step.value;
  }

  #prepared(sql: string): (binds: readonly unknown[], now: number) => Result {
    let prepared = this.#statements.get(sql);
    if (!prepared) {
      prepared = runner(this.#db.prepare(sql), sql.includes(':now'));
      this.#statements.set(sql, prepared);
    }
    return prepared;
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

const runner = (statement: Statement<unknown[]>, timed: boolean): ((binds: readonly unknown[], now: number) => Result) => {
  const given = (binds: readonly unknown[], now: number) => (timed ? [...binds, { now }] : binds);
  if (!statement.reader) return (binds, now) => ({ rows: [], changes: statement.run(...given(binds, now)).changes });
  return (binds, now) => {
    const rows = statement.all(...given(binds, now));
    return { rows, changes: rows.length };
  };
};

const sqliteCode = (error: unknown): string | undefined => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && code.startsWith('SQLITE_') ? code : undefined;
};

export const isBusy = (error: unknown): boolean => /^SQLITE_(BUSY|LOCKED)/.test(sqliteCode(error) ?? '');

export const isDamaged = (error: unknown): boolean => /^SQLITE_(NOTADB|CORRUPT)/.test(sqliteCode(error) ?? '');

/** SQLite's faults are conditions of the machine; its complaints about our statements are defects. */
export const storeError = (error: unknown): PublicError =>
  /^SQLITE_(BUSY|LOCKED|FULL|READONLY|IOERR|CANTOPEN|CORRUPT|NOTADB|NOMEM|PROTOCOL|PERM|AUTH|INTERRUPT)/.test(sqliteCode(error) ?? '')
    ? unavailable(error)
    : asPublicError(error);
