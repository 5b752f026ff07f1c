import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { during } from '../harness/kestra.ts';
import { type Server, startServer } from '../harness/server.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';

/** The TCP ports on which a process listens (proc_pid_net(5): state 0A). */
const listening = (pid: number): string[] => {
  const own = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        return [];
      }
    }),
  );
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode = '']) => state === '0A' && own.has(inode))
      .map(([, address = '']) => address),
  );
};

describe.skipIf(process.platform !== 'linux')('A53, R89 over stdio', () => {
  let kestra: Kestra;
  let server: Server;
  beforeAll(async () => {
    kestra = await startKestra({ version: '2.0.0-SNAPSHOT' });
    const forHttp = { KESTRA_MCP_PORT: '18999', OIDC_ISSUER_URL: 'http://127.0.0.1:9', OIDC_CLIENT_ID: 'x', OIDC_CLIENT_SECRET: 'y' };
    server = await startServer({ kestra, env: forHttp });
  });
  afterAll(async () => {
    await server.stop();
    await kestra.close();
  });

  test('nobody can connect to the program, whatever the settings for HTTP say, and it signs nobody in', async () => {
    const { result, requests } = await during(kestra, () => server.call('search_namespaces'));
    expect([result.isError, requests.length > 0]).toEqual([false, true]);
    expect(listening(server.pid)).toEqual([]);
    // That this would see it: this very process has the pretended Kestra listening.
    expect(listening(process.pid)).not.toEqual([]);
  });

  test('the credential is in no argument of the process', () => {
    const args = readFileSync(`/proc/${server.pid}/cmdline`, 'utf8').split('\0');
    const [, secret = ''] = kestra.headers.authorization.split(' ');
    expect(args).toContain('--stdio');
    expect(args.join(' ')).not.toContain(secret);
  });
});
