import { setTimeout as pause } from 'node:timers/promises';
import { inspect } from 'node:util';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { describePostgres, PostgresServer } from '../harness/postgres.ts';
import { ada, begin, type Connected, connect, here, isLive, keyring, refresh, sweepAll, tokens } from './contract/story.ts';

/** What an operation came to, and how long it took. */
const timed = async (operation: Promise<unknown>): Promise<{ code: string; ms: number; error?: unknown }> => {
  const from = performance.now();
  const [code, error] = await operation.then(
    () => ['ok', undefined] as const,
    (thrown: unknown) => [(thrown as { code?: string }).code ?? String(thrown), thrown] as const,
  );
  return { code, ms: performance.now() - from, error };
};

/** The longest that the event loop stood still while something happened. */
const standstill = async (during: () => Promise<unknown>): Promise<number> => {
  let worst = 0;
  let last = performance.now();
  const beat = setInterval(() => {
    worst = Math.max(worst, performance.now() - last - 5);
    last = performance.now();
  }, 5);
  await during();
  clearInterval(beat);
  return worst;
};

describePostgres('faults of PostgreSQL', () => {
  let server: PostgresServer;
  let url: string;
  let store: Store;
  let held: Connected;
  beforeAll(async () => {
    // As it is by default: what was acknowledged is on the disk.
    server = await PostgresServer.start([]);
  });
  afterAll(() => server.destroy());
  beforeEach(async () => {
    url = server.place();
    store = await openStore(url, { keyring });
    held = await connect(store);
  });
  afterEach(() => store.close());

  const works = async (): Promise<void> => {
    const from = performance.now();
    while ((await timed(store.check())).code !== 'ok') expect(performance.now() - from).toBeLessThan(5000);
    expect(await isLive(store, held)).toBe(true);
    expect(await refresh(store, held.refreshToken)).toMatchObject({ outcome: 'rotated' });
  };

  it('P09, P06: frozen, 200 calls are unavailable within two seconds and the event loop turns; thawed, it works', async () => {
    await isLive(store, held);
    server.freeze();
    try {
      let results: Awaited<ReturnType<typeof timed>>[] = [];
      const stood = await standstill(async () => {
        results = await Promise.all(
          Array.from({ length: 200 }, (_, i) => timed(i % 2 ? store.findAccess(held.accessToken) : refresh(store, held.refreshToken))),
        );
      });
      expect(new Set(results.map(({ code }) => code))).toEqual(new Set(['unavailable']));
      expect(Math.max(...results.map(({ ms }) => ms))).toBeLessThan(2000);
      expect(inspect(results, { depth: 12 })).not.toContain('CANARY');
      expect(stood).toBeLessThan(50);
      // A new connection is accepted by the kernel and answered by nobody.
      expect(await timed(store.check())).toMatchObject({ code: 'unavailable' });
    } finally {
      server.thaw();
    }
    await works();
  });

  it('P06: frozen in the middle of a transaction, nothing of it stays', async () => {
    const [{ n: before } = { n: 0 }] = await server.sql<{ n: number }>('SELECT count(*)::int AS n FROM refresh_tokens', url);
    await server.sql('CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(20); RETURN NEW; END $$', url);
    await server.sql('CREATE TRIGGER slow BEFORE INSERT ON refresh_tokens FOR EACH ROW EXECUTE FUNCTION slow()', url);
    const late = await timed(refresh(store, held.refreshToken));
    expect(late).toMatchObject({ code: 'unavailable' });
    expect(late.ms).toBeLessThan(2000);
    await server.sql('DROP TRIGGER slow ON refresh_tokens', url);
    expect(await server.sql('SELECT count(*)::int AS n FROM refresh_tokens', url)).toEqual([{ n: before }]);
    await works();
  });

  it('P22: restarts under load crash nothing; what fails is unavailable, and what was acknowledged is there', async () => {
    const clients = await Promise.all(Array.from({ length: 6 }, () => connect(store)));
    const last = new Map(clients.map((client) => [client, { accessToken: client.accessToken, refreshToken: client.refreshToken }]));
    const failures = new Set<string>();
    let rotations = 0;
    let done = false;
    const load = clients.map(async (client) => {
      while (!done) {
        const from = last.get(client)?.refreshToken ?? '';
        const rotation = await refresh(store, from).catch((error: { code?: string }) => void failures.add(error.code ?? String(error)));
        if (rotation) expect(['rotated', 'replay']).toContain(rotation.outcome);
        if (rotation && 'answer' in rotation) {
          last.set(client, { accessToken: rotation.answer.accessToken, refreshToken: rotation.answer.refreshToken ?? '' });
          rotations += 1;
        }
      }
    });
    for (const mode of ['fast', 'immediate', 'fast'] as const) {
      const before = rotations;
      while (rotations < before + 20) await pause(5);
      await server.restart(mode);
    }
    await works();
    done = true;
    await Promise.all(load);
    expect([...failures].filter((code) => code !== 'unavailable')).toEqual([]);
    for (const { accessToken, refreshToken } of last.values()) {
      expect(await isLive(store, { accessToken })).toBe(true);
      expect(['rotated', 'replay']).toContain((await refresh(store, refreshToken)).outcome);
    }
  }, 60_000);

  it('P06: gone, it is unavailable within two seconds; back, it works without a new start', async () => {
    await server.stop();
    const { code, ms } = await timed(store.findAccess(held.accessToken));
    expect(code).toBe('unavailable');
    expect(ms).toBeLessThan(2000);
    await server.resume();
    await works();
  });

  it('P21: a full disk makes writes unavailable, reads go on, and nothing half-written stays', async () => {
    await server.sql(
      "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$",
      url,
    );
    await server.sql('CREATE TRIGGER full_disk BEFORE INSERT ON refresh_tokens FOR EACH ROW EXECUTE FUNCTION full_disk()', url);
    expect(await timed(refresh(store, held.refreshToken))).toMatchObject({ code: 'unavailable' });
    await expect(refresh(store, held.refreshToken)).rejects.toThrow(/^This server cannot read or write its own data just now/);
    expect(await isLive(store, held)).toBe(true);
    await server.sql('DROP TRIGGER full_disk ON refresh_tokens', url);
    await works();
  });

  it('operations that want the same rows in another order wait for each other, and none is lost', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 16 }, async (_, i) => {
        if (i % 4 === 0) return timed(connect(store));
        if (i % 4 === 1)
          return timed(store.putCredential({ user: ada, instance: `i${i}` }, { secret: 's', display: { name: 'Ada' } }, here));
        if (i % 4 === 2) return timed(sweepAll(store));
        const refreshed = async () => {
          const client = await connect(store, { providerRefreshToken: 'p' });
          const ask = { owner: `o${i}`, claimsFreshMs: 0 };
          const start = await store.beginRefresh({ refreshToken: client.refreshToken, clientId: 'client-1' }, ask, here);
          if (start.outcome !== 'ask') throw new Error(start.outcome);
          await store.commitProviderAnswer(start.lease, { claims: {}, display: { name: 'Ada Lovelace' } });
        };
        return timed(refreshed());
      }),
    );
    // A machine that is slow enough may be out of patience; nothing else may happen.
    expect(outcomes.filter(({ code }) => code !== 'ok' && code !== 'unavailable')).toEqual([]);
    expect(outcomes.filter(({ code }) => code === 'ok').length).toBeGreaterThan(4);
    const many = await Promise.all([
      ...Array.from({ length: 10 }, () => timed(store.revokeUser(ada, 'user_revoked', here))),
      ...Array.from({ length: 10 }, () => timed(connect(store))),
    ]);
    // A sign-in that a revocation overtook is not completed: that is an answer, and no fault.
    expect(many.filter(({ code }) => !['ok', 'unavailable', 'Error: not completed', 'Error: grant_over'].includes(code))).toEqual([]);
  });

  it('a deadlock that PostgreSQL ends is begun again', async () => {
    await server.sql(
      `CREATE FUNCTION victim() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF nextval('tries') = 1 THEN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = 'deadlock_detected'; END IF; RETURN NEW; END $$`,
      url,
    );
    await server.sql('CREATE SEQUENCE tries', url);
    await server.sql('CREATE TRIGGER victim BEFORE INSERT ON refresh_tokens FOR EACH ROW EXECUTE FUNCTION victim()', url);
    expect(await refresh(store, held.refreshToken)).toMatchObject({ outcome: 'rotated' });
    expect(await server.sql('SELECT last_value::int AS n FROM tries', url)).toEqual([{ n: 2 }]);
  });

  it('P05: a commit whose answer is lost is not begun again: the code is not used by its own retry', async () => {
    const trigger = `CREATE CONSTRAINT TRIGGER die AFTER INSERT ON refresh_tokens DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()`;
    await server.sql(
      `CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); RETURN NEW; END $$`,
      url,
    );
    await server.sql(trigger, url);
    const { code } = await timed(store.rotateRefresh({ refreshToken: held.refreshToken, clientId: 'client-1' }, tokens(), here));
    expect(code).toBe('unavailable');
    await server.sql('DROP TRIGGER die ON refresh_tokens', url);
    await works();
  });

  it('P18: of the replicas one sweeps at a time', async () => {
    const soon = await openStore(url, { keyring, lifetimes: { signInMs: 1 } });
    for (let i = 0; i < 20; i += 1) await begin(soon);
    await soon.close();
    await pause(5);
    const other = new Client({ connectionString: url.replace(/\?.*/, '') });
    await other.connect();
    const schema = new URL(url).searchParams.get('schema');
    await other.query('BEGIN');
    await other.query("SELECT pg_advisory_xact_lock(hashtext('kestra-mcp ' || $1), hashtext('sweep'))", [schema]);
    expect(await store.sweep(10)).toEqual({ removed: 0, more: false });
    await other.end();
    expect(await store.sweep(10)).toEqual({ removed: 10, more: true });
    expect(await sweepAll(store)).toBe(10);
  });
});
