import type { CredentialRow, VaultKey } from '../records.ts';
import type { SealContext } from '../seal.ts';
import type { CredentialStore } from '../store.ts';
import { audit } from './audit.ts';
import type { Connection } from './connection.ts';
import { displayOf, findUserId, touchUser } from './users.ts';

interface SealedRow {
  readonly key_id: string;
  readonly sealed: Buffer;
  readonly hint: string | null;
  readonly stored_at: number;
}

interface Row extends SealedRow {
  readonly issuer: string;
  readonly subject: string;
  readonly name: string | null;
  readonly email: string | null;
  readonly instance: string;
}

export const credentialContext = ({ user, instance }: VaultKey): SealContext => ({ purpose: 'kestra credential', user, instance });
export const importContext = ({ user, instance }: VaultKey): SealContext => ({ purpose: 'imported kestra credential', user, instance });

const select = 'SELECT c.*, u.issuer, u.subject, u.name, u.email FROM credentials c JOIN users u ON u.id = c.user_id';

const rowOf = (row: Row): CredentialRow => ({
  user: { issuer: row.issuer, subject: row.subject },
  instance: row.instance,
  display: displayOf(row),
  ...(row.hint !== null && { hint: row.hint }),
  storedAt: row.stored_at,
});

export const credentialStore = (c: Connection): CredentialStore => ({
  putCredential: (key, { secret, hint, display = {} }, origin) =>
    c.write((now) => {
      put(c, key, touchUser(c, key.user, display, now), secret, hint ?? null, now);
      audit(c, { kind: 'credential_stored', user: key.user, detail: { instance: key.instance } }, origin, now);
    }),

  getCredential: (key) =>
    c.glance(() => {
      const row = c
        .sql<Row>(`${select} WHERE u.issuer = ? AND u.subject = ? AND c.instance = ?`)
        .get(key.user.issuer, key.user.subject, key.instance);
      if (!row) return { outcome: 'none' };
      const secret = c.keyring.open({ keyId: row.key_id, bytes: row.sealed }, credentialContext(key));
      return secret === undefined ? { outcome: 'unreadable' } : { outcome: 'found', ...rowOf(row), secret };
    }),

  deleteCredential: (key, origin) =>
    c.write((now) => {
      const { changes } = c.sql('DELETE FROM credentials WHERE user_id = ? AND instance = ?').run(findUserId(c, key.user), key.instance);
      if (changes) audit(c, { kind: 'credential_removed', user: key.user, detail: { instance: key.instance } }, origin, now);
      return changes > 0;
    }),

  listCredentials: ({ after, limit }) =>
    c.glance(() =>
      c
        .sql<Row>(`${select} WHERE (u.issuer, u.subject, c.instance) > (?, ?, ?) ORDER BY u.issuer, u.subject, c.instance LIMIT ?`)
        .all(after?.user.issuer ?? '', after?.user.subject ?? '', after?.instance ?? '', limit)
        .map(rowOf),
    ),

  importCredential: (key, { secret, hint }, origin) =>
    c.write((now) => {
      const { keyId, bytes } = c.keyring.seal(secret, importContext(key));
      c.sql(
        `INSERT INTO imported_credentials (issuer, subject, instance, key_id, sealed, hint, stored_at) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET key_id = excluded.key_id, sealed = excluded.sealed, hint = excluded.hint, stored_at = excluded.stored_at`,
      ).run(key.user.issuer, key.user.subject, key.instance, keyId, bytes, hint ?? null, now);
      audit(c, { kind: 'credential_imported', user: key.user, detail: { instance: key.instance } }, origin, now);
    }),

  adoptImported: (imported, key, origin) =>
    c.write((now) => {
      const from = { user: imported, instance: key.instance };
      const where = 'issuer = ? AND subject = ? AND instance = ?';
      const row = c
        .sql<SealedRow>(`SELECT * FROM imported_credentials WHERE ${where}`)
        .get(imported.issuer, imported.subject, key.instance);
      const secret = row && c.keyring.open({ keyId: row.key_id, bytes: row.sealed }, importContext(from));
      if (secret === undefined) return false;
      const userId = touchUser(c, key.user, {}, now);
      const kept = c.sql('SELECT 1 FROM credentials WHERE user_id = ? AND instance = ?').get(userId, key.instance);
      if (!kept) put(c, key, userId, secret, row?.hint ?? null, now);
      c.sql(`DELETE FROM imported_credentials WHERE ${where}`).run(imported.issuer, imported.subject, key.instance);
      const detail = { instance: key.instance, kept: kept ? 'the one that was there' : 'the imported one' };
      audit(c, { kind: 'credential_adopted', user: key.user, detail }, origin, now);
      return true;
    }),
});

const put = (c: Connection, key: VaultKey, userId: number, secret: string, hint: string | null, now: number): void => {
  const { keyId, bytes } = c.keyring.seal(secret, credentialContext(key));
  c.sql(
    `INSERT INTO credentials (user_id, instance, key_id, sealed, hint, stored_at) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET key_id = excluded.key_id, sealed = excluded.sealed, hint = excluded.hint, stored_at = excluded.stored_at`,
  ).run(userId, key.instance, keyId, bytes, hint, now);
};
