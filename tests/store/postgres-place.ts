import { openStore } from '../../src/store/open.ts';
import type { PostgresServer } from '../harness/postgres.ts';
import type { Engine } from './contract/story.ts';

/** @param server asked for at the first test, when it runs */
export const postgres = (server: () => PostgresServer): Engine => ({
  name: 'PostgreSQL',
  place: async () => {
    const location = server().place();
    const schema = new URL(location).searchParams.get('schema');
    return {
      location,
      open: (options) => openStore(location, options),
      destroy: () =>
        server()
          .sql(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
          .then(() => undefined),
      raw: (sql) => server().sql(sql, location),
      tables: async () =>
        (await server().sql<{ name: string }>(`SELECT tablename AS name FROM pg_tables WHERE schemaname = '${schema}'`)).map(
          ({ name }) => name,
        ),
      bytes: async () => {
        await server().sql('CHECKPOINT');
        return server().bytes();
      },
    };
  },
});
