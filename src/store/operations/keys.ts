import { PublicError } from '../../errors.ts';
import type { Engine } from '../engine.ts';
import type { KeyUse } from '../records.ts';
import type { Keyring, SealContext } from '../seal.ts';
import type { UpkeepStore } from '../store.ts';
import { all, run, type Work } from '../work.ts';
import { credentialContext, importContext } from './credentials.ts';
import { providerContext } from './provider.ts';

/** A kind of row that a key seals: how to find those of other keys, open them and write them back. */
interface SealedKind {
  readonly table: 'credentials' | 'imported_credentials' | 'grants';
  readonly column: 'sealed' | 'provider_token';
  /** Gives the columns of `key`, and instance, issuer, subject, key_id, sealed. Binds the ring's first key and a limit. */
  readonly select: string;
  /** The columns that name a row. */
  readonly key: readonly (keyof SealedRow & string)[];
  readonly context: (row: SealedRow) => SealContext;
}

interface SealedRow {
  readonly id?: string;
  readonly user_id?: number;
  readonly instance: string;
  readonly issuer: string;
  readonly subject: string;
  readonly key_id: string;
  readonly sealed: Buffer;
}

const vault = ({ issuer, subject, instance }: SealedRow) => ({ user: { issuer, subject }, instance });

const kinds: readonly SealedKind[] = [
  {
    table: 'credentials',
    column: 'sealed',
    select: `SELECT c.user_id, c.instance, u.issuer, u.subject, c.key_id, c.sealed
             FROM credentials c JOIN users u ON u.id = c.user_id WHERE c.key_id = ?`,
    key: ['user_id', 'instance'],
    context: (row) => credentialContext(vault(row)),
  },
  {
    table: 'imported_credentials',
    column: 'sealed',
    select: 'SELECT instance, issuer, subject, key_id, sealed FROM imported_credentials WHERE key_id = ?',
    key: ['issuer', 'subject', 'instance'],
    context: (row) => importContext(vault(row)),
  },
  {
    table: 'grants',
    column: 'provider_token',
    select: `SELECT g.id, g.id AS instance, u.issuer, u.subject, g.key_id, g.provider_token AS sealed
             FROM grants g JOIN users u ON u.id = g.user_id WHERE g.key_id = ?`,
    key: ['id'],
    context: (row) => providerContext({ issuer: row.issuer, subject: row.subject }, row.instance),
  },
];

function* uses({ keyring }: { keyring: Keyring }): Work<KeyUse[]> {
  const rows = yield* all<{ key_id: string; n: number }>(
    `SELECT key_id, count(*) AS n
     FROM (${kinds.map(({ table }) => `SELECT key_id FROM ${table} WHERE key_id IS NOT NULL`).join(' UNION ALL ')}) AS sealed
     GROUP BY key_id ORDER BY key_id`,
  );
  return rows.map(({ key_id: keyId, n }) => {
    const name = keyring.keys.find((key) => key.keyId === keyId)?.name;
    return { keyId, ...(name !== undefined && { name }), rows: n };
  });
}

/** @throws PublicError `misconfigured` when rows are sealed with keys that the ring lacks */
export const refuseMissingKeys = async (engine: Engine): Promise<void> => {
  const missing = (await engine.glance(() => uses(engine))).filter(({ name }) => name === undefined);
  if (missing.length === 0) return;
  const rows = missing.reduce((sum, { rows }) => sum + rows, 0);
  throw new PublicError(
    'misconfigured',
    `ENCRYPTION_KEYS: ${rows} stored secrets were sealed with another key. Put that key back after the new one ` +
      '(ENCRYPTION_KEYS="new:…,old:…"), then run `kestra-mcp rotate-keys` before it is taken out.',
    missing,
  );
};

export const keyStore = (engine: Engine): Pick<UpkeepStore, 'keyUse' | 'reseal'> => ({
  keyUse: () => engine.glance(() => uses(engine)),

  reseal: (limit) =>
    engine.write(function* (): Work<{ resealed: number; more: boolean; unreadable: number }> {
      const { keyring } = engine;
      const [first, ...others] = keyring.keys;
      let resealed = 0;
      for (const { keyId } of others) {
        for (const kind of kinds) {
          for (const row of yield* all<SealedRow>(`${kind.select} LIMIT ?`, keyId, limit - resealed)) {
            const plain = keyring.open({ keyId: row.key_id, bytes: row.sealed }, kind.context(row));
            if (plain === undefined) continue;
            const { keyId: sealedBy, bytes } = keyring.seal(plain, kind.context(row));
            // What somebody has replaced since is left alone: it is sealed with the first key already.
            const where = [...kind.key, kind.column].map((column) => `${column} = ?`).join(' AND ');
            const named = kind.key.map((column) => row[column] ?? null);
            const sql = `UPDATE ${kind.table} SET key_id = ?, ${kind.column} = ? WHERE ${where}`;
            resealed += yield* run(sql, sealedBy, bytes, ...named, row.sealed);
          }
        }
      }
      const left = (yield* uses(engine)).filter(({ keyId }) => keyId !== first?.keyId);
      const sum = (known: boolean) => left.filter(({ name }) => (name !== undefined) === known).reduce((n, { rows }) => n + rows, 0);
      return { resealed, more: resealed > 0 && sum(true) > 0, unreadable: resealed > 0 ? sum(false) : sum(false) + sum(true) };
    }),
});
