import { chownSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { nameOfPlace, openStore } from '../../src/store/open.ts';
import { migrate } from '../../src/store/postgres/migrate.ts';
import { migrations } from '../../src/store/schema.ts';
import type { Store } from '../../src/store/store.ts';
import { type Certificates, makeCertificates } from '../client/certificates.ts';
import { describePostgres, PostgresServer } from '../harness/postgres.ts';
import { connect, isLive, keyring } from './contract/story.ts';

const open: Store[] = [];
afterEach(async () => {
  for (const store of open.splice(0)) await store.close();
});
const opened = async (url: string): Promise<Store> => {
  const store = await openStore(url, { keyring });
  open.push(store);
  return store;
};
const canary = 'CANARY-secret';
const refusal = async (url: string): Promise<{ code: string; message: string }> => {
  const error = await openStore(url, { keyring }).catch((thrown: unknown) => thrown);
  expect(inspect(error, { depth: 12 })).not.toContain('CANARY');
  return error as { code: string; message: string };
};

describe('the address', () => {
  it.each([
    [`postgres://ada:${canary}@:x:y/db`, /write postgres:\/\/user:password@host:5432\/database/],
    [`postgres://ada:100%-${canary}@h/db`, /special characters of the password as in a URL/],
    [`postgres://ada:${canary}@h/db?ssl=true`, /no parameter "ssl"; there are host, sslmode/],
    [`postgresql://ada:${canary}@h/db?sslmode=prefer`, /sslmode: use disable, require, verify-ca or verify-full/],
    [`postgres://ada:${canary}@h/db?sslrootcert=/nowhere`, /sslrootcert: the file can't be read \(ENOENT\)/],
    [`postgres://ada:${canary}@h/db?schema=Drop%20Table`, /schema: use lower-case letters/],
  ])('%s is refused, and nothing of it is repeated', async (url, message) => {
    expect(await refusal(url)).toMatchObject({ code: 'misconfigured', message });
  });

  it('is shown without user and password', () => {
    expect(nameOfPlace(`postgres://ada:${canary}@db.example.com:5433/mcp?sslmode=require`)).toBe('postgres://db.example.com:5433/mcp');
    expect(nameOfPlace(`postgres://ada:${canary}@:x:y/db`)).toBe('postgres://…');
    expect(nameOfPlace('/var/lib/store.sqlite')).toBe('/var/lib/store.sqlite');
  });
});

describePostgres('a start on PostgreSQL', () => {
  let server: PostgresServer;
  let url: string;
  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server.destroy());
  beforeEach(() => {
    url = server.place();
  });
  const schemaOf = async (place: string) => (await server.sql<{ version: string; readable_by: string }>('SELECT * FROM schema', place))[0];

  it('says what is wrong: the password, the database, the rights, the encoding', async () => {
    await server.sql(`CREATE ROLE small LOGIN PASSWORD '${canary}'`);
    await server.sql("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    const at = (path: string, user = 'kestra', password?: string) => server.url(user, password).replace(/postgres$/, path);
    const wrong = [
      [at('postgres', 'kestra', canary), 'misconfigured', /refuses the user or the password/],
      [at('nowhere'), 'misconfigured', /no such database: create it first/],
      [at('postgres', 'small', canary), 'misconfigured', /GRANT CREATE ON DATABASE, or CREATE SCHEMA kestra_mcp AUTHORIZATION/],
      [at('latin'), 'misconfigured', /encoding LATIN1: make one with UTF8/],
      [`${at('postgres')}?sslmode=require`, 'misconfigured', /TLS switched off/],
    ] as const;
    for (const [place, code, message] of wrong) expect(await refusal(place)).toMatchObject({ code, message });
  });

  it('takes a schema that an administrator has made for it, and none of another program', async () => {
    await server.sql(`CREATE ROLE owner LOGIN PASSWORD '${canary}'; CREATE SCHEMA given AUTHORIZATION owner`);
    await (await opened(`${server.url('owner', canary)}?schema=given`)).check();
    await server.sql('CREATE SCHEMA theirs; CREATE TABLE theirs.users (id int)');
    const theirs = `${server.url()}?schema=theirs`;
    expect(await refusal(theirs)).toMatchObject({ code: 'misconfigured', message: /belongs to another program; name another/ });
  });

  it('is reached over a Unix socket', async () => {
    const { password, port, username } = new URL(server.url());
    const socket = `postgres://${username}:${password}@localhost:${port}/postgres?host=${encodeURIComponent(server.folder)}&schema=socket`;
    await (await opened(socket)).check();
    expect(
      await server.sql("SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'kestra-mcp' AND client_addr IS NULL"),
    ).toEqual([{ n: 1 }]);
  });

  it('waits for a server that is starting, too', async () => {
    await server.stop();
    const opening = opened(url);
    await server.resume();
    await (await opening).check();
  });

  it('gives up on one that is not there, and says so', async () => {
    const gone = `postgres://ada:${canary}@127.0.0.1:9/db`;
    expect(await refusal(gone)).toMatchObject({ code: 'unavailable', message: /PostgreSQL is not reached \(ECONNREFUSED\)/ });
  }, 20_000);

  it('P20: one that a newer program has changed beyond us is refused, one it only added to is served', async () => {
    const store = await opened(url);
    await server.sql('ALTER TABLE grants ADD COLUMN added_later TEXT', url);
    await server.sql(`UPDATE schema SET version = ${migrations.length + 1}, readable_by = ${migrations.length}`, url);
    const other = await opened(url);
    expect(await isLive(other, await connect(other))).toBe(true);
    await server.sql(`UPDATE schema SET readable_by = ${migrations.length + 1}`, url);
    expect(await refusal(url)).toMatchObject({ code: 'misconfigured', message: /newer kestra-mcp.*Update kestra-mcp/s });
    // A replica that is serving while a newer one contracts what it uses is taken out by its readiness.
    await expect(store.check()).rejects.toMatchObject({ code: 'misconfigured' });
  });

  describe('P20: steps', () => {
    const migrating = async (steps: typeof migrations): Promise<void> => {
      const client = new Client({ connectionString: server.url() });
      await client.connect();
      try {
        await migrate(client, new URL(url).searchParams.get('schema') ?? '', steps);
      } finally {
        await client.end();
      }
    };
    const added = {
      readableBy: 1,
      sql: 'ALTER TABLE users ADD COLUMN nickname TEXT; ALTER TABLE grants ADD COLUMN device TEXT; ALTER TABLE refresh_tokens ADD COLUMN device TEXT;',
    };

    it('four replicas that bring an old database up to date at once make each step once, while an old one serves', async () => {
      const old = await opened(url);
      const held = await connect(old);
      let served = 0;
      let done = false;
      const serving = (async () => {
        while (!done) {
          expect(await isLive(old, held)).toBe(true);
          await connect(old);
          served += 1;
        }
      })();
      const steps = [...migrations, added];
      await Promise.all(Array.from({ length: 4 }, () => migrating(steps)));
      done = true;
      await serving;
      expect(served).toBeGreaterThan(0);
      expect(await schemaOf(url)).toEqual({ version: String(steps.length), readable_by: '1' });
      await connect(old);
    });

    it('one that fails leaves the schema as it was', async () => {
      await migrating(migrations);
      const bad = { readableBy: 3, sql: 'ALTER TABLE users ADD COLUMN half TEXT; ALTER TABLE missing ADD COLUMN x TEXT;' };
      await expect(migrating([...migrations, added, bad])).rejects.toThrow(/missing/);
      expect(await schemaOf(url)).toMatchObject({ version: String(migrations.length) });
      const columns = await server.sql<{ name: string }>(
        `SELECT column_name AS name FROM information_schema.columns WHERE table_name = 'users' AND table_schema = current_schema()`,
        url,
      );
      expect(columns.map(({ name }) => name)).toEqual(expect.not.arrayContaining(['nickname', 'half']));
      expect(columns.length).toBeGreaterThan(5);
    });
  });

  it('P02: commits are durable here, whatever the database has by default', async () => {
    await server.sql('ALTER DATABASE postgres SET synchronous_commit = off');
    try {
      const store = await opened(url);
      await server.sql('CREATE TABLE saw (setting TEXT)', url);
      await server.sql(
        "CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO saw VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$",
        url,
      );
      await server.sql('CREATE TRIGGER look BEFORE INSERT ON grants FOR EACH ROW EXECUTE FUNCTION look()', url);
      await connect(store);
      expect(await server.sql('SELECT * FROM saw', url)).toEqual([{ setting: 'on' }]);
    } finally {
      await server.sql('ALTER DATABASE postgres RESET synchronous_commit');
    }
  });
});

describePostgres('TLS to PostgreSQL', () => {
  let certificates: Certificates;
  let server: PostgresServer;
  beforeAll(async () => {
    certificates = makeCertificates();
    server = await PostgresServer.start(['fsync=off', 'listen_addresses=127.0.0.1,127.0.0.2']);
    const owner = statSync(server.folder);
    for (const [name, pem] of [
      ['server.crt', certificates.right.cert],
      ['server.key', certificates.right.key],
    ] as const) {
      const file = join(server.folder, name);
      writeFileSync(file, pem, { mode: 0o600 });
      chownSync(file, owner.uid, owner.gid);
    }
    await server.sql('ALTER SYSTEM SET ssl = on');
    await server.sql(`ALTER SYSTEM SET ssl_cert_file = '${join(server.folder, 'server.crt')}'`);
    await server.sql(`ALTER SYSTEM SET ssl_key_file = '${join(server.folder, 'server.key')}'`);
    await server.restart();
  });
  afterAll(async () => {
    certificates.remove();
    await server.destroy();
  });

  it('believes whom sslmode says it should', async () => {
    const root = encodeURIComponent(certificates.authority.file);
    const place = server.place();
    await (await opened(`${place}&sslmode=require`)).check();
    expect(await server.sql('SELECT count(*)::int AS n FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl')).toEqual([{ n: 1 }]);
    await (await opened(`${place}&sslmode=verify-full&sslrootcert=${root}`)).check();
    await (await opened(`${place}&sslmode=verify-ca&sslrootcert=${root}`)).check();
    expect(await refusal(`${place}&sslmode=verify-full`)).toMatchObject({
      code: 'misconfigured',
      message: /certificate of PostgreSQL is not trusted/,
    });
    const elsewhere = place.replace('127.0.0.1', '127.0.0.2');
    expect(await refusal(`${elsewhere}&sslmode=verify-full&sslrootcert=${root}`)).toMatchObject({ message: /not trusted/ });
    await (await opened(`${elsewhere}&sslmode=verify-ca&sslrootcert=${root}`)).check();
  });
});
