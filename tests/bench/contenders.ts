import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { Peer } from './peer.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The two servers that are measured and the Kestra behind them. */
export interface Contenders {
  readonly kestra: { readonly url: string; readonly headers: Readonly<Record<string, string>> };
  ours(): Peer;
  bare(): Peer;
  close(): Promise<void>;
}

/** @param program the built program */
export const prepare = async (program: string): Promise<Contenders> => {
  const folder = await mkdtemp(join(root, 'node_modules', '.bench-'));
  const bare = join(folder, 'bare.mjs');
  const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  await writeFile(
    bare,
    ts.transpileModule(await readFile(join(root, 'tests/bench/bare.ts'), 'utf8'), { compilerOptions: options }).outputText,
  );

  const kestra = spawn(process.execPath, ['--import', 'tsx', join(root, 'tests/bench/kestra.ts')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const { url, token } = JSON.parse(await firstLine(kestra.stdout)) as { url: string; token: string };
  const env = { KESTRA_API_URL: url, KESTRA_API_TOKEN: token, KESTRA_MCP_CALLS_PER_MINUTE: '1000000' };
  return {
    kestra: { url, headers: { accept: 'application/json', authorization: `Bearer ${token}` } },
    ours: () => new Peer([program, '--stdio'], env),
    bare: () => new Peer([bare], env),
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
