import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { readConfig } from '../../src/config.ts';
import { generateKey } from '../../src/store/seal.ts';
import { under } from '../docs/documents.ts';
import { complaints, type Manifest } from './kubernetes.ts';
import { installed, root } from './tools.ts';

const helm = installed('helm/helm');
const chart = join(root, 'deploy/helm/kestra-mcp');
const valuesOf = (name: string): string => join(import.meta.dirname, 'values', `${name}.yaml`);
const sets = (set: Readonly<Record<string, string>>): string[] =>
  Object.entries(set).flatMap(([name, value]) => ['--set', `${name}=${value}`]);

/** What `helm template` says, or why it does not. */
const template = (name: string, set: Readonly<Record<string, string>> = {}): { text: string; refused: string } => {
  const args = ['template', 'kestra-mcp', chart, '--kube-version', '1.30.0', '-f', valuesOf(name), ...sets(set)];
  const { stdout, stderr } = spawnSync(helm, args, { encoding: 'utf8' });
  return { text: stdout, refused: stderr };
};

const manifests = (text: string): Manifest[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);

interface Deployment extends Manifest {
  readonly spec: {
    readonly replicas?: number;
    readonly strategy: { readonly type: string };
    readonly template: {
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly containers: readonly { readonly env: readonly { readonly name: string; readonly value?: string }[] }[];
      };
    };
  };
}
const deployment = (text: string): Deployment => manifests(text).find(({ kind }) => kind === 'Deployment') as Deployment;

describe.each(['one', 'several'])('with the values of %s', (name) => {
  it('helm lint --strict has nothing to say', () => {
    const out = execFileSync(helm, ['lint', '--strict', chart, '--kube-version', '1.30.0', '-f', valuesOf(name)], { encoding: 'utf8' });
    expect(out).toContain('0 chart(s) failed');
  });

  it('what it renders is as before', async () => {
    await expect(template(name).text).toMatchFileSnapshot(`__snapshots__/${name}.yaml`);
  });

  it("everything is of Kubernetes's and the Gateway API's schemas, no unknown field in it", () => {
    const all = manifests(template(name).text);
    expect(all.length).toBeGreaterThan(3);
    const checked = all.map((manifest) => [manifest.kind, complaints(manifest, manifest)] as const);
    expect(checked.filter(([, found]) => found === undefined).map(([kind]) => kind)).toEqual(name === 'several' ? ['ServiceMonitor'] : []);
    expect(checked.flatMap(([, found]) => found ?? [])).toEqual([]);
  });

  it('the program takes the environment that the pod has', () => {
    const { env } = deployment(template(name).text).spec.template.spec
      .containers[0] as Deployment['spec']['template']['spec']['containers'][0];
    const secrets: Record<string, string> = { ENCRYPTION_KEY: generateKey(), KESTRA_MCP_STORE: 'postgres://user@host/database' };
    const given = Object.fromEntries(
      env.filter(({ name }) => name !== 'OIDC_CA_FILE').map(({ name, value }) => [name, value ?? secrets[name] ?? 'secret']),
    );
    const config = readConfig(given);
    expect(config.warnings.filter((warning) => !warning.includes('KESTRA_MCP_METRICS_'))).toEqual([]);
    expect([config.http.publicUrl, config.http.host, config.http.port]).toEqual(['https://kestra-mcp.example.com', '0.0.0.0', 8081]);
    if (name === 'several') expect([config.lifetimes.refreshIdleMs, config.http.trustedHops]).toEqual([2_592_000_000, 1]);
  });
});

it('a field that Kubernetes does not know, or one of the wrong kind, would be found out', () => {
  const good = deployment(template('one').text);
  const { apiVersion, kind, metadata, spec } = good;
  expect(complaints(good, { apiVersion, kind, metadata, spec: { ...spec, replica: 1 } })).toEqual([
    expect.stringContaining('"additionalProperty":"replica"'),
  ]);
  expect(complaints(good, { apiVersion, kind, metadata, spec: { ...spec, replicas: 'one' } })).toEqual([
    expect.stringContaining('/spec/replicas'),
  ]);
});

it('one replica on SQLite gives way before the next starts; several on PostgreSQL never all at once', () => {
  const [one, several] = ['one', 'several'].map((name) => deployment(template(name).text).spec);
  expect([one?.strategy.type, one?.replicas]).toEqual(['Recreate', 1]);
  expect([several?.strategy.type, several?.replicas]).toEqual(['RollingUpdate', undefined]);
});

it('a pod has longer to stop than the program takes', () => {
  const drain = Number(/drain: ([\d_]+)/.exec(readFileSync(join(root, 'src/server/serve.ts'), 'utf8'))?.[1]?.replace('_', '')) / 1000;
  const preStop = 5;
  expect(deployment(template('one').text).spec.template.spec.terminationGracePeriodSeconds).toBeGreaterThan(preStop + drain);
});

it('no secret is in what is rendered, and none has a place in the values', () => {
  expect(manifests(template('several').text).map(({ kind }) => kind)).not.toContain('Secret');
  const refused = template('one', { 'settings.OIDC_CLIENT_SECRET': 'x' });
  expect(refused.refused).toContain('settings.OIDC_CLIENT_SECRET: that is a secret');
});

describe('docs/install.md', () => {
  const [one, several] = under('docs/install.md', 'Kubernetes', 'yaml').map(({ text }) => text);
  const rendered = (...files: (string | undefined)[]): string => {
    const folder = mkdtempSync(join(tmpdir(), 'kestra-mcp-values-'));
    const values = files.map((text, i) => {
      const file = join(folder, `${i}.yaml`);
      writeFileSync(file, text ?? '');
      return ['-f', file];
    });
    const text = execFileSync(helm, ['template', 'kestra-mcp', chart, '--kube-version', '1.30.0', ...values.flat()], { encoding: 'utf8' });
    rmSync(folder, { recursive: true });
    return text;
  };

  it('its values render, for one replica', () => {
    expect(deployment(rendered(one)).spec.replicas).toBe(1);
  });

  it('and, with what it adds, for several', () => {
    expect(deployment(rendered(one, several)).spec.replicas).toBe(3);
  });
});

describe('what cannot work does not render', () => {
  const postgres = { 'secretSettings.KESTRA_MCP_STORE': 'url' };
  it.each([
    ['no image', { 'image.repository': '' }, 'image.repository: name the image'],
    ['no Kestra', { 'settings.KESTRA_API_URL': '' }, 'settings.KESTRA_API_URL is needed'],
    ['no encryption', { 'settings.KESTRA_MCP_PUBLIC_URL': 'http://kestra-mcp.example.com' }, 'it begins with https://'],
    ['no Secret', { existingSecret: '' }, 'existingSecret: name the Secret that has ENCRYPTION_KEY'],
    ['no key', { 'secretSettings.ENCRYPTION_KEY': 'null' }, 'ENCRYPTION_KEY or ENCRYPTION_KEYS is needed'],
    ['two replicas on one file', { replicaCount: '2' }, 'store.kind=sqlite is one file for one replica'],
    ['scaling with one file', { 'autoscaling.enabled': 'true' }, 'store.kind=sqlite is one file for one replica'],
    ['PostgreSQL without its URL', { 'store.kind': 'postgres' }, 'secretSettings.KESTRA_MCP_STORE is needed'],
    ["PostgreSQL's URL with SQLite", postgres, 'set store.kind=postgres too'],
    ['another database', { 'store.kind': 'mysql' }, 'kind'],
    ['what the chart sets', { 'settings.KESTRA_MCP_PORT': '80' }, 'settings.KESTRA_MCP_PORT: the chart sets it'],
    ['a route to nowhere', { 'gateway.enabled': 'true' }, 'gateway.parentRefs: name the Gateway'],
    ['a monitor of nothing', { 'metrics.serviceMonitor.enabled': 'true' }, 'needs metrics.enabled'],
    ['no time to stop', { terminationGracePeriodSeconds: '10' }, 'terminationGracePeriodSeconds'],
    ['a value that is none', { replicas: '2' }, 'replicas'],
  ])('%s', (_, set, why) => {
    const { text, refused } = template('one', set);
    expect([text, refused]).toEqual(['', expect.stringContaining(why)]);
  });

  it('several replicas on PostgreSQL do', () => {
    const { text, refused } = template('one', { replicaCount: '3', 'store.kind': 'postgres', ...postgres });
    expect([deployment(text).spec.replicas, refused]).toEqual([3, '']);
  });
});

it('every value is in the schema', () => {
  const values = parse(readFileSync(join(chart, 'values.yaml'), 'utf8')) as object;
  const schema = JSON.parse(readFileSync(join(chart, 'values.schema.json'), 'utf8')) as { properties: object };
  expect(
    Object.keys(schema.properties)
      .filter((name) => name !== 'global')
      .sort(),
  ).toEqual(Object.keys(values).sort());
});
