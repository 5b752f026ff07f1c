import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seed } from '../../kestra/seed.ts';
import { startKestra } from '../../kestra/server.ts';
import { type DemoProvider, startIdentityProvider } from './identity-provider.ts';
import { people, policy } from './people.ts';

/** The whole remote server for a try-out: pretend Kestra, identity provider, the built program with its store in a temporary folder. */
export interface Team {
  readonly url: string;
  /** Runs one of the program's commands with the same settings. */
  command(args: readonly string[], input?: string): Promise<{ code: number; output: string }>;
  readonly provider: DemoProvider;
  stop(): Promise<void>;
}

export const startTeam = async (program: string, port: number): Promise<Team> => {
  const url = `http://127.0.0.1:${port}`;
  const folder = mkdtempSync(join(tmpdir(), 'kestra-mcp-demo-'));
  writeFileSync(join(folder, 'policy.yaml'), policy);
  const kestra = await startKestra({
    version: '2.0.0-SNAPSHOT',
    edition: 'EE',
    users: people.map(({ id, kestraToken }) => ({ username: id, token: kestraToken })),
  });
  seed(kestra);
  const provider = await startIdentityProvider(`${url}/oauth/callback`);
  const run = (args: readonly string[]) =>
    spawn(process.execPath, [program, ...args], {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        KESTRA_API_URL: kestra.url,
        KESTRA_MCP_PORT: String(port),
        KESTRA_MCP_STORE: join(folder, 'store.sqlite'),
        KESTRA_MCP_POLICY: join(folder, 'policy.yaml'),
        KESTRA_MCP_LOG_LEVEL: 'error',
        KESTRA_MCP_AUDIT_FILE: join(folder, 'audit.jsonl'),
        ENCRYPTION_KEY: key,
        OIDC_ISSUER_URL: provider.issuer,
        OIDC_CLIENT_ID: provider.client.id,
        OIDC_CLIENT_SECRET: provider.client.secret,
        OIDC_SCOPES: 'openid profile',
      },
    });
  const key = (await finished(spawn(process.execPath, [program, 'generate-key']))).output.trim();
  const server = run([]);
  server.stderr.pipe(process.stderr);
  const ended = finished(server);
  const stop = async () => {
    server.kill('SIGTERM');
    await ended;
    await Promise.all([kestra.close(), provider.stop()]);
    rmSync(folder, { recursive: true, force: true });
  };
  const early = ended.then(({ code }) => Promise.reject(new Error(`the server ended with ${code} at its start`)));
  await Promise.race([ready(url), early]).catch(async (thrown: unknown) => {
    await stop();
    throw thrown;
  });
  return {
    url,
    provider,
    command: (args, input) => {
      const child = run(args);
      child.stdin.end(input);
      return finished(child);
    },
    stop,
  };
};

const finished = (child: ReturnType<typeof spawn>): Promise<{ code: number; output: string }> =>
  new Promise((resolve, reject) => {
    let output = '';
    child.stdout?.on('data', (chunk) => {
      output += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
  });

const ready = async (url: string): Promise<void> => {
  for (let attempt = 0; attempt < 200; attempt++) {
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    if (answer?.ok) return;
    await sleep(100);
  }
  throw new Error('the server did not become ready');
};
