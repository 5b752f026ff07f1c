import { openStore } from '../../src/store/open.ts';
import type { PostgresServer } from '../harness/postgres.ts';
import type { Engine } from './contract/story.ts';

/** @param server asked for at the first test, when it runs */
export const postgres = (server: () => PostgresServer): Engine => ({
  name: 'PostgreSQL',
  place: async () => {
    const location = server().place();
    return { location, open: (options) => openStore(location, options), destroy: async () => undefined };
  },
});
