import { closeSync, openSync, writeSync } from 'node:fs';
import type { Log } from '../log.ts';
import type { CallRecord, EventRecord } from './records.ts';

/** The append-only record of what was decided. */
export interface Audit {
  call(record: CallRecord): void;
  event(record: EventRecord): void;
  /** @throws if the last record could not be written where it belongs */
  check(): void;
  close(): void;
}

/** JSON lines among those of the log, whatever its level. */
export const auditInLog = (log: Log): Audit => {
  const lines = log.child({}, { level: 'info' });
  return {
    call: (record) => lines.info(...callLine(record)),
    event: (record) => lines.info(...eventLine(record)),
    check: () => undefined,
    close: () => undefined,
  };
};

/**
 * JSON lines at the end of a file, which only its owner may read. SIGHUP opens it anew, for whoever rotates it. A record that can't be
 * written there is in the log, so that none is lost.
 * @throws what opening a file throws
 */
export const auditInFile = (path: string, log: Log): Audit => {
  const open = () => openSync(path, 'a', 0o600);
  let file = open();
  let problem: unknown;
  const instead = auditInLog(log);
  const attempt = (work: () => void): void => {
    try {
      work();
      problem = undefined;
    } catch (error) {
      problem = error;
      log.error({ err: error }, 'the audit file can not be written');
    }
  };
  const write = ([fields]: Line, again: () => void): void => {
    attempt(() => writeSync(file, `${JSON.stringify({ time: new Date().toISOString(), ...fields })}\n`));
    if (problem !== undefined) again();
  };
  const reopen = () =>
    attempt(() => {
      const next = open();
      closeSync(file);
      file = next;
    });
  process.on('SIGHUP', reopen);
  return {
    call: (record) => write(callLine(record), () => instead.call(record)),
    event: (record) => write(eventLine(record), () => instead.event(record)),
    check: () => {
      if (problem !== undefined) throw problem;
    },
    close: () => {
      process.off('SIGHUP', reopen);
      closeSync(file);
    },
  };
};

type Line = [fields: Record<string, unknown>, message: string];

const callLine = ({ request, trace, user, clientId, client, tool, target, decision, code, upstream, ms }: CallRecord): Line => [
  {
    audit: 'tools/call',
    request_id: request,
    ...(trace !== undefined && { trace_id: trace }),
    user,
    ...(clientId !== undefined && { client_id: clientId }),
    client,
    tool,
    ...target,
    decision,
    code,
    upstream: upstream.map(({ operation, status }) => `${operation} ${status ?? '-'}`),
    upstream_status: upstream.at(-1)?.status,
    ms: Math.round(ms),
  },
  code,
];

const eventLine = ({ kind, user, clientId, grantId, address, requestId, detail }: EventRecord): Line => [
  {
    audit: kind,
    request_id: requestId,
    // As calls name them.
    user: user && `${user.issuer}|${user.subject}`,
    client_id: clientId,
    grant: grantId,
    address,
    ...(detail && { detail }),
  },
  kind,
];
