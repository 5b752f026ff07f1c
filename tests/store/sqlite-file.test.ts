import { chmod, copyFile, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore } from '../../src/store/open.ts';
import { migrations } from '../../src/store/schema.ts';
import { migrate } from '../../src/store/sqlite/file.ts';
import type { Store } from '../../src/store/store.ts';
import {
  ada,
  begin,
  bob,
  Clock,
  connect,
  day,
  here,
  isLive,
  keyring,
  refresh,
  rotated,
  secret,
  signIn,
  sweepAll,
  take,
} from './contract/story.ts';
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

  it('A47: no secret is in any of its bytes', async () => {
    const store = await opened();
    const canaries: string[] = [];
    const canary = (kind: string) => {
      canaries.push(secret(`CANARY-${kind}`));
      return canaries.at(-1) as string;
    };
    const signedIn = await signIn(store, { providerRefreshToken: canary('provider-1') });
    const tokens = { accessToken: canary('at'), refreshToken: canary('rt') };
    const { clientId, challenge } = signedIn;
    canaries.push(signedIn.code, signedIn.verifier);
    await store.redeemCode({ code: signedIn.code, clientId, challenge, tokens }, here);
    const next = { accessToken: canary('at'), refreshToken: canary('rt') };
    await store.rotateRefresh({ refreshToken: tokens.refreshToken, clientId }, next, here);
    const start = await store.beginRefresh({ refreshToken: next.refreshToken, clientId }, { owner: 'o', claimsFreshMs: 0 }, here);
    if (start.outcome !== 'ask') throw new Error(start.outcome);
    await store.commitProviderAnswer(start.lease, { refreshToken: canary('provider-2') });
    const { browser, state, nonce, verifier } = await begin(store);
    canaries.push(browser, state, nonce, verifier, 'client state');
    const key = { user: ada, instance: 'https://kestra.example.com' };
    await store.putCredential(key, { secret: canary('kestra') }, here);
    await store.importCredential(key, { secret: canary('imported') }, here);
    const session = canary('session');
    const account = { signInId: await take(store, { kind: 'account', returnTo: '/account' }), user: ada, display: {}, claims: {} };
    await store.startAccountSession({ ...account, session, idToken: canary('id-token') }, here);
    await store.count(canary('counter'), { limit: 5, windowMs: 1000 });
    await store.consumeOnce(canary('once'), 1000);
    const bytes = async () => Promise.all((await readdir(dirname(place.file))).map((name) => readFile(join(dirname(place.file), name))));
    const whileOpen = await bytes();
    await store.close();
    const found = canaries.filter((text) => [...whileOpen].some((file) => file.includes(text)));
    expect(canaries.length).toBeGreaterThan(15);
    expect(found).toEqual([]);
    expect((await bytes()).some((file) => file.includes('ada'))).toBe(true);
    for (const file of await bytes()) for (const text of canaries) expect(file.includes(text)).toBe(false);
  });

  it('A37: a row that is moved to another user opens for neither', async () => {
    const store = await opened();
    const instance = 'https://kestra.example.com';
    for (const user of [ada, bob]) await store.putCredential({ user, instance }, { secret: `of ${user.subject}` }, here);
    const held = await connect(store, { providerRefreshToken: 'ada’s' });
    const other = await connect(store, { user: bob, providerRefreshToken: 'bob’s' });
    const db = new Database(place.file);
    const swap = (table: string, column: string, key: string) => {
      const [a, b] = db.prepare(`SELECT ${key} AS k, ${column} AS v FROM ${table}`).all() as { k: unknown; v: Buffer }[];
      db.prepare(`UPDATE ${table} SET ${column} = ? WHERE ${key} = ?`).run(b?.v, a?.k);
      db.prepare(`UPDATE ${table} SET ${column} = ? WHERE ${key} = ?`).run(a?.v, b?.k);
    };
    swap('credentials', 'sealed', 'user_id');
    swap('grants', 'provider_token', 'id');
    db.close();
    for (const user of [ada, bob]) expect(await store.getCredential({ user, instance })).toEqual({ outcome: 'unreadable' });
    for (const { refreshToken } of [held, other]) {
      const start = await store.beginRefresh({ refreshToken, clientId: 'client-1' }, { owner: 'o', claimsFreshMs: 0 }, here);
      expect(start).toMatchObject({ outcome: 'rotate', grant: { renewable: false } });
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

describe('what is over', () => {
  const rows = (sql: string): unknown[] => {
    const db = new Database(place.file, { readonly: true });
    const found = db.prepare(sql).pluck().all();
    db.close();
    return found;
  };
  const openAt = async (clock: Clock): Promise<Store> => {
    const store = await openStore(place.file, { keyring, clock: clock.now });
    open.push(store);
    return store;
  };

  it('P03: the sealed answer is erased when its successor is used, when the window ends, and with the grant', async () => {
    const clock = new Clock();
    const store = await openAt(clock);
    const answers = () => rows('SELECT count(answer) FROM refresh_tokens')[0];
    const held = await connect(store);
    const second = await rotated(store, held.refreshToken);
    await rotated(store, second);
    expect(answers()).toBe(1);
    clock.advance(30_000 - 1);
    await store.sweep(10);
    expect(answers()).toBe(1);
    clock.advance(1);
    await store.sweep(10);
    expect(answers()).toBe(0);
    const other = await connect(store);
    await rotated(store, other.refreshToken);
    await store.revokeGrant(ada, other.grant.id, 'user_revoked', here);
    expect(answers()).toBe(0);
  });

  it('P18: leaves no row in any table', async () => {
    const clock = new Clock();
    const store = await openAt(clock);
    await store.registerClient({ clientId: 'client-1', metadata: {} });
    const { refreshToken } = await connect(store, { providerRefreshToken: 'p' });
    await rotated(store, refreshToken);
    await signIn(store);
    const account = { signInId: await take(store, { kind: 'account', returnTo: '/' }), user: bob, display: {}, claims: {} };
    await store.startAccountSession({ ...account, session: secret('s') }, here);
    await store.count('k', { limit: 1, windowMs: 1 });
    await store.consumeOnce('v', 1);
    const tables = rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN ('schema', 'sqlite_sequence')") as string[];
    const full = () => tables.filter((table) => rows(`SELECT 1 FROM ${table} LIMIT 1`).length > 0);
    expect(full().length).toBe(tables.length - 2);
    clock.advance(401 * day);
    await sweepAll(store);
    expect(full()).toEqual([]);
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
