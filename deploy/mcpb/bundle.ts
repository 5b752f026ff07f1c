/**
 * `npm run mcpb`: kestra-mcp.mcpb, which Claude Desktop installs with a double click. It holds the built program, so nothing is fetched at its
 * start; over stdio it needs no native module, so one bundle fits every platform. `-- FILE` puts it elsewhere.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { direct } from '../../src/tools/catalog.ts';

const here = import.meta.dirname;
const root = join(here, '..', '..');
const output = resolve(process.argv[2] ?? join(root, 'kestra-mcp.mcpb'));
/** Run by npx: as a development dependency it would bring 40 MB to everybody who installs those. */
const packer = '@anthropic-ai/mcpb@2.1.2';

const run = (command: string, ...args: string[]): Buffer =>
  execFileSync(command, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'], shell: process.platform === 'win32' });

run('npm', 'run', 'build', '--', '--log-level', 'error');
const folder = mkdtempSync(join(tmpdir(), 'kestra-mcp-mcpb-'));
try {
  mkdirSync(join(folder, 'server'));
  for (const file of readdirSync(join(root, 'dist')).filter((name) => !name.endsWith('.map')))
    cpSync(join(root, 'dist', file), join(folder, 'server', file));
  for (const file of ['LICENSE', 'README.md']) cpSync(join(root, file), join(folder, file));
  cpSync(join(here, 'icon.png'), join(folder, 'icon.png'));
  const manifest = JSON.parse(readFileSync(join(here, 'manifest.json'), 'utf8')) as Record<string, unknown>;
  const listed = direct.map(({ name, description }) => ({ name, description: description.split('\n')[0] }));
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ ...manifest, tools: listed }, null, 2));
  run('npx', '--yes', packer, 'pack', folder, output);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
