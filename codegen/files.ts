import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Generated } from './generate.ts';

export interface Folders {
  /** The contracts and operations.json. */
  openapi: string;
  /** The generated TypeScript. */
  generated: string;
}

/** A file as it must be; undefined where none must be. */
interface Wanted {
  path: string;
  text: string | undefined;
}

/** The files on disk that differ from what the contracts give. */
export async function staleFiles(folders: Folders, generated: Generated): Promise<Wanted[]> {
  const stale: Wanted[] = [];
  for (const file of await wanted(folders, generated)) if ((await readIfThere(file.path)) !== file.text) stale.push(file);
  return stale;
}

/** Writes and removes what staleFiles found. */
export async function bringUpToDate(folders: Folders, stale: readonly Wanted[]): Promise<void> {
  await mkdir(folders.openapi, { recursive: true });
  await mkdir(folders.generated, { recursive: true });
  for (const { path, text } of stale) await (text === undefined ? rm(path) : writeFile(path, text));
}

async function wanted({ openapi, generated: folder }: Folders, { contracts, sources }: Generated): Promise<Wanted[]> {
  const leftover = (await readdir(folder).catch(() => [])).filter((name) => /^schema-.*\.d\.ts$/.test(name) && !sources.has(name));
  return [
    ...[...contracts].map(([name, text]) => ({ path: join(openapi, name), text })),
    ...[...sources].map(([name, text]) => ({ path: join(folder, name), text })),
    ...leftover.map((name) => ({ path: join(folder, name), text: undefined })),
  ];
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
}
