import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');

/** One line of what `npm pack --json` says. */
export interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

/** What `npm publish` would send: packed in a new folder from the repository's files and a build of the program. */
export const pack = async (program: string): Promise<{ packed: Packed; folder: string }> => {
  const folder = await mkdtemp(join(tmpdir(), 'kestra-mcp-package-'));
  await mkdir(join(folder, 'from'));
  for (const name of await readdir(root)) {
    if (!/^(\.git|node_modules|dist)$/.test(name)) await cp(join(root, name), join(folder, 'from', name), { recursive: true });
  }
  await cp(dirname(program), join(folder, 'from', 'dist'), { recursive: true });
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const { stdout } = await run('npm', args, { cwd: join(folder, 'from') });
  const [packed] = JSON.parse(stdout) as [Packed];
  return { packed, folder };
};

/** Installs the tarball in a folder that was empty, with nothing to be had from anywhere: all that stdio needs is in it. @returns the folder */
export const install = async ({ packed, folder }: { packed: Packed; folder: string }): Promise<string> => {
  const empty = join(folder, 'empty');
  await mkdir(empty);
  const args = ['install', '--offline', '--no-audit', '--no-fund', '--cache', join(folder, 'empty cache'), join(folder, packed.filename)];
  await run('npm', args, { cwd: empty });
  return empty;
};
