import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { PublicError } from '../../errors.ts';
import { unavailable } from '../engine.ts';

/**
 * SQLite's write-ahead log is shared memory of one host: two hosts on one network volume would ruin the file. So the host that serves
 * it says so in a file beside the database, which it touches while it lives; another host doesn't even open the database. Processes of
 * the same host (the next start, a command, a second worker) share the lease: SQLite decides between them.
 *
 * A touch needs no space on the disk, so a full one loses no lease.
 */
export interface HostLease {
  /** @throws PublicError `unavailable` when another host has taken over */
  assert(): void;
  release(): void;
}

export const hostLeaseMs = 30_000;
const renewMs = 10_000;
/** Two hosts that find the same dead lease both write theirs; after this, the one that was overwritten sees it. */
const settleMs = 200;

/** The host: its name, and which boot of it (a container that starts again on the same host stays the same). */
const thisHost = (): string => {
  const boot = read('/proc/sys/kernel/random/boot_id') ?? '';
  return `${hostname()} ${createHash('sha256').update(boot).digest('hex').slice(0, 16)}`;
};

/** @throws PublicError `misconfigured` when another live host has it */
export const holdHost = async (database: string, host = thisHost(), clock: () => number = () => Date.now()): Promise<HostLease> => {
  const file = `${database}.host`;
  let ours = false;
  let renewedAt = 0;
  const touch = () => {
    renewedAt = clock();
    utimesSync(file, renewedAt / 1000, renewedAt / 1000);
  };
  const create = (): boolean => {
    try {
      writeFileSync(file, host, { flag: 'wx', mode: 0o600 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    }
    ours = true;
    touch();
    return true;
  };
  const holder = (): string | undefined => read(file);

  const found = create() ? host : holder();
  if (found !== host) {
    if (found && clock() - statSync(file).mtimeMs < hostLeaseMs) throw refused(found);
    const draft = `${file}.${randomUUID()}`;
    writeFileSync(draft, host, { flag: 'wx', mode: 0o600 });
    renameSync(draft, file);
    await pause(settleMs);
    const winner = holder();
    if (winner !== host) throw refused(winner ?? 'another host');
    ours = true;
  }
  touch();

  let lost = false;
  const renew = () => {
    if (holder() === undefined) create();
    if (holder() === host) touch();
    else lost = true;
  };
  const timer = setInterval(() => {
    try {
      renew();
    } catch {
      // A volume that is away for a moment: the next operation says so, the next turn tries again.
    }
  }, renewMs).unref();

  return {
    assert: () => {
      if (!lost && clock() - renewedAt > 2 * renewMs) {
        try {
          renew();
        } catch (error) {
          throw unavailable(error);
        }
      }
      if (lost) throw unavailable('another host has taken the database over');
    },
    release: () => {
      clearInterval(timer);
      if (ours && !lost && holder() === host) rmSync(file, { force: true });
    },
  };
};

const refused = (holder: string): PublicError =>
  new PublicError(
    'misconfigured',
    `KESTRA_MCP_STORE: another host (${holder.split(' ')[0]}) serves this database, and an SQLite file is for one host. ` +
      `Stop that one (after a crash its claim ends within ${hostLeaseMs / 1000} seconds: start again then), or use PostgreSQL for several.`,
  );

const read = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
};
