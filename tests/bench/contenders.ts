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
  /**
   * The same two over HTTP, with a Kestra behind them that costs next to nothing; ours with these settings, and
   * everybody who signs in acts in Kestra with one credential.
   */
  oursOnTheWeb(settings: Readonly<Record<string, string>>, options?: readonly string[]): Promise<WebPeer>;
  bareOnTheWeb(): Promise<WebPeer>;
  /** Express alone, which gives back what it was sent. */
  expressAlone(): Promise<WebPeer>;
  /** For what is needed on the way; gone at the end. */
  readonly folder: string;
  close(): Promise<void>;
}

/**
 * @param program the built program
 * @param node options of Node for our server over HTTP: `--cpu-prof` and the like
 */
export const prepare = async (program: string, node: readonly string[] = []): Promise<Contenders> => {
  const folder = await mkdtemp(join(root, 'node_modules', '.bench-'));
  const transpiled = async (name: string): Promise<string> => {
    const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
    const source = await readFile(join(root, `tests/bench/${name}.ts`), 'utf8');
    await writeFile(join(folder, `${name}.mjs`), ts.transpileModule(source, { compilerOptions }).outputText);
    return join(folder, `${name}.mjs`);
  };
  const [bare, bareOnTheWeb, expressAlone] = [await transpiled('bare'), await transpiled('bare-http'), await transpiled('bare-express')];

  const kestra = spawn(process.execPath, ['--import', 'tsx', join(root, 'tests/bench/kestra.ts')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const { url, again, token } = JSON.parse(await firstLine(kestra.stdout)) as { url: string; again: string; token: string };
  const env = { KESTRA_API_URL: url, KESTRA_API_TOKEN: token, KESTRA_MCP_CALLS_PER_MINUTE: '1000000' };
  return {
    kestra: { url, headers: { accept: 'application/json', authorization: `Bearer ${token}` } },
    ours: () => new Peer([program, '--stdio'], env),
    bare: () => new Peer([bare], env),
    oursOnTheWeb: (settings, options = []) =>
      WebPeer.start([...node, ...options, program], {
        ...env,
        ...settings,
        KESTRA_API_URL: again,
        KESTRA_CREDENTIALS: 'shared',
      }),
    bareOnTheWeb: () => WebPeer.start([bareOnTheWeb], { ...env, KESTRA_API_URL: again }),
    expressAlone: () => WebPeer.start([expressAlone], env),
    folder,
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
