import { canonicalJson, digest } from '../digest.ts';
import type { Json, RegisteredClient } from '../records.ts';
import type { ClientStore } from '../store.ts';
import type { Connection } from './connection.ts';

interface Row {
  readonly client_id: string;
  readonly metadata: string;
  readonly registered_at: number;
}

const clientOf = (row: Row): RegisteredClient => ({
  clientId: row.client_id,
  metadata: JSON.parse(row.metadata) as Json,
  registeredAt: row.registered_at,
});

/** Never used first, then longest unused (so one in the middle of a sign-in comes last); with a live grant never. Binds `now`. */
const evictable = `SELECT c.client_id FROM clients c
  WHERE NOT EXISTS (SELECT 1 FROM grants g WHERE g.client_id = c.client_id AND g.live_until > ?)
  ORDER BY c.used_at, c.registered_at`;

export const clientStore = (c: Connection): ClientStore => ({
  registerClient: ({ clientId, metadata }) =>
    c.write((now) => {
      const hash = digest(canonicalJson(metadata));
      const known = c.sql<Row>('SELECT * FROM clients WHERE metadata_hash = ?').get(hash);
      if (known) return { outcome: 'known', client: clientOf(known) };
      const excess = (c.sql<{ n: number }>('SELECT count(*) AS n FROM clients').get()?.n ?? 0) - c.bounds.clients + 1;
      if (excess > 0) {
        const { changes } = c.sql(`DELETE FROM clients WHERE client_id IN (${evictable} LIMIT ?)`).run(now, excess);
        if (changes < excess) return { outcome: 'full' };
      }
      c.sql('INSERT INTO clients (client_id, metadata_hash, metadata, registered_at) VALUES (?, ?, ?, ?)').run(
        clientId,
        hash,
        JSON.stringify(metadata),
        now,
      );
      return { outcome: 'registered', client: { clientId, metadata, registeredAt: now } };
    }),

  findClient: (clientId) =>
    c.glance(() => {
      const row = c.sql<Row>('SELECT * FROM clients WHERE client_id = ?').get(clientId);
      return row && clientOf(row);
    }),
});
