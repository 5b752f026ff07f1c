import { PublicError } from '../../errors.ts';
import type { KeyUse } from '../records.ts';
import type { SealContext } from '../seal.ts';
import type { UpkeepStore } from '../store.ts';
import type { Connection } from './connection.ts';
import { credentialContext, importContext } from './credentials.ts';
import { providerContext } from './provider.ts';

/** A kind of row that a key seals: how to find those of other keys, open them and write them back. */
interface SealedKind {
  readonly table: 'credentials' | 'imported_credentials' | 'grants';
  readonly column: 'sealed' | 'provider_token';
  /** Gives `a`, `b` (the row's key), issuer, subject, key_id, sealed. Binds the ring's first key and a limit. */
  readonly select: string;
  readonly where: string;
  readonly context: (row: SealedRow) => SealContext;
}

interface SealedRow {
  readonly a: string | number;
  readonly b: string | number;
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
    select: `SELECT c.user_id AS a, c.instance AS b, c.instance, u.issuer, u.subject, c.key_id, c.sealed
             FROM credentials c JOIN users u ON u.id = c.user_id WHERE c.key_id = ?`,
    where: 'user_id = ? AND instance = ?',
    context: (row) => credentialContext(vault(row)),
  },
  {
    table: 'imported_credentials',
    column: 'sealed',
    select: `SELECT json_array(issuer, subject) AS a, instance AS b, instance, issuer, subject, key_id, sealed
             FROM imported_credentials WHERE key_id = ?`,
    where: 'json_array(issuer, subject) = ? AND instance = ?',
    context: (row) => importContext(vault(row)),
  },
  {
    table: 'grants',
    column: 'provider_token',
    select: `SELECT g.id AS a, g.id AS b, g.id AS instance, u.issuer, u.subject, g.key_id, g.provider_token AS sealed
             FROM grants g JOIN users u ON u.id = g.user_id WHERE g.key_id = ?`,
    where: 'id = ? AND id = ?',
    context: (row) => providerContext({ issuer: row.issuer, subject: row.subject }, row.instance),
  },
];

const uses = (c: Connection): KeyUse[] =>
  c
    .sql<{ key_id: string; n: number }>(
      `SELECT key_id, count(*) AS n FROM (${kinds.map(({ table }) => `SELECT key_id FROM ${table} WHERE key_id IS NOT NULL`).join(' UNION ALL ')})
       GROUP BY key_id ORDER BY key_id`,
    )
    .all()
    .map(({ key_id: keyId, n: rows }) => {
      const name = c.keyring.keys.find((key) => key.keyId === keyId)?.name;
      return { keyId, ...(name !== undefined && { name }), rows };
    });

/** @throws PublicError `misconfigured` when rows are sealed with keys that the ring lacks */
export const refuseMissingKeys = (c: Connection): void => {
  const missing = uses(c).filter(({ name }) => name === undefined);
  if (missing.length === 0) return;
  const rows = missing.reduce((sum, { rows }) => sum + rows, 0);
  throw new PublicError(
    'misconfigured',
    `ENCRYPTION_KEYS: ${rows} stored secrets were sealed with another key. Put that key back after the new one ` +
      '(ENCRYPTION_KEYS="new:…,old:…"), then run `kestra-mcp rotate-keys` before it is taken out.',
    missing,
  );
};

export const keyStore = (c: Connection): Pick<UpkeepStore, 'keyUse' | 'reseal'> => ({
  keyUse: () => c.glance(() => uses(c)),

  reseal: (limit) =>
    c.write(() => {
      const [first, ...others] = c.keyring.keys;
      let resealed = 0;
      for (const { keyId } of others) {
        for (const kind of kinds) {
          for (const row of c.sql<SealedRow>(`${kind.select} LIMIT ?`).all(keyId, limit - resealed)) {
            const plain = c.keyring.open({ keyId: row.key_id, bytes: row.sealed }, kind.context(row));
            if (plain === undefined) continue;
            const { keyId: sealedBy, bytes } = c.keyring.seal(plain, kind.context(row));
            c.sql(`UPDATE ${kind.table} SET key_id = ?, ${kind.column} = ? WHERE ${kind.where}`).run(sealedBy, bytes, row.a, row.b);
            resealed += 1;
          }
        }
      }
      const left = uses(c).filter(({ keyId }) => keyId !== first?.keyId);
      const sum = (known: boolean) => left.filter(({ name }) => (name !== undefined) === known).reduce((n, { rows }) => n + rows, 0);
      return { resealed, more: resealed > 0 && sum(true) > 0, unreadable: resealed > 0 ? sum(false) : sum(false) + sum(true) };
    }),
});
