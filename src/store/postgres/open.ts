import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import { asPublicError, PublicError } from '../../errors.ts';
import type { Settings } from '../engine.ts';
import { refuseMissingKeys } from '../operations/keys.ts';
import { storeOn } from '../operations/operations.ts';
import type { Store } from '../store.ts';
import { type Address, parseAddress } from './address.ts';
import { numbers, PostgresPool, within } from './connection.ts';
import { sqlState } from './faults.ts';
import { migrate } from './migrate.ts';

/** How long the start may wait for a server that is starting, too. */
const startPatienceMs = 10_000;
const connectMs = 2000;
/** A step of the schema on tables that have grown. */
const longestMs = 300_000;
const oldestServer = 13;

export const openPostgres = async (location: string, settings: Settings & { readonly allowMissingKeys?: boolean }): Promise<Store> => {
  const address = parseAddress(location);
  await prepare(address);
  const pool = new PostgresPool(address.client, address.schema, settings);
  try {
    if (!settings.allowMissingKeys) await refuseMissingKeys(pool);
    return storeOn(pool, settings.onAudited);
  } catch (error) {
    await pool.close();
    throw error;
  }
};

/** Looks at the server and brings the schema up to date, over a connection of its own. @throws PublicError */
const prepare = async ({ client: config, schema }: Address): Promise<void> => {
  const giveUpAt = performance.now() + startPatienceMs;
  for (;;) {
    const client = new Client({
      ...config,
      types: numbers,
      application_name: 'kestra-mcp',
      connectionTimeoutMillis: connectMs,
      query_timeout: longestMs,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await refuseUnfit(client);
      return await migrate(client, schema);
    } catch (error) {
      const waitMs = 100 + Math.random() * 200;
      const refusal = startError(error, schema);
      if (refusal.code !== 'unavailable' || performance.now() + waitMs > giveUpAt) throw refusal;
      await pause(waitMs);
    } finally {
      await within(client.end().catch(() => undefined));
    }
  }
};

const refuseUnfit = async (client: Client): Promise<void> => {
  const { rows } = await client.query<{ version: number; encoding: string }>({
    text: "SELECT current_setting('server_version_num')::int AS version, current_setting('server_encoding') AS encoding",
    query_timeout: connectMs,
  } as { text: string });
  const [{ version, encoding } = { version: 0, encoding: '' }] = rows;
  if (version < oldestServer * 10_000)
    throw misconfigured(`PostgreSQL ${oldestServer} or newer is needed, this is ${Math.floor(version / 10_000)}`);
  if (encoding !== 'UTF8') throw misconfigured(`the database has the encoding ${encoding}: make one with UTF8`);
};

/** Nothing of the address is repeated, least of all the password. */
const startError = (error: unknown, schema: string): PublicError => {
  if (error instanceof PublicError) return error;
  const state = sqlState(error) ?? '';
  if (/^28/.test(state)) return misconfigured('PostgreSQL refuses the user or the password', error);
  if (state === '3D000') return misconfigured('PostgreSQL has no such database: create it first', error);
  if (state === '42501')
    return misconfigured(
      `the user may not make tables: GRANT CREATE ON DATABASE, or CREATE SCHEMA ${schema} AUTHORIZATION that user`,
      error,
    );
  if (state.startsWith('42') || state.startsWith('0A')) return asPublicError(error);
  const { code = '', message = '' } = error as { code?: string; message?: string };
  if (/certificate|self.signed|^ERR_TLS|^CERT_|ALTNAME/i.test(`${code} ${message}`))
    return misconfigured(
      'the certificate of PostgreSQL is not trusted: name its authority with sslrootcert, and its host as the certificate does',
      error,
    );
  if (/does not support SSL/.test(message)) return misconfigured('PostgreSQL has TLS switched off, and sslmode asks for it', error);
  return new PublicError(
    'unavailable',
    `KESTRA_MCP_STORE: PostgreSQL is not reached${code && ` (${code})`}. Look at host and port, and whether it runs; then start again.`,
    error,
  );
};

const misconfigured = (what: string, detail?: unknown): PublicError =>
  new PublicError('misconfigured', `KESTRA_MCP_STORE: ${what}`, detail);
