import type { ClientBase } from 'pg';
import { PublicError } from '../../errors.ts';
import { type Migration, migrations, refuseNewer, type SchemaRow } from '../schema.ts';
import { translateSchema } from './dialect.ts';

/** How long one replica waits for another that brings the schema up to date. */
const turnSeconds = 60;
/** How long a step may keep old replicas that still work on a table waiting. */
const lockMs = 1000;

/**
 * Brings the schema to what this program knows, in one transaction. Safe in several replicas at once: one does it, the others find it done;
 * who finds it done takes no lock and needs no right to change tables.
 * @throws PublicError `misconfigured` when a newer program has made it unreadable for this one, or the place is not ours
 */
export const migrate = async (client: ClientBase, schema: string, steps: readonly Migration[] = migrations): Promise<void> => {
  const before = await readSchema(client, schema);
  if (before) refuseNewer(before, steps.length);
  if (before && before.version >= steps.length) return;
  await client.query(`BEGIN; SET LOCAL lock_timeout = '${turnSeconds}s'; SET LOCAL statement_timeout = 0`);
  try {
    await client.query("SELECT pg_advisory_xact_lock(hashtext('kestra-mcp ' || $1), 0)", [schema]);
    await client.query(`SET LOCAL lock_timeout = '${lockMs}ms'; SET LOCAL search_path TO ${schema}`);
    const found = (await readSchema(client, schema)) ?? (await prepare(client, schema));
    refuseNewer(found, steps.length);
    for (const [i, step] of steps.entries()) {
      if (i < found.version) continue;
      await client.query(translateSchema(step.sql));
      await client.query('UPDATE schema SET version = $1, readable_by = $2', [i + 1, step.readableBy]);
    }
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
};

/** Asks the catalogue's tables: to_regclass answers from a cache that does not know what another replica has just made. */
const readSchema = async (client: ClientBase, schema: string): Promise<SchemaRow | undefined> => {
  const { rows } = await client.query<{ name: string }>(
    'SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1',
    [schema],
  );
  if (rows.length === 0) return undefined;
  if (!rows.some(({ name }) => name === 'schema'))
    throw new PublicError(
      'misconfigured',
      `KESTRA_MCP_STORE: the schema ${schema} belongs to another program; name another one with ?schema=NAME`,
    );
  return (await client.query<SchemaRow>(`SELECT version, readable_by FROM ${schema}.schema`)).rows[0] ?? { version: 0, readable_by: 0 };
};

/** An administrator may have made the schema, empty, and given it to this user. */
const prepare = async (client: ClientBase, schema: string): Promise<SchemaRow> => {
  const { rowCount } = await client.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
  if (rowCount === 0) await client.query(`CREATE SCHEMA ${schema}`);
  await client.query('CREATE TABLE schema (version BIGINT NOT NULL, readable_by BIGINT NOT NULL); INSERT INTO schema VALUES (0, 0)');
  return { version: 0, readable_by: 0 };
};
