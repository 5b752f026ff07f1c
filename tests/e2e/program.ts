import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inject } from 'vitest';
import { generateKey } from '../../src/store/seal.ts';
import { freePort } from '../harness/free-port.ts';
import type { Kestra } from '../kestra/server.ts';

/** An identity provider, and this server as its client. */
export interface Provider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

/** The program as it is shipped, serving over HTTP. */
export interface Program {
  readonly url: string;
  readonly mcpUrl: string;
  /** What it has logged, each line JSON. */
  readonly log: readonly Record<string, unknown>[];
  stop(): Promise<void>;
}

export const startProgram = async ({
  provider,
  kestra,
  env = {},
}: {
  provider: Provider;
  kestra: Pick<Kestra, 'url' | 'headers'>;
  /** Beats the rest. */
  env?: Readonly<Record<string, string>>;
}): Promise<Program> => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const folder = await mkdtemp(join(tmpdir(), 'kestra-mcp-e2e-'));
  const [username = '', password = ''] = Buffer.from(kestra.headers.authorization.replace('Basic ', ''), 'base64').toString().split(':');
  const child = spawn(process.execPath, [inject('program')], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      PATH: process.env.PATH,
      KESTRA_API_URL: kestra.url,
      KESTRA_CREDENTIALS: 'shared',
      KESTRA_USERNAME: username,
      KESTRA_PASSWORD: password,
      KESTRA_MCP_PORT: String(port),
      KESTRA_MCP_STORE: join(folder, 'store.sqlite'),
      KESTRA_MCP_LOG_LEVEL: 'debug',
      ENCRYPTION_KEY: generateKey(),
      OIDC_ISSUER_URL: provider.issuer,
      OIDC_CLIENT_ID: provider.clientId,
      OIDC_CLIENT_SECRET: provider.clientSecret,
      ...env,
    },
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const livez = () =>
    fetch(`${url}/livez`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await livez())) {
    if (child.exitCode !== null) throw new Error(`the program ended:\n${stderr}`);
    await sleep(50);
  }
  return {
    url,
    mcpUrl: `${url}/mcp`,
    get log() {
      const lines = stderr.split('\n').slice(0, -1);
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    stop: async () => {
      child.kill('SIGTERM');
      await gone;
      await rm(folder, { recursive: true, force: true });
    },
  };
};
