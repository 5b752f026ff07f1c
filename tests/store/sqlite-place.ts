import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../src/store/open.ts';
import type { Engine, Place } from './contract/story.ts';

/** In memory where the system has such a folder: what these tests ask does not depend on the speed of a disk. */
const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

export const sqlitePlace = async (): Promise<Place & { folder: string; file: string }> => {
  const folder = await mkdtemp(join(base, 'kmcp-store-'));
  const file = join(folder, 'data', 'store.sqlite');
  return {
    folder,
    file,
    location: file,
    open: (options) => openStore(file, options),
    destroy: () => rm(folder, { recursive: true, force: true }),
  };
};

export const sqlite: Engine = { name: 'SQLite', place: sqlitePlace };
