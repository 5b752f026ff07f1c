import { afterAll, beforeAll } from 'vitest';
import { describePostgres, PostgresServer } from '../harness/postgres.ts';
import { describeProcesses } from './contract/processes.ts';
import { postgres } from './postgres-place.ts';

describePostgres('a real server', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server.destroy());

  describeProcesses(postgres(() => server));
});
