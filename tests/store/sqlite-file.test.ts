import { chmod, copyFile, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore } from '../../src/store/open.ts';
import { migrations } from '../../src/store/schema.ts';
import { migrate } from '../../src/store/sqlite/file.ts';
import type { Store } from '../../src/store/store.ts';
import { connect, isLive, keyring, refresh, rotated } from './contract/story.ts';
import { sqlitePlace } from './sqlite-place.ts';

let place: Awaited<ReturnType<typeof sqlitePlace>>;
const open: Store[] = [];
beforeEach(async () => {
  place = await sqlitePlace();
});
afterEach(async () => {
  for (const store of open.splice(0)) await store.close();
  await place.destroy();
});

const opened = async (file = place.file): Promise<Store> => {
  const store = await openStore(file, { keyring });
  open.push(store);
  return store;
};
const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);

describe('the file', () => {
  it('is the owner’s alone, with its folder and everything beside it', async () => {
    const store = await opened();
    await connect(store);
    expect(await modeOf(dirname(place.file))).toBe('700');
    const names = await readdir(dirname(place.file));
    expect(names.sort()).toEqual(['store.sqlite', 'store.sqlite-shm', 'store.sqlite-wal', 'store.sqlite.host']);
    for (const name of names) expect(await modeOf(join(dirname(place.file), name))).toBe('600');
    await store.close();
    expect(await readdir(dirname(place.file))).toEqual(['store.sqlite']);
  });

  it('closes a file to others that was left open, and leaves an existing folder as it is', async () => {
    await mkdir(dirname(place.file));
    await chmod(dirname(place.file), 0o755);
    await writeFile(place.file, '');
    await chmod(place.file, 0o644);
    await opened();
    expect(await modeOf(place.file)).toBe('600');
    expect(await modeOf(dirname(place.file))).toBe('755');
  });

  it.each(['', ':memory:', 'file:x?mode=memory'])('refuses %j as a place', async (location) => {
    await expect(openStore(location, { keyring })).rejects.toMatchObject({ code: 'misconfigured', message: /^KESTRA_MCP_STORE/ });
  });

  it('refuses a place that is a folder or lies in a file', async () => {
    await writeFile(join(place.folder, 'plain'), '');
    for (const file of [place.folder, join(place.folder, 'plain', 'x.sqlite')]) {
      const refusal = await openStore(file, { keyring }).catch((error: unknown) => error);
      expect(refusal).toMatchObject({ code: 'misconfigured', message: /can't be made or written/ });
      expect(String(refusal)).not.toContain(place.folder);
    }
  });
});

describe('a file that is not ours, or not whole', () => {
  const refused = async (message: RegExp) => {
    const before = await readFile(place.file);
    const refusal = await openStore(place.file, { keyring }).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'misconfigured', message });
    expect(String(refusal)).not.toContain(place.folder);
    expect((await readFile(place.file)).equals(before)).toBe(true);
  };

  it('another program’s database is refused and not touched', async () => {
    await mkdir(dirname(place.file));
    const db = new Database(place.file);
    db.exec('CREATE TABLE schema (version INTEGER); INSERT INTO schema VALUES (1)');
    db.close();
    await refused(/another program/);
  });

  it('what is no database is refused and not touched', async () => {
    await mkdir(dirname(place.file));
    await writeFile(place.file, 'notes of the administrator\n'.repeat(100));
    await refused(/damaged or no database.*Restore a backup/s);
  });

  it('a damaged one is refused and not touched', async () => {
    const store = await opened();
    for (let i = 0; i < 30; i += 1) await connect(store);
    await store.close();
    const { size } = await stat(place.file);
    const bytes = await readFile(place.file);
    bytes.fill(0xa5, Math.floor(size / 3), Math.floor(size / 3) + 20_000);
    await writeFile(place.file, bytes);
    await refused(/damaged/);
    await writeFile(place.file, bytes.subarray(0, Math.floor(size / 2)));
    await refused(/damaged/);
  });

  it('P20: one that a newer program has changed beyond us is refused, one it only added to is served', async () => {
    await (await opened()).close();
    const newer = (readableBy: number) => {
      const db = new Database(place.file);
      db.exec('ALTER TABLE grants ADD COLUMN added_later TEXT');
      db.prepare('UPDATE schema SET version = ?, readable_by = ?').run(migrations.length + 1, readableBy);
      db.close();
    };
    newer(migrations.length);
    const store = await opened();
    expect(await isLive(store, await connect(store))).toBe(true);
    await store.close();
    const db = new Database(place.file);
    db.prepare('UPDATE schema SET readable_by = ?').run(migrations.length + 1);
    db.pragma('journal_mode = DELETE');
    db.close();
    await refused(/newer kestra-mcp/);
  });

  it('P20: a step is made once, and one that fails leaves the schema as it was', async () => {
    await mkdir(dirname(place.file));
    const db = new Database(place.file);
    migrate(db);
    const step = { readableBy: 1, sql: 'ALTER TABLE users ADD COLUMN nickname TEXT' };
    migrate(db, [...migrations, step]);
    migrate(db, [...migrations, step]);
    const bad = { readableBy: 3, sql: 'ALTER TABLE users ADD COLUMN half TEXT; ALTER TABLE missing ADD COLUMN x TEXT' };
    expect(() => migrate(db, [...migrations, step, bad])).toThrow(/missing/);
    expect(db.prepare('SELECT version, readable_by FROM schema').get()).toEqual({ version: 2, readable_by: 1 });
    const columns = db.prepare("SELECT name FROM pragma_table_info('users')").pluck().all();
    expect(columns).toContain('nickname');
    expect(columns).not.toContain('half');
    db.close();
  });
});

describe('a copy', () => {
  it('taken with VACUUM INTO while it serves is whole', async () => {
    const store = await opened();
    const held = await connect(store);
    const copy = join(place.folder, 'copy.sqlite');
    const db = new Database(place.file);
    db.prepare('VACUUM INTO ?').run(copy);
    db.close();
    const restored = await opened(copy);
    expect(await isLive(restored, held)).toBe(true);
    expect(await refresh(restored, held.refreshToken)).toMatchObject({ outcome: 'rotated' });
  });
});

describe('a file that goes away', () => {
  it('is made again from a copy of the closed file', async () => {
    const store = await opened();
    const held = await connect(store);
    await rotated(store, held.refreshToken);
    await store.close();
    await copyFile(place.file, `${place.file}.bak`);
    await truncate(place.file, 0);
    expect(await isLive(await opened(), held)).toBe(false);
    await open.pop()?.close();
    await rm(place.file);
    await copyFile(`${place.file}.bak`, place.file);
    expect(await isLive(await opened(), held)).toBe(true);
  });
});
