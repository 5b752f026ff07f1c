import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import { describe, expect, it } from 'vitest';
import { freePort } from './free-port.ts';

const installed = '/usr/lib/postgresql';
const newest = (existsSync(installed) ? readdirSync(installed) : []).sort((a, b) => Number(b) - Number(a))[0];
/** Where PostgreSQL's programs are, if they are installed. */
export const bin = newest && join(installed, newest, 'bin');

/** Whether PostgreSQL is installed. */
export const postgresIsHere = bin !== undefined;

/** It refuses to run as root. */
const account = process.getuid?.() === 0 && bin ? idsOf('postgres') : undefined;

/** CI sets this: there it is a failure if the tests on PostgreSQL can't run. */
const required = process.env.KESTRA_MCP_TEST_POSTGRES === 'required';

/** A group of tests on a real PostgreSQL. Without one it is skipped, which is said aloud; or fails, where one is required. */
export const describePostgres = (name: string, body: () => void): void => {
  if (bin) return void describe(name, body);
  if (required) return void it(name, () => expect(bin, `PostgreSQL is not in ${installed}`).toBeDefined());
  process.stderr.write(`\n  SKIPPED, for want of PostgreSQL (apt-get install postgresql): ${name}\n\n`);
  describe.skip(`${name} (PostgreSQL is not installed)`, body);
};

const password = 'CANARY-of-the-database';

/** A PostgreSQL of its own, with the password in the URL, on loopback. */
export class PostgresServer {
  readonly folder: string;
  readonly port: number;
  readonly #settings: readonly string[];
  #process: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();
  #schemas = 0;
  #output = '';

  private constructor(folder: string, port: number, settings: readonly string[]) {
    this.folder = folder;
    this.port = port;
    this.#settings = settings;
  }

  /** @param settings as `name=value`; durable commits cost time and are switched off unless a test is about them */
  static async start(settings: readonly string[] = ['fsync=off']): Promise<PostgresServer> {
    const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'kmcp-postgres-'));
    const file = join(folder, 'password');
    writeFileSync(file, password);
    for (const path of [folder, file]) if (account) chownSync(path, account.uid, account.gid);
    const server = new PostgresServer(folder, await freePort(), settings);
    const how = ['--auth=scram-sha-256', `--pwfile=${file}`, '--encoding=UTF8', '--locale=C.UTF-8', '--no-sync', '--username=kestra'];
    execFileSync(join(bin ?? '', 'initdb'), ['-D', server.#data, ...how], { ...account, stdio: 'pipe', cwd: folder });
    process.once('exit', server.#kill);
    await server.resume();
    return server;
  }

  get #data(): string {
    return join(this.folder, 'data');
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  get output(): string {
    return this.#output;
  }

  /** An empty place of its own for a store. */
  place(): string {
    this.#schemas += 1;
    return `${this.url()}?schema=place_${this.#schemas}`;
  }

  url(user = 'kestra', secret = password): string {
    return `postgres://${user}:${secret}@127.0.0.1:${this.port}/postgres`;
  }

  /** Starts it again, and waits until it answers. */
  async resume(): Promise<void> {
    const given = ['listen_addresses=127.0.0.1', `port=${this.port}`, `unix_socket_directories=${this.folder}`, ...this.#settings];
    const child = spawn(join(bin ?? '', 'postgres'), ['-D', this.#data, ...given.flatMap((one) => ['-c', one])], {
      ...account,
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: this.folder,
    });
    this.#process = child;
    this.#ended = new Promise((resolve) => child.once('close', resolve));
    const keep = (chunk: Buffer) => {
      this.#output += chunk.toString();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    for (const giveUpAt = performance.now() + 15_000; ; ) {
      if (await this.sql('SELECT 1').catch(() => undefined)) return;
      if (child.exitCode !== null || performance.now() > giveUpAt) throw new Error(this.#output);
      await pause(20);
    }
  }

  /** As `pg_ctl stop` does, in mode fast (sessions are ended) or immediate (as if it had crashed). */
  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    this.#process?.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await this.#ended;
  }

  async restart(mode?: 'fast' | 'immediate'): Promise<void> {
    await this.stop(mode);
    await this.resume();
  }

  /** Stops every process of it where it is. */
  freeze(): void {
    process.kill(this.pid, 'SIGSTOP');
    for (const child of childrenOf(this.pid)) process.kill(child, 'SIGSTOP');
  }

  thaw(): void {
    for (const child of [...childrenOf(this.pid), this.pid]) process.kill(child, 'SIGCONT');
  }

  /** Asks it past the store. */
  async sql<Row extends object>(text: string, url = this.url()): Promise<Row[]> {
    const client = new Client({ connectionString: url.replace(/\?.*/, ''), connectionTimeoutMillis: 2000 });
    client.on('error', () => undefined);
    await client.connect();
    try {
      const schema = new URL(url).searchParams.get('schema');
      if (schema) await client.query(`SET search_path TO ${schema}`);
      return (await client.query<Row>(text)).rows;
    } finally {
      await client.end();
    }
  }

  /** Every file of its data, the write-ahead log among them. */
  bytes(): Buffer[] {
    return readdirSync(this.#data, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name)));
  }

  async destroy(): Promise<void> {
    await this.stop('immediate');
    process.off('exit', this.#kill);
    rmSync(this.folder, { recursive: true, force: true });
  }

  readonly #kill = (): void => {
    this.#process?.kill('SIGQUIT');
    rmSync(this.folder, { recursive: true, force: true });
  };
}

function idsOf(user: string): { uid: number; gid: number } {
  const [, , uid, gid] = new RegExp(`^${user}:.*$`, 'm').exec(readFileSync('/etc/passwd', 'utf8'))?.[0].split(':') ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}

const childrenOf = (parent: number): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return / \S (\d+) /.exec(readFileSync(`/proc/${name}/stat`, 'utf8').replace(/^.*\)/s, ')'))?.[1] === String(parent);
      } catch {
        return false;
      }
    })
    .map(Number);
