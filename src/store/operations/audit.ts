import type { Engine } from '../engine.ts';
import type { AuditEvent, AuditRow, Json, Origin } from '../records.ts';
import type { RecordStore } from '../store.ts';
import { all, type Work } from '../work.ts';

export type Audited = Pick<AuditEvent, 'kind' | 'detail'>;

/** Writes the row of an event, in the transaction of what it tells of. */
export function* audit(event: AuditEvent, origin: Origin, at: number): Work<void> {
  const { kind, user, clientId, grantId, detail } = event;
  yield {
    sql: 'INSERT INTO audit (at, kind, issuer, subject, client_id, grant_id, address, request_id, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    binds: [
      at,
      kind,
      user?.issuer ?? null,
      user?.subject ?? null,
      clientId ?? null,
      grantId ?? null,
      origin.address ?? null,
      origin.requestId ?? null,
      detail ? JSON.stringify(detail) : null,
    ],
    audited: { ...event, ...origin },
  };
}

interface Row {
  readonly id: number;
  readonly at: number;
  readonly kind: string;
  readonly issuer: string | null;
  readonly subject: string | null;
  readonly client_id: string | null;
  readonly grant_id: string | null;
  readonly address: string | null;
  readonly request_id: string | null;
  readonly detail: string | null;
}

const rowOf = (row: Row): AuditRow => ({
  id: row.id,
  at: row.at,
  kind: row.kind,
  ...(row.issuer !== null && row.subject !== null && { user: { issuer: row.issuer, subject: row.subject } }),
  ...(row.client_id !== null && { clientId: row.client_id }),
  ...(row.grant_id !== null && { grantId: row.grant_id }),
  ...(row.address !== null && { address: row.address }),
  ...(row.request_id !== null && { requestId: row.request_id }),
  ...(row.detail !== null && { detail: JSON.parse(row.detail) as Json }),
});

export const auditStore = (engine: Engine): Pick<RecordStore, 'recordEvent' | 'listEvents'> => ({
  recordEvent: (event, origin) => engine.write((now) => audit(event, origin, now)),

  listEvents: ({ user, before = Number.MAX_SAFE_INTEGER, limit }) =>
    engine.glance(function* () {
      const rows = user
        ? yield* all<Row>(
            'SELECT * FROM audit WHERE subject = ? AND issuer = ? AND id < ? ORDER BY id DESC LIMIT ?',
            user.subject,
            user.issuer,
            before,
            limit,
          )
        : yield* all<Row>('SELECT * FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?', before, limit);
      return rows.map(rowOf);
    }),
});
