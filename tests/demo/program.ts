import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The built program, which is built first if it is missing or older than its sources. */
export const builtProgram = async (): Promise<string> => {
  const program = join(root, 'dist', 'main.mjs');
  const sources = await readdir(join(root, 'src'), { recursive: true });
  const ages = await Promise.all([...sources.map((file) => join('src', file)), 'package.json', 'tsdown.config.ts'].map(changed));
  if ((await changed('dist/main.mjs')) < Math.max(...ages)) {
    await promisify(execFile)('npm', ['run', 'build', '--', '--log-level', 'error'], { cwd: root, shell: process.platform === 'win32' });
  }
  return program;
};

/** When a file was last changed; never, if there is none. */
const changed = async (file: string): Promise<number> =>
  stat(join(root, file)).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
