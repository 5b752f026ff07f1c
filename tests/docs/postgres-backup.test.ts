import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { delimiter } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { openStore } from '../../src/store/open.ts';
import { generateKey, parseKeyring } from '../../src/store/seal.ts';
import { bin, describePostgres, PostgresServer } from '../harness/postgres.ts';
import { newFolder } from '../harness/program.ts';
import { connect, isLive, refresh } from '../store/contract/story.ts';
import { under } from './documents.ts';

describePostgres('docs/operations.md, a store on PostgreSQL', () => {
  it('a backup that is restored is the store as it was, on another server too', async () => {
    const [, dump = '', restore = ''] = under('docs/operations.md', 'Backup and restore', 'sh').map(({ text }) => text);
    const servers = await Promise.all([PostgresServer.start(), PostgresServer.start()]);
    const [server, other] = servers;
    const cwd = newFolder();
    const sh = (text: string, store: string) =>
      promisify(execFile)('bash', ['--norc', '-euo', 'pipefail', '-c', text], {
        cwd,
        env: { PATH: `${bin}${delimiter}${process.env.PATH}`, KESTRA_MCP_STORE: store },
      });
    const keyring = parseKeyring({ ENCRYPTION_KEY: generateKey(), ENCRYPTION_KEYS: undefined });
    try {
      const store = await openStore(server.url(), { keyring });
      const before = await connect(store);
      await sh(dump, server.url());
      const after = await connect(store);
      await store.close();
      for (const url of [server.url(), other.url()]) {
        await sh(restore, url);
        const restored = await openStore(url, { keyring });
        expect([await isLive(restored, before), await isLive(restored, after)]).toEqual([true, false]);
        expect(await refresh(restored, before.refreshToken)).toMatchObject({ outcome: 'rotated' });
        await restored.close();
      }
    } finally {
      await Promise.all(servers.map((one) => one.destroy()));
      rmSync(cwd, { recursive: true, force: true });
    }
  }, 60_000);
});
