import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { generateKey } from '../../src/store/seal.ts';
import { version } from '../../src/version.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { install, type Packed, pack } from './npm-package.ts';

const run = promisify(execFile);
let kestra: Kestra;
let packed: Packed;
let folder: string;
let installed: string;
beforeAll(async () => {
  kestra = await startKestra({ version: '2.0.0-SNAPSHOT' });
  ({ packed, folder } = await pack(inject('program')));
  installed = await install({ packed, folder });
}, 120_000);
afterAll(async () => {
  await kestra.close();
  await rm(folder, { recursive: true, force: true });
});

test('it holds the program, its words and its licenses, and nothing else', () => {
  const names = packed.files.map(({ path }) => path);
  expect(names.filter((name) => !name.startsWith('dist/')).sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']);
  expect(names.filter((name) => name.startsWith('dist/') && !name.endsWith('.mjs'))).toEqual(['dist/THIRD-PARTY-LICENSES.txt']);
  expect(packed.size).toBeLessThan(1_000_000);
  expect(packed.unpackedSize).toBeLessThan(4_000_000);
});

test('the licenses of what is bundled are in it, each once', async () => {
  const text = await readFile(join(installed, 'node_modules/kestra-mcp/dist/THIRD-PARTY-LICENSES.txt'), 'utf8');
  for (const name of ['express', '@modelcontextprotocol/server', 'zod', 'openid-client']) {
    expect(text.match(new RegExp(`^${name} [\\d.]+ \\(`, 'gm')), name).toHaveLength(1);
  }
  expect(text).not.toContain('(undefined)');
});

test('npx kestra-mcp in an empty folder: the version', async () => {
  const { stdout } = await run('npx', ['--offline', 'kestra-mcp', '--version'], { cwd: installed });
  expect(stdout.trim()).toBe(version);
});

test('npx kestra-mcp --stdio in an empty folder: an MCP client works with Kestra through it', async () => {
  const [username = '', password = ''] = Buffer.from(kestra.headers.authorization.replace('Basic ', ''), 'base64').toString().split(':');
  const client = new Client({ name: 'a-client', version: '1.0.0' });
  await client.connect(
    new StdioClientTransport({
      command: 'npx',
      args: ['--offline', 'kestra-mcp', '--stdio'],
      cwd: installed,
      env: { PATH: process.env.PATH ?? '', KESTRA_API_URL: kestra.url, KESTRA_USERNAME: username, KESTRA_PASSWORD: password },
      stderr: 'ignore',
    }),
  );
  const { structuredContent } = await client.callTool({ name: 'auth_status', arguments: {} });
  await client.close();
  expect(structuredContent).toMatchObject({ kestra_credential: 'accepted by Kestra' });
});

test('where the SQLite driver could not be installed, serving a team says so and what to do', async () => {
  const env = {
    PATH: process.env.PATH,
    KESTRA_API_URL: kestra.url,
    ENCRYPTION_KEY: generateKey(),
    OIDC_ISSUER_URL: 'http://127.0.0.1:9',
    OIDC_CLIENT_ID: 'kestra-mcp',
  };
  const ended = run('npx', ['--offline', 'kestra-mcp'], { cwd: installed, env });
  await expect(ended).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('npm rebuild better-sqlite3') });
});
