import { generateKey } from '../../src/store/seal.ts';
import { FakeIdp } from '../auth/fake-idp.ts';
import { Harness } from '../auth/harness.ts';
import { freePort } from '../harness/free-port.ts';
import { PostgresServer } from '../harness/postgres.ts';
import { Program, settings } from '../harness/program.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { Balancer } from './balancer.ts';

type Environment = Readonly<Record<string, string>>;

/** Real programs behind a balancer, on one PostgreSQL, with one identity provider and one Kestra. */
export class Fleet {
  readonly replicas: Program[] = [];
  readonly balancer = new Balancer();
  readonly idp = new FakeIdp();
  server!: PostgresServer;
  kestra!: Kestra;
  /** What clients and browsers say, to the balancer. */
  words!: Harness;
  #common: Environment = {};
  readonly #own: Environment[];

  private constructor(own: Environment[]) {
    this.#own = own;
  }

  /** @param own what each replica has of its own; all start at once, on an empty database */
  static async start(
    own: Environment[],
    { common = {}, database = ['fsync=off'] }: { common?: Environment; database?: string[] } = {},
  ): Promise<Fleet> {
    const fleet = new Fleet(own);
    await fleet.idp.start();
    fleet.kestra = await startKestra({ version: '2.0.0-SNAPSHOT', edition: 'EE' });
    fleet.server = await PostgresServer.start(database);
    await fleet.balancer.start(await freePort());
    fleet.#common = {
      ...(await settings(fleet)),
      KESTRA_MCP_STORE: fleet.server.place(),
      KESTRA_MCP_PUBLIC_URL: fleet.balancer.url,
      KESTRA_CREDENTIALS: 'shared',
      KESTRA_API_TOKEN: 'kestra-admin-token',
      ENCRYPTION_KEY: generateKey(),
      ...common,
    };
    fleet.words = Harness.remote(fleet.balancer.url, fleet.idp);
    await Promise.all(own.map((_, i) => fleet.begin(i)));
    return fleet;
  }

  get location(): string {
    return this.#common.KESTRA_MCP_STORE ?? '';
  }

  get environment(): Environment {
    return this.#common;
  }

  /** Starts a replica, and puts it into the rotation when it serves. */
  async begin(i: number): Promise<void> {
    const port = await freePort();
    const env = { ...this.#common, ...this.#own[i], KESTRA_MCP_PORT: String(port) };
    this.replicas[i] = await Program.start(env, this.idp);
    this.balancer.ports[i] = port;
  }

  /** As a deployment does it: out of the rotation, SIGTERM, a new one. */
  async roll(i: number): Promise<number | null> {
    this.balancer.ports[i] = undefined;
    const code = await this.replica(i).stop();
    await this.begin(i);
    return code;
  }

  replica(i: number): Program {
    const replica = this.replicas[i];
    if (!replica) throw new Error(`no replica ${i}`);
    return replica;
  }

  async stop(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.stop()));
    await this.balancer.stop();
    await this.kestra.close();
    await this.idp.stop();
    await this.server.destroy();
  }
}
