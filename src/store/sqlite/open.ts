import type Sqlite from 'better-sqlite3';
import { PublicError } from '../../errors.ts';
import type { Settings } from '../engine.ts';
import { refuseMissingKeys } from '../operations/keys.ts';
import { storeOn } from '../operations/operations.ts';
import type { Store } from '../store.ts';
import { Connection, isBusy, isDamaged, storeError } from './connection.ts';
import { damaged, migrate, prepareFile, refuseForeign } from './file.ts';
import { holdHost } from './host-lease.ts';

/** How long the start may wait for another process that is starting, too. */
const startPatienceMs = 10_000;

export const openSqlite = async (
  file: string,
  settings: Settings & { readonly allowMissingKeys?: boolean; readonly host?: string },
): Promise<Store> => {
  if (!file || file === ':memory:' || file.startsWith('file:')) {
    throw new PublicError('misconfigured', 'KESTRA_MCP_STORE: give the path of a file');
  }
  prepareFile(file);
  const host = await holdHost(file, settings.host);
  try {
    const Database = await driver();
    const db = new Database(file, { timeout: startPatienceMs });
    try {
      refuseForeign(db);
      db.pragma('journal_mode = WAL');
      db.pragma('synchronous = FULL');
      db.pragma('foreign_keys = ON');
      db.pragma('secure_delete = ON');
      db.pragma('trusted_schema = OFF');
      migrate(db);
      db.pragma('busy_timeout = 5');
      const connection = new Connection(db, host, settings);
      if (!settings.allowMissingKeys) await refuseMissingKeys(connection);
      return storeOn(connection, settings.onAudited);
    } catch (error) {
      db.close();
      throw error;
    }
  } catch (error) {
    host.release();
    if (isDamaged(error)) throw damaged(error);
    if (isBusy(error))
      throw new PublicError('unavailable', 'KESTRA_MCP_STORE: another process keeps the file locked; start again shortly', error);
    throw storeError(error);
  }
};

/** Over stdio nothing is stored, so its native part may be missing where it could be neither fetched nor compiled. */
const driver = async (): Promise<typeof Sqlite> => {
  try {
    const { default: Database } = await import('better-sqlite3');
    new Database(':memory:').close();
    return Database;
  } catch (error) {
    throw new PublicError(
      'misconfigured',
      'better-sqlite3 is not installed or does not fit this Node: npm rebuild better-sqlite3 says why (it needs a compiler where no built one can be had)',
      error,
    );
  }
};
