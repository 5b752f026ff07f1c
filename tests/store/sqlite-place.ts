import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { openStore } from '../../src/store/open.ts';
import type { Engine, Place } from './contract/story.ts';

/** In memory where the system has such a folder: what these tests ask does not depend on the speed of a disk. */
const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

export const sqlitePlace = async (): Promise<Place & { folder: string; file: string }> => {
  const folder = await mkdtemp(join(base, 'kmcp-store-'));
  const file = join(folder, 'data', 'store.sqlite');
  const raw = <Row extends object>(sql: string): Row[] => {
    const db = new Database(file);
    try {
      const statement = db.prepare<[], Row>(sql);
      if (statement.reader) return statement.all();
      statement.run();
      return [];
    } finally {
      db.close();
    }
  };
  return {
    folder,
    file,
    location: file,
    open: (options) => openStore(file, options),
    destroy: () => rm(folder, { recursive: true, force: true }),
    raw: async (sql) => raw(sql),
    tables: async () =>
      raw<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'sqlite_sequence'").map(({ name }) => name),
    bytes: async () => Promise.all((await readdir(dirname(file))).map((name) => readFile(join(dirname(file), name)))),
  };
};

export const sqlite: Engine = { name: 'SQLite', place: sqlitePlace };
