import { setTimeout as pause } from 'node:timers/promises';
import { type ClientConfig, Pool, type PoolClient, type QueryResult, types } from 'pg';
import { asPublicError } from '../../errors.ts';
import { type Engine, type Settings, unavailable } from '../engine.ts';
import type { Bind, Work } from '../work.ts';
import { beginAndTell, translate } from './dialect.ts';
import { Fault, isBroken, isPassing, storeError } from './faults.ts';

/** How long an operation may take, all told, before it gives up: a frozen server answers nothing and closes nothing. */
const patienceMs = 1500;
/** The server itself gives up a little later, so that nothing runs on there for nobody. */
const serverPatienceMs = 2000;

/** Whole numbers of 64 bits are instants and counts here, far below 2^53. */
export const numbers = {
  getTypeParser: ((oid: number, format: 'text' | 'binary') =>
    oid === types.builtins.INT8 ? Number : types.getTypeParser(oid, format)) as typeof types.getTypeParser,
};

/** What each new connection is told. Who has switched durable commits off by default gets them here all the same. */
const introduction = (schema: string): string =>
  `SET search_path TO ${schema}; SET statement_timeout = ${serverPatienceMs}; SET idle_in_transaction_session_timeout = 5000;
   SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`;

/** A pool of connections, and the two ways to use it. */
export class PostgresPool implements Engine {
  readonly keyring;
  readonly lifetimes;
  readonly bounds;
  readonly #clock: (() => number) | undefined;
  readonly #pool: Pool;
  readonly #statements = new Map<string, ReturnType<typeof translate> & { readonly name: string }>();
  #closing: Promise<void> | undefined;

  constructor(client: ClientConfig, schema: string, { keyring, lifetimes, bounds, clock }: Settings) {
    this.keyring = keyring;
    this.lifetimes = lifetimes;
    this.bounds = bounds;
    this.#clock = clock;
    this.#pool = new Pool({
      ...client,
      types: numbers,
      application_name: 'kestra-mcp',
      max: 10,
      connectionTimeoutMillis: patienceMs,
      idleTimeoutMillis: 30_000,
      keepAlive: true,
      onConnect: async (fresh) => void (await fresh.query({ text: introduction(schema), query_timeout: patienceMs } as { text: string })),
    });
    // Connections that die while nobody uses them (a restart of the server) are replaced; without a listener they end the program.
    this.#pool.on('error', ignore);
  }

  async now(): Promise<number> {
    return this.glance(function* () {
      const { rows } = yield { sql: 'SELECT :now AS now', binds: [] };
      return (rows as { now: number }[])[0]?.now ?? Number.NaN;
    });
  }

  write<T>(work: (now: number) => Work<T>): Promise<T> {
    return this.#attempt((session) => this.#transaction(session, work));
  }

  /** Others that come with the name meanwhile leave at once. */
  writeAlone<T>(name: string, work: (now: number) => Work<T>): Promise<T | undefined> {
    return this.#attempt((session) =>
      this.#transaction(session, function* (now): Work<T | undefined> {
        const sql = "SELECT pg_try_advisory_xact_lock(hashtext('kestra-mcp ' || current_schema()), hashtext(?)) AS alone";
        const { rows } = yield { sql, binds: [name] };
        return (rows as { alone: boolean }[])[0]?.alone ? yield* work(now) : undefined;
      }),
    );
  }

  glance<T>(work: () => Work<T>): Promise<T> {
    return this.#attempt((session) => this.#run(session, work(), this.#clock?.() ?? null));
  }

  close(): Promise<void> {
    this.#closing ??= within(this.#pool.end());
    return this.#closing;
  }

  async #transaction<T>(session: Session, work: (now: number) => Work<T>): Promise<T> {
    const [, told] = (await session.query(beginAndTell)) as unknown as QueryResult<{ now: number }>[];
    const now = this.#clock?.() ?? told?.rows[0]?.now ?? Number.NaN;
    let result: T;
    try {
      result = await this.#run(session, work(now), now);
    } catch (error) {
      if (!session.broken) await session.query('ROLLBACK');
      throw error;
    }
    await session.commit();
    return result;
  }

  async #run<T>(session: Session, steps: Work<T>, now: number | null): Promise<T> {
    let step = steps.next();
    while (!step.done) {
      const { text, name, timed } = this.#translated(step.value.sql, step.value.held);
      const binds = step.value.binds.map(storable);
      const { rows, rowCount } = await session.query({ name, text, values: timed ? [...binds, now] : binds });
      step = steps.next({ rows, changes: rowCount ?? 0 });
    }
    return step.value;
  }

  /** Named, so that the server parses it once for each connection. */
  #translated(sql: string, held: string | undefined) {
    const key = `${held ?? ''} ${sql}`;
    let found = this.#statements.get(key);
    if (!found) {
      found = { ...translate({ sql, ...(held && { held }) }), name: `s${this.#statements.size}` };
      this.#statements.set(key, found);
    }
    return found;
  }

  /** A restart of the server or a deadlock is waited out, as long as patience lasts and nothing may have been committed. */
  async #attempt<T>(use: (session: Session) => Promise<T>): Promise<T> {
    const giveUpAt = performance.now() + patienceMs;
    for (;;) {
      if (this.#closing) throw unavailable('closed');
      try {
        return await this.#once(use, giveUpAt);
      } catch (error) {
        if (!(error instanceof Fault)) throw asPublicError(error);
        const waitMs = 20 + Math.random() * 60;
        if (!isPassing(error) || performance.now() + waitMs >= giveUpAt) throw storeError(error);
        await pause(waitMs);
      }
    }
  }

  async #once<T>(use: (session: Session) => Promise<T>, giveUpAt: number): Promise<T> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw new Fault(error);
    });
    client.on('error', ignore);
    const session = new Session(client, giveUpAt);
    try {
      return await use(session);
    } finally {
      client.off('error', ignore);
      client.release(session.broken);
    }
  }
}

/** A frozen server does not say good-bye. */
export const within = (ending: Promise<void>): Promise<void> => Promise.race([ending, pause(serverPatienceMs, undefined, { ref: false })]);

/** One connection while an operation has it. */
class Session {
  broken = false;
  readonly #client: PoolClient;
  readonly #giveUpAt: number;

  constructor(client: PoolClient, giveUpAt: number) {
    this.#client = client;
    this.#giveUpAt = giveUpAt;
  }

  /** @throws Fault */
  query(statement: string | { name: string; text: string; values: Bind[] }): Promise<QueryResult> {
    return this.#query(typeof statement === 'string' ? { text: statement } : statement, false);
  }

  async commit(): Promise<void> {
    const { command } = await this.#query({ text: 'COMMIT' }, true);
    // What PostgreSQL says when the transaction had failed before.
    if (command === 'ROLLBACK') throw new Fault(new Error('the transaction was rolled back'));
  }

  async #query(statement: { text: string }, committing: boolean): Promise<QueryResult> {
    try {
      const left = Math.max(1, Math.round(this.#giveUpAt - performance.now()));
      return await this.#client.query({ ...statement, query_timeout: left } as typeof statement);
    } catch (error) {
      this.broken ||= isBroken(error);
      throw new Fault(error, committing);
    }
  }
}

/** PostgreSQL's texts hold no null character. No name that we know somebody by has one: such a one is found nowhere. */
const storable = (bind: Bind): Bind => (typeof bind === 'string' ? bind.replaceAll('\0', '\uFFFD') : bind);

/** Whoever uses the connection is told by its statement. */
const ignore = (): void => undefined;
