import type { Engine } from '../engine.ts';
import type { CredentialRow, StoredCredential, VaultKey } from '../records.ts';
import type { SealContext } from '../seal.ts';
import type { CredentialStore } from '../store.ts';
import { all, hold, one, run, type Work } from '../work.ts';
import { audit } from './audit.ts';
import { displayOf, touchUser, userId } from './users.ts';

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

export const credentialStore = (engine: Engine): CredentialStore => ({
  putCredential: (key, { secret, hint, display = {} }, origin) =>
    engine.write(function* (now): Work<void> {
      const { id } = yield* touchUser(key.user, display, now);
      yield* run(
        `${insert} ON CONFLICT (user_id, instance) DO UPDATE SET ${replaced}`,
        id,
        key.instance,
        ...seal(engine, secret, credentialContext(key)),
        hint ?? null,
        now,
      );
      yield* audit({ kind: 'credential_stored', user: key.user, detail: { instance: key.instance } }, origin, now);
    }),

  getCredential: (key) =>
    engine.glance(function* (): Work<StoredCredential> {
      const sql = `${select} WHERE u.issuer = ? AND u.subject = ? AND c.instance = ?`;
      const row = yield* one<Row>(sql, key.user.issuer, key.user.subject, key.instance);
      if (!row) return { outcome: 'none' };
      const secret = engine.keyring.open({ keyId: row.key_id, bytes: row.sealed }, credentialContext(key));
      return secret === undefined ? { outcome: 'unreadable' } : { outcome: 'found', ...rowOf(row), secret };
    }),

  deleteCredential: (key, origin) =>
    engine.write(function* (now): Work<boolean> {
      const sql = `DELETE FROM credentials WHERE user_id = ${userId} AND instance = ?`;
      const removed = yield* run(sql, key.user.issuer, key.user.subject, key.instance);
      if (removed > 0) yield* audit({ kind: 'credential_removed', user: key.user, detail: { instance: key.instance } }, origin, now);
      return removed > 0;
    }),

  listCredentials: ({ after, limit }) =>
    engine.glance(function* () {
      const rows = yield* all<Row>(
        `${select} WHERE (u.issuer, u.subject, c.instance) > (?, ?, ?) ORDER BY u.issuer, u.subject, c.instance LIMIT ?`,
        after?.user.issuer ?? '',
        after?.user.subject ?? '',
        after?.instance ?? '',
        limit,
      );
      return rows.map(rowOf);
    }),

  importCredential: (key, { secret, hint }, origin) =>
    engine.write(function* (now): Work<void> {
      yield* run(
        `INSERT INTO imported_credentials (issuer, subject, instance, key_id, sealed, hint, stored_at) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (issuer, subject, instance) DO UPDATE SET ${replaced}`,
        key.user.issuer,
        key.user.subject,
        key.instance,
        ...seal(engine, secret, importContext(key)),
        hint ?? null,
        now,
      );
      yield* audit({ kind: 'credential_imported', user: key.user, detail: { instance: key.instance } }, origin, now);
    }),

  adoptImported: (imported, key, origin) =>
    engine.write(function* (now): Work<boolean> {
      const from = { user: imported, instance: key.instance };
      const pending = 'imported_credentials AS i WHERE i.issuer = ? AND i.subject = ? AND i.instance = ?';
      const named = [imported.issuer, imported.subject, key.instance] as const;
      const [row] = yield* hold<SealedRow>('i', `SELECT * FROM ${pending}`, ...named);
      const secret = row && engine.keyring.open({ keyId: row.key_id, bytes: row.sealed }, importContext(from));
      if (secret === undefined) return false;
      const { id } = yield* touchUser(key.user, {}, now);
      const moved = yield* run(
        `${insert} ON CONFLICT (user_id, instance) DO NOTHING`,
        id,
        key.instance,
        ...seal(engine, secret, credentialContext(key)),
        row?.hint ?? null,
        now,
      );
      yield* run(`DELETE FROM ${pending}`, ...named);
      const detail = { instance: key.instance, kept: moved > 0 ? 'the imported one' : 'the one that was there' };
      yield* audit({ kind: 'credential_adopted', user: key.user, detail }, origin, now);
      return true;
    }),
});

const insert = 'INSERT INTO credentials (user_id, instance, key_id, sealed, hint, stored_at) VALUES (?, ?, ?, ?, ?, ?)';
const replaced = 'key_id = excluded.key_id, sealed = excluded.sealed, hint = excluded.hint, stored_at = excluded.stored_at';

const seal = ({ keyring }: Engine, secret: string, context: SealContext): [string, Buffer] => {
  const { keyId, bytes } = keyring.seal(secret, context);
  return [keyId, bytes];
};
