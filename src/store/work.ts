import type { AuditEvent, Origin } from './records.ts';

/** What a statement's question mark stands for. */
export type Bind = string | number | Buffer | null;

/** One statement of an operation, in the SQL that both engines understand. `?` is the next bind, `:now` the time. */
export interface Statement {
  readonly sql: string;
  readonly binds: readonly Bind[];
  /** The alias of the table whose found rows nobody else may change before this transaction ends. */
  readonly held?: string;
  /** The row of the audit that it writes. */
  readonly audited?: AuditEvent & Origin;
}

export interface Result {
  readonly rows: readonly unknown[];
  /** Rows written, or found. */
  readonly changes: number;
}

/**
 * The steps of an operation: it yields each statement and gets its result back. SQLite runs the steps at once, PostgreSQL with a journey
 * to the server for each, and what is decided between them is written once. It does nothing but read and write here, as it may run again.
 */
export type Work<T> = Generator<Statement, T, Result>;

/** Every row that a statement finds. `Row` is what they look like: the one who writes the SQL knows. */
export function* all<Row>(sql: string, ...binds: Bind[]): Work<readonly Row[]> {
  return (yield { sql, binds }).rows as readonly Row[];
}

/** The only row. */
export function* one<Row>(sql: string, ...binds: Bind[]): Work<Row | undefined> {
  return (yield { sql, binds }).rows[0] as Row | undefined;
}

/** Writes, and says how many rows that were. */
export function* run(sql: string, ...binds: Bind[]): Work<number> {
  return (yield { sql, binds }).changes;
}

/**
 * Like `all`, and what was found stays as it is until this transaction ends: another one that wants to write it waits. Under SQLite a
 * transaction that writes is alone anyway.
 */
export function* hold<Row>(alias: string, sql: string, ...binds: Bind[]): Work<readonly Row[]> {
  return (yield { sql, binds, held: alias }).rows as readonly Row[];
}
