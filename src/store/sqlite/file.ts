import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Database } from 'better-sqlite3';
import { PublicError } from '../../errors.ts';
import { migrations, refuseNewer, type SchemaRow } from '../schema.ts';

/** "kmcp" in the file's header: whose database it is. */
const applicationId = 0x6b6d6370;

/**
 * Makes folder (0700) and file (0600) if they aren't there. An existing file that others may read is closed to them, if it is this
 * user's.
 * @throws PublicError `misconfigured`
 */
export const prepareFile = (file: string): void => {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    closeSync(openSync(file, 'a', 0o600));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new PublicError('misconfigured', `KESTRA_MCP_STORE: the file can't be made or written (${code})`, error);
  }
  const { mode, uid } = statSync(file);
  if (mode & 0o077 && uid === process.getuid?.()) chmodSync(file, 0o600);
};

/** Refuses what isn't ours or is no longer for us, before anything in it changes. @throws PublicError `misconfigured` */
export const refuseForeign = (db: Database): void => {
  const tables = db.prepare<[], { n: number }>('SELECT count(*) AS n FROM sqlite_master').get()?.n ?? 0;
  if (tables > 0 && !isOurs(db)) {
    throw new PublicError('misconfigured', 'KESTRA_MCP_STORE: the file is a database of another program; name another file');
  }
  const [damage] = db.pragma('quick_check(1)') as { quick_check: string }[];
  if (damage?.quick_check !== 'ok') throw damaged(damage);
  if (tables > 0) readSchema(db, migrations.length);
};

const isOurs = (db: Database): boolean => db.pragma('application_id', { simple: true }) === applicationId;

const readSchema = (db: Database, understood: number): SchemaRow => {
  const row = db.prepare<[], SchemaRow>('SELECT version, readable_by FROM schema').get();
  if (!row) throw damaged('no schema row');
  refuseNewer(row, understood);
  return row;
};

export const damaged = (detail: unknown): PublicError =>
  new PublicError(
    'misconfigured',
    'KESTRA_MCP_STORE: the file is damaged or no database. Restore a backup (with its -wal file, if there is one); ' +
      'or move it away and start anew: then everybody signs in and registers their credential again.',
    detail,
  );

/**
 * Brings the schema to what this program knows. Safe in several processes at once: one does it, the others find it done.
 * @throws PublicError `misconfigured` when a newer program has made it unreadable for this one
 */
export const migrate = (db: Database, steps = migrations): void => {
  db.transaction(() => {
    if (!isOurs(db)) {
      db.pragma(`application_id = ${applicationId}`);
      db.exec('CREATE TABLE schema (version INTEGER NOT NULL, readable_by INTEGER NOT NULL) STRICT; INSERT INTO schema VALUES (0, 0);');
    }
    const { version } = readSchema(db, steps.length);
    for (const [i, step] of steps.entries()) {
      if (i < version) continue;
      db.exec(step.sql);
      db.prepare('UPDATE schema SET version = ?, readable_by = ?').run(i + 1, step.readableBy);
    }
  }).immediate();
};
