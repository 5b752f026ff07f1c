import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { generateKey } from '../../src/store/seal.ts';
import { FakeIdp } from '../auth/fake-idp.ts';
import { describePostgres, PostgresServer } from '../harness/postgres.ts';
import { command, newFolder, settings } from '../harness/program.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';

describePostgres('the commands, at a store on PostgreSQL', () => {
  const idp = new FakeIdp();
  const [first, second] = [generateKey(), generateKey()];
  let kestra: Kestra;
  let server: PostgresServer;
  let env: Record<string, string>;
  beforeAll(async () => {
    await idp.start();
    kestra = await startKestra({ version: '2.0.0-SNAPSHOT', edition: 'EE' });
    server = await PostgresServer.start();
    const folder = newFolder();
    const store = join(folder, 'store');
    writeFileSync(store, `${server.place()}\n`);
    const { KESTRA_MCP_STORE: _, ENCRYPTION_KEY: __, ...rest } = await settings({ kestra, idp });
    env = { ...rest, KESTRA_MCP_STORE_FILE: store };
  });
  afterAll(async () => {
    await server.destroy();
    await kestra.close();
    await idp.stop();
  });
  const run = async (args: string, keys: string, stdin = '') => {
    const ended = await command(args.split(' '), { ...env, ENCRYPTION_KEYS: keys }, stdin);
    expect(ended.stdout + ended.stderr).not.toContain('CANARY-of-the-database');
    return ended;
  };

  it('check, add-token, import-tokens, list-users, rotate-keys, revoke, remove-token', async () => {
    const eve = `${idp.url}|sub-eve`;
    const old = `k1:${first}`;
    const both = `k2:${second},k1:${first}`;
    expect((await run('check', old)).stdout).toContain(`ok       store postgres://127.0.0.1:${server.port}/postgres, and its keys`);
    expect(await run(`add-token - ${eve}`, old, 'ada-token')).toMatchObject({ code: 0, stdout: `Stored for ${eve}.\n` });
    const tokens = join(newFolder(), 'tokens.json');
    writeFileSync(tokens, '{}');
    expect((await run(`import-tokens ${tokens}`, old)).stdout).toContain('0 tokens imported');
    expect((await run('serve', `k2:${second}`)).stderr).toContain('1 stored secrets were sealed with another key');
    expect(await run('rotate-keys', both)).toMatchObject({
      code: 0,
      stdout: '1 rows sealed anew.\nk2: 1 rows\nk1: 0 rows, may be dropped\n',
    });
    expect((await run('list-users', `k2:${second}`)).stdout).toMatch(/\|sub-eve\t.*\t0 sign-ins\tKestra credential/);
    expect((await run(`revoke ${eve}`, both)).stdout).toMatch(/^0 sign-ins of .*\|sub-eve ended/);
    expect(await run(`remove-token ${eve}`, both)).toMatchObject({ code: 0, stdout: `Removed for ${eve}.\n` });
  }, 60_000);
});
