import { spawn } from 'node:child_process';
import { mkdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore } from '../../src/store/open.ts';
import { openSqlite } from '../../src/store/sqlite/open.ts';
import { defaultBounds, defaultLifetimes, type Store } from '../../src/store/store.ts';
import { connect, isLive, keyring, refresh } from './contract/story.ts';
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
const openOn = async (host: string): Promise<Store> => {
  const settings = { keyring, clock: Date.now, lifetimes: defaultLifetimes, bounds: defaultBounds };
  const store = await openSqlite(place.file, { ...settings, host });
  open.push(store);
  return store;
};

describe('one host', () => {
  it('another host is refused and told what to do; the file stays shut for it', async () => {
    const store = await openOn('host-a 1');
    const held = await connect(store);
    await expect(openOn('host-b 2')).rejects.toMatchObject({
      code: 'misconfigured',
      message: /another host \(host-a\).*Stop that one.*30 seconds.*PostgreSQL/s,
    });
    expect(await isLive(store, held)).toBe(true);
    expect(await refresh(store, held.refreshToken)).toMatchObject({ outcome: 'rotated' });
  });

  it('the next start and other processes of the same host share it; a clean stop frees it', async () => {
    const first = await openOn('host-a 1');
    const second = await openOn('host-a 1');
    await second.close();
    await expect(openOn('host-b 2')).rejects.toMatchObject({ code: 'misconfigured' });
    await first.close();
    const store = await openOn('host-b 2');
    await store.check();
  });

  it('after a crash the claim ends in 30 seconds; the old host, if it wakes, serves nothing', async () => {
    const old = await openOn('host-a 1');
    const held = await connect(old);
    const claim = `${place.file}.host`;
    const longAgo = new Date(Date.now() - 30_001);
    await utimes(claim, longAgo, longAgo);
    const next = await openOn('host-b 2');
    expect(await refresh(next, held.refreshToken)).toMatchObject({ outcome: 'rotated' });
    const { now } = Date;
    try {
      Date.now = () => now() + 21_000;
      await expect(old.findAccess(held.accessToken)).rejects.toMatchObject({ code: 'unavailable' });
    } finally {
      Date.now = now;
    }
    await expect(old.check()).rejects.toMatchObject({ code: 'unavailable' });
    await old.close();
    expect(await readFile(claim, 'utf8')).toBe('host-b 2');
    await next.check();
  });

  it('of two that find the same dead claim and both write theirs, the one that was overwritten is refused', async () => {
    const claim = `${place.file}.host`;
    await mkdir(dirname(place.file));
    await writeFile(claim, 'host-c 3');
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(claim, longAgo, longAgo);
    const overwritten = openOn('host-a 1');
    expect(await readFile(claim, 'utf8')).toBe('host-a 1');
    await writeFile(claim, 'host-b 2');
    await expect(overwritten).rejects.toMatchObject({ code: 'misconfigured', message: /host-b/ });
    expect(await readFile(claim, 'utf8')).toBe('host-b 2');
  });
});

describe('a disk that is full, a file that is locked', () => {
  it('P21: refuses writes as unavailable, reads on, and loses nothing it acknowledged', async () => {
    const script = new URL('full-disk.ts', import.meta.url).pathname;
    // The largest file that the process may write: what a full disk looks like to SQLite.
    const child = spawn('sh', ['-c', 'ulimit -f 3000 && exec "$0" --import tsx "$1" "$2"', process.execPath, script, place.file], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk;
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    const report = JSON.parse(output) as { code: string; message: string; reads: boolean; acknowledged: string[] };
    expect(code).toBe(0);
    expect(report).toMatchObject({ code: 'unavailable', reads: true });
    expect(report.message).not.toMatch(/SQLITE|disk|\//);
    expect(report.acknowledged.length).toBeGreaterThan(3);
    const store = await opened();
    for (const accessToken of report.acknowledged) expect(await isLive(store, { accessToken })).toBe(true);
    await connect(store);
  });

  it('a lock that another process keeps is unavailable within two seconds, and does not block the event loop', async () => {
    const store = await opened();
    const held = await connect(store);
    const other = new Database(place.file);
    other.exec('BEGIN IMMEDIATE');
    let worst = 0;
    let last = performance.now();
    const beat = setInterval(() => {
      worst = Math.max(worst, performance.now() - last);
      last = performance.now();
    }, 5);
    const startedAt = performance.now();
    const waiting = Array.from({ length: 100 }, () => refresh(store, held.refreshToken).catch((error: unknown) => error));
    expect(await isLive(store, held)).toBe(true);
    const results = await Promise.all(waiting);
    clearInterval(beat);
    expect(performance.now() - startedAt).toBeLessThan(3000);
    expect(results.every((error) => (error as { code?: string }).code === 'unavailable')).toBe(true);
    expect(worst).toBeLessThan(500);
    other.exec('ROLLBACK');
    other.close();
    expect(await refresh(store, held.refreshToken)).toMatchObject({ outcome: 'rotated' });
  });

  it('those who wait get through as soon as the lock is free', async () => {
    const store = await opened();
    const held = await connect(store);
    const other = new Database(place.file);
    other.exec('BEGIN IMMEDIATE');
    const waiting = Promise.all(Array.from({ length: 10 }, () => refresh(store, held.refreshToken)));
    setTimeout(() => {
      other.exec('ROLLBACK');
      other.close();
    }, 150);
    const results = await waiting;
    expect(results.filter(({ outcome }) => outcome === 'rotated')).toHaveLength(1);
    expect(results.filter(({ outcome }) => outcome === 'replay')).toHaveLength(9);
  });
});
