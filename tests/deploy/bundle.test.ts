import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { root } from './tools.ts';

interface Manifest {
  readonly server: {
    readonly entry_point: string;
    readonly mcp_config: { readonly command: string; readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> };
  };
  readonly user_config: Readonly<Record<string, { readonly sensitive?: boolean; readonly default?: string | boolean }>>;
  readonly tools: readonly { readonly name: string; readonly description: string }[];
}

let folder: string;
let bundle: string;
let unpacked: string;
let manifest: Manifest;
let kestra: Kestra;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kestra-mcp-bundle-'));
  [bundle, unpacked] = [join(folder, 'kestra-mcp.mcpb'), join(folder, 'unpacked')];
  kestra = await startKestra({ version: '1.3.25' });
  execFileSync('npm', ['run', 'mcpb', '--', bundle], { cwd: root, stdio: 'pipe' });
  execFileSync('npx', ['--yes', '@anthropic-ai/mcpb@2.1.2', 'unpack', bundle, unpacked], { stdio: 'pipe' });
  manifest = JSON.parse(readFileSync(join(unpacked, 'manifest.json'), 'utf8')) as Manifest;
});
afterAll(async () => {
  await kestra?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What a client of bundles runs, with what its user filled in. */
const launch = (user: Readonly<Record<string, string | boolean>>) => {
  const values = new Map<string, string>([['__dirname', unpacked]]);
  for (const [name, { default: usual }] of Object.entries(manifest.user_config))
    values.set(`user_config.${name}`, String(user[name] ?? usual));
  const filled = (text: string): string => text.replace(/\$\{([\w.]+)\}/g, (_, name: string) => values.get(name) ?? `no ${name}`);
  const { command, args, env } = manifest.server.mcp_config;
  return {
    command,
    args: args.map(filled),
    env: { PATH: process.env.PATH ?? '', ...Object.fromEntries(Object.entries(env).map(([name, value]) => [name, filled(value)])) },
    stderr: 'ignore' as const,
  };
};

it('holds the program, and nothing that is made for one platform', () => {
  expect(readdirSync(unpacked).sort()).toEqual(['LICENSE', 'README.md', 'icon.png', 'manifest.json', 'server']);
  expect(readdirSync(join(unpacked, 'server')).filter((name) => !name.endsWith('.mjs'))).toEqual(['THIRD-PARTY-LICENSES.txt']);
  expect(readdirSync(join(unpacked, 'server'))).toContain(manifest.server.entry_point.replace('server/', ''));
  expect(statSync(bundle).size).toBeLessThan(1_200_000);
});

it('its secrets are kept as secrets', () => {
  const secret = Object.entries(manifest.user_config).filter(([, { sensitive }]) => sensitive);
  expect(secret.map(([name]) => name)).toEqual(['api_token', 'password']);
});

it('what its manifest says to run works with Kestra, and lists the tools that it names', async () => {
  const [username = '', password = ''] = Buffer.from(kestra.headers.authorization.replace('Basic ', ''), 'base64').toString().split(':');
  const client = new Client({ name: 'a-desktop', version: '1.0.0' });
  await client.connect(new StdioClientTransport(launch({ kestra_url: kestra.url, username, password })));
  const { tools } = await client.listTools();
  const { structuredContent } = await client.callTool({ name: 'auth_status', arguments: {} });
  await client.close();
  expect(structuredContent).toMatchObject({ kestra_credential: 'accepted by Kestra' });
  const named = manifest.tools.map(({ name }) => name);
  // Open-source Kestra has no apps.
  expect(named.filter((name) => !tools.some((tool) => tool.name === name))).toEqual(['list_apps', 'get_app', 'create_app']);
  expect(tools.filter((tool) => !named.includes(tool.name))).toEqual([]);
});

it('ticked read only, no tool changes anything', async () => {
  const client = new Client({ name: 'a-desktop', version: '1.0.0' });
  await client.connect(new StdioClientTransport(launch({ kestra_url: kestra.url, read_only: true })));
  const { tools } = await client.listTools();
  await client.close();
  expect(tools.map(({ name }) => name)).toContain('list_flows');
  expect(tools.map(({ name }) => name)).not.toContain('execute_flow');
});
