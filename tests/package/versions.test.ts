import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { describeSettings } from '../../src/settings.ts';

const read = (file: string): string => readFileSync(join(import.meta.dirname, '..', '..', file), 'utf8');
const json = <T>(file: string): T => JSON.parse(read(file)) as T;

interface Package {
  readonly name: string;
  readonly mcpName: string;
  readonly version: string;
  readonly license: string;
  readonly engines: { readonly node: string };
  readonly repository: { readonly url: string };
}
interface ServerJson {
  readonly name: string;
  readonly version: string;
  readonly repository: { readonly url: string };
  readonly packages: readonly {
    readonly identifier: string;
    readonly version: string;
    readonly environmentVariables: readonly { readonly name: string; readonly default?: string }[];
  }[];
}
interface Manifest {
  readonly version: string;
  readonly license: string;
  readonly repository: { readonly url: string };
  readonly compatibility: { readonly runtimes: { readonly node: string } };
  readonly server: { readonly mcp_config: { readonly env: Readonly<Record<string, string>> } };
}

const own = json<Package>('package.json');
const server = json<ServerJson>('server.json');
const manifest = json<Manifest>('deploy/mcpb/manifest.json');
const repository = own.repository.url.replace(/^git\+(.*)\.git$/, '$1');

test('every file that names the version names the one of package.json', () => {
  const lock = json<Package & { packages: Record<string, Package> }>('package-lock.json');
  const chart = parse(read('deploy/helm/kestra-mcp/Chart.yaml')) as { version: string; appVersion: string };
  const named = [
    lock.version,
    lock.packages['']?.version,
    server.version,
    server.packages[0]?.version,
    manifest.version,
    chart.version,
    chart.appVersion,
  ];
  expect(named).toEqual(named.map(() => own.version));
});

test('every file that names the repository names the one of package.json', () => {
  const chart = parse(read('deploy/helm/kestra-mcp/Chart.yaml')) as { home: string; sources: string[] };
  const source = /image\.source="(.*?)"/.exec(read('Dockerfile'))?.[1];
  expect([server.repository.url, manifest.repository.url, chart.home, ...chart.sources, source]).toEqual(Array(5).fill(repository));
});

test('the MCP registry finds its name in the package', () => {
  expect([server.name, server.packages.map(({ identifier }) => identifier)]).toEqual([own.mcpName, [own.name]]);
});

test('server.json and the bundle ask for settings that there are, with their defaults', () => {
  const settings = new Map(describeSettings().map(({ name, default: usual }) => [name, usual]));
  for (const { name, default: usual } of server.packages[0]?.environmentVariables ?? []) {
    expect(settings.has(name), name).toBe(true);
    if (usual !== undefined) expect(settings.get(name), name).toBe(usual);
  }
  expect(Object.keys(manifest.server.mcp_config.env).filter((name) => !settings.has(name))).toEqual([]);
});

test('what the bundle says of itself is what the package says', () => {
  expect([manifest.license, manifest.compatibility.runtimes.node]).toEqual([own.license, own.engines.node]);
  expect(existsSync(join(import.meta.dirname, '..', '..', 'deploy/mcpb/icon.png'))).toBe(true);
});
