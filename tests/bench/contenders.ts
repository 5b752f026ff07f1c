import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { Peer } from './peer.ts';
import { WebPeer } from './web-peer.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The two servers that are measured and the Kestra behind them. */
export interface Contenders {
  readonly kestra: { readonly url: string; readonly headers: Readonly<Record<string, string>> };
  ours(): Peer;
  bare(): Peer;
  /** The same two over HTTP; ours where people sign in at this provider, and all of them act in Kestra with one credential. */
  oursOnTheWeb(provider: Readonly<Record<string, string>>): Promise<WebPeer>;
  bareOnTheWeb(): Promise<WebPeer>;
  close(): Promise<void>;
}

/** @param program the built program */
export const prepare = async (program: string): Promise<Contenders> => {
  const folder = await mkdtemp(join(root, 'node_modules', '.bench-'));
  const transpiled = async (name: string): Promise<string> => {
    const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
    const source = await readFile(join(root, `tests/bench/${name}.ts`), 'utf8');
    await writeFile(join(folder, `${name}.mjs`), ts.transpileModule(source, { compilerOptions }).outputText);
    return join(folder, `${name}.mjs`);
  };
  const [bare, bareOnTheWeb] = [await transpiled('bare'), await transpiled('bare-http')];

  const kestra = spawn(process.execPath, ['--import', 'tsx', join(root, 'tests/bench/kestra.ts')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const { url, token } = JSON.parse(await firstLine(kestra.stdout)) as { url: string; token: string };
  const env = { KESTRA_API_URL: url, KESTRA_API_TOKEN: token, KESTRA_MCP_CALLS_PER_MINUTE: '1000000' };
  return {
    kestra: { url, headers: { accept: 'application/json', authorization: `Bearer ${token}` } },
    ours: () => new Peer([program, '--stdio'], env),
    bare: () => new Peer([bare], env),
    oursOnTheWeb: (provider) =>
      WebPeer.start([program], {
        ...env,
        ...provider,
        KESTRA_CREDENTIALS: 'shared',
        KESTRA_MCP_STORE: join(folder, 'store', 'store.sqlite'),
      }),
    bareOnTheWeb: () => WebPeer.start([bareOnTheWeb], env),
    close: async () => {
      kestra.stdin.end();
      await rm(folder, { recursive: true, force: true });
    },
  };
};

const firstLine = async (output: NodeJS.ReadableStream): Promise<string> => {
  for await (const line of createInterface({ input: output })) return line;
  throw new Error('the pretend Kestra did not start');
};
