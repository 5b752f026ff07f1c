import type Sqlite from 'better-sqlite3';
import { PublicError } from '../../errors.ts';
import type { Store } from '../store.ts';
import { accountStore } from './account.ts';
import { auditStore } from './audit.ts';
import { clientStore } from './clients.ts';
import { codeStore } from './codes.ts';
import { Connection, isBusy, isDamaged, type Settings, storeError } from './connection.ts';
import { counterStore } from './counters.ts';
import { credentialStore } from './credentials.ts';
import { damaged, migrate, prepareFile, refuseForeign } from './file.ts';
import { holdHost } from './host-lease.ts';
import { keyStore, refuseMissingKeys } from './keys.ts';
import { providerStore } from './provider.ts';
import { refreshStore } from './refresh.ts';
import { revocationStore } from './revocation.ts';
import { signInStore } from './sign-ins.ts';
import { sweepStore } from './sweep.ts';
import { userStore } from './users.ts';

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
      if (!settings.allowMissingKeys) refuseMissingKeys(connection);
      return store(connection);
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

const store = (connection: Connection): Store => ({
  ...clientStore(connection),
  ...signInStore(connection),
  ...codeStore(connection),
  ...refreshStore(connection),
  ...providerStore(connection),
  ...revocationStore(connection),
  ...credentialStore(connection),
  ...accountStore(connection),
  ...userStore(connection),
  ...auditStore(connection),
  ...counterStore(connection),
  ...keyStore(connection),
  ...sweepStore(connection),
  now: async () => connection.clock(),
  check: () => connection.write(() => void connection.sql('SELECT version FROM schema').get()),
  close: async () => connection.close(),
});
