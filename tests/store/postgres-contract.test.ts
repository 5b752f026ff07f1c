import { afterAll, beforeAll } from 'vitest';
import { openStore } from '../../src/store/open.ts';
import { describePostgres, PostgresServer } from '../harness/postgres.ts';
import { describeStore } from './contract/contract.ts';

describePostgres('on a real server', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server.destroy());

  describeStore({
    name: 'PostgreSQL',
    place: async () => {
      const url = server.place();
      return { open: (options) => openStore(url, options), destroy: async () => undefined };
    },
  });
});
