import { canonicalJson, digest } from '../digest.ts';
import type { Engine } from '../engine.ts';
import type { Json, RegisteredClient, Registration } from '../records.ts';
import type { ClientStore } from '../store.ts';
import { one, run, type Work } from '../work.ts';

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

/** Never used first, then longest unused (so one in the middle of a sign-in comes last); with a live grant never. */
const evictable = `SELECT c.client_id FROM clients c
  WHERE NOT EXISTS (SELECT 1 FROM grants g WHERE g.client_id = c.client_id AND g.live_until > :now)
  ORDER BY c.used_at NULLS FIRST, c.registered_at`;

function* known(hash: Buffer): Work<Registration | undefined> {
  const row = yield* one<Row>('SELECT * FROM clients WHERE metadata_hash = ?', hash);
  return row && { outcome: 'known', client: clientOf(row) };
}

export const clientStore = (engine: Engine): ClientStore => ({
  registerClient: ({ clientId, metadata }) =>
    engine.write(function* (now): Work<Registration> {
      const hash = digest(canonicalJson(metadata));
      const before = yield* known(hash);
      if (before) return before;
      const { n = 0 } = (yield* one<{ n: number }>('SELECT count(*) AS n FROM clients')) ?? {};
      const excess = n - engine.bounds.clients + 1;
      if (excess > 0) {
        const evicted = yield* run(`DELETE FROM clients WHERE client_id IN (${evictable} LIMIT ?)`, excess);
        if (evicted < excess) return { outcome: 'full' };
      }
      const registered = yield* run(
        'INSERT INTO clients (client_id, metadata_hash, metadata, registered_at) VALUES (?, ?, ?, ?) ON CONFLICT (metadata_hash) DO NOTHING',
        clientId,
        hash,
        JSON.stringify(metadata),
        now,
      );
      // Somebody else's registration of the same came in between.
      if (registered === 0) return (yield* known(hash)) ?? { outcome: 'full' };
      return { outcome: 'registered', client: { clientId, metadata, registeredAt: now } };
    }),

  findClient: (clientId) =>
    engine.glance(function* () {
      const row = yield* one<Row>('SELECT * FROM clients WHERE client_id = ?', clientId);
      return row && clientOf(row);
    }),
});
