import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { presetOf } from '../../src/auth/presets.ts';
import { readConfig } from '../../src/config.ts';
import { generateKey } from '../../src/store/seal.ts';
import { FakeIdp } from '../auth/fake-idp.ts';
import { Program, settings } from '../harness/program.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { blocksOf, root, under } from './documents.ts';

/** Blocks that are not run here, by their first line: the file that runs them, and why not here. */
const elsewhere: Readonly<Record<string, readonly [by: string, why: string]>> = {
  'npm ci && npm run demo': ['.ci/run', 'the demo, to its end'],
  'npm ci && npm test': ['.ci/run', 'this very run'],
  'npm ci                      # Node 20.19 or newer': ['.ci/run', 'each of its lines'],
  'tests/e2e/install && npm run test:e2e         # Keycloak, Chromium and real MCP clients': ['.ci/run', 'each of its lines'],
  'npm run docs': ['tests/codegen', 'writes into the repository; .ci/run checks that nothing would change'],
  'npm run codegen -- --from kestra-ee-2.0.yml --from http://localhost:8080 --from kestra-ee-1.3.yml --from kestra-oss-1.3.yml': [
    'tests/codegen/run.test.ts',
    "takes Kestra's own documents",
  ],
  'npm run codegen -- --from http://localhost:8080': ['tests/codegen/run.test.ts', 'takes a running Kestra'],
  'npm ci && npm run mcpb': ['tests/deploy/bundle.test.ts', 'fetches the packer'],
  'deploy/compose/new-env > deploy/compose/.env': ['tests/deploy/compose.test.ts', 'no Docker engine'],
  'docker build -t kestra-mcp .': ['tests/deploy/image.test.ts', 'no Docker engine: the steps are done without one'],
  'docker run --detach --name kestra-mcp --restart unless-stopped --env-file kestra-mcp.env --publish 8081:8081 \\': [
    'tests/deploy/image.test.ts',
    'no Docker engine: the image runs without one, read-only and without capabilities',
  ],
  'kubectl create namespace kestra-mcp': ['tests/deploy/helm.test.ts', 'no cluster: the chart is rendered with these values'],
  'npm install --global kestra-mcp': ['tests/package/npm-package.test.ts', 'installs into the machine: a folder there'],
  'claude mcp add kestra -e KESTRA_API_URL=https://kestra.example.com -e KESTRA_API_TOKEN=… -- npx -y kestra-mcp --stdio': [
    'tests/package/npm-package.test.ts',
    'the client is not free to install: what it starts is started there',
  ],
  'export KESTRA_API_URL=https://kestra.example.com': ['tests/e2e/documented.test.ts', 'takes an identity provider'],
  'kcadm.sh config credentials --server https://login.example.com --realm master --user admin': [
    'tests/e2e/documented.test.ts',
    'takes Keycloak',
  ],
  "kcadm.sh create clients -r company -f - <<'END'": ['tests/e2e/documented.test.ts', 'takes Keycloak'],
  'for role in kestra-viewer kestra-operator kestra-editor kestra-admin; do kcadm.sh create roles -r company -s name=$role; done': [
    'tests/e2e/documented.test.ts',
    'takes Keycloak',
  ],
  'kcadm.sh get clients -r company -q clientId=kestra-mcp --fields secret --format csv --noquotes': [
    'tests/e2e/documented.test.ts',
    'takes Keycloak',
  ],
};
const firstLine = (text: string): string => text.split('\n')[0] ?? '';
const here = blocksOf('sh').filter(({ text }) => !(firstLine(text) in elsewhere));

let folder: string;
let kestra: Kestra;
const idp = new FakeIdp();
let program: Program;
let env: Record<string, string>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kestra-mcp-docs-'));
  const script = `#!/bin/sh\nexec '${process.execPath}' '${inject('program')}' "$@"\n`;
  writeFileSync(join(folder, 'kestra-mcp'), script, { mode: 0o755 });
  writeFileSync(join(folder, 'npx'), `#!/bin/sh\nexec "$@"\n`, { mode: 0o755 });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  [kestra] = await Promise.all([startKestra({ version: '2.0.0-SNAPSHOT', edition: 'EE' }), idp.start()]);
  idp.users.set('ada', {
    sub: 'sub-ada',
    claims: { name: 'Ada', email: 'ada@example.com', email_verified: true, roles: ['kestra-admin'] },
  });
  env = { ...(await settings({ kestra, idp })), KESTRA_API_TOKEN: kestra.headers.authorization.replace('Bearer ', '') };
  program = await Program.start(env, idp);
});
afterAll(async () => {
  await program?.stop();
  await Promise.all([kestra?.close(), idp.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

/** As somebody types it, with the program's settings around it. @throws what it said, if it failed */
const sh = async (text: string, more: Record<string, string> = {}): Promise<string> => {
  const { stdout } = await promisify(execFile)('bash', ['--norc', '-euo', 'pipefail', '-c', text], {
    cwd: folder,
    env: { PATH: `${folder}${delimiter}${process.env.PATH}`, ...env, ...more },
  });
  return stdout;
};
const operations = (heading: string): string[] => under('docs/operations.md', heading, 'sh').map(({ text }) => text);
const signedIn = async (user: string) => (await program.client.signIn({ user })).tokens.access_token;

it('every block of commands is run here, or is on the list with the file that runs it', () => {
  const ran = [
    ...under('README.md', 'By yourself', 'sh'),
    ...['Backup and restore', 'Changing the encryption key', 'What to do when…'].flatMap((heading) =>
      under('docs/operations.md', heading, 'sh'),
    ),
    ...blocksOf('sh').filter(({ file, text }) => file === 'docs/identity-providers.md' && text.startsWith('export ')),
  ].map(({ text }) => text);
  expect(here.map(({ text }) => text).filter((text) => !ran.includes(text))).toEqual([]);
  expect(Object.values(elsewhere).filter(([by]) => !existsSync(join(root, by)))).toEqual([]);
  const first = blocksOf('sh').map(({ text }) => firstLine(text));
  expect(Object.keys(elsewhere).filter((line) => !first.includes(line))).toEqual([]);
});

it('what .ci/run is said to run, it runs', () => {
  const ci = readFileSync(join(root, '.ci/run'), 'utf8');
  const lines = under('CONTRIBUTING.md', 'Contributing', 'sh').flatMap(({ text }) => text.split('\n'));
  const commands = [...lines, 'npm run demo -- --once'].map((line) => line.replace(/\s+#.*/, '')).filter((line) => line !== '');
  expect(commands.flatMap((line) => line.split(' && ')).filter((command) => !ci.includes(command))).toEqual([]);
});

it('README: the check for one person', async () => {
  const [, check] = under('README.md', 'By yourself', 'sh');
  expect(check?.text).toContain('check');
  expect(await sh(check?.text ?? '')).toContain('ok       Kestra accepts the credential');
});

describe('docs/operations.md', () => {
  it('a backup is a store that can be used', async () => {
    const [backup = ''] = operations('Backup and restore');
    await signedIn('eve');
    await sh(backup);
    const restored = { KESTRA_MCP_STORE: join(folder, 'backup.sqlite') };
    expect(await sh('kestra-mcp list-users', restored)).toBe(await sh('kestra-mcp list-users'));
  });

  it('after a restore every sign-in is ended', async () => {
    const tokens = await Promise.all(['eve', 'vic'].map(signedIn));
    const end = operations('Backup and restore').at(-1) ?? '';
    await sh(end);
    for (const token of tokens) expect((await program.client.mcp(token)).status).toBe(401);
  });

  it('somebody is locked out at once, and nobody else', async () => {
    const [ada, eve] = [await signedIn('ada'), await signedIn('eve')];
    const [revoke = ''] = operations('What to do when…');
    await sh(revoke);
    expect((await program.client.mcp(ada)).status).toBe(401);
    expect((await program.client.mcp(eve)).status).toBe(200);
  });

  it('the encryption key is changed, and the old one can go', async () => {
    await signedIn('eve');
    const [ring = '', rotate = ''] = operations('Changing the encryption key');
    const said = await sh(`${ring}\n${rotate}\necho "RING $ENCRYPTION_KEYS"`);
    expect(said).toContain('old: 0 rows, may be dropped');
    const newKey = /RING (new:[^,]+),/.exec(said)?.[1] ?? '';
    expect(await sh('unset ENCRYPTION_KEY; kestra-mcp check', { ENCRYPTION_KEYS: newKey })).toContain('and its keys');
  });
});

describe('docs/identity-providers.md: the settings can be used, and the kind of provider is told by its issuer', () => {
  it.each([
    ['Microsoft Entra ID', 'entra'],
    ['Google', 'google'],
    ['Okta', 'okta'],
    ['Auth0', 'auth0'],
    ['Keycloak', 'keycloak'],
  ])('%s', (heading, preset) => {
    const exports = under('docs/identity-providers.md', heading, 'sh').filter(({ text }) => text.startsWith('export '));
    expect(exports).toHaveLength(1);
    const said = execFileSync('bash', ['--norc', '-ec', `${exports[0]?.text}\nenv -0`], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH },
    });
    const set = Object.fromEntries(said.split('\0').map((pair) => pair.split(/=(.*)/s))) as Record<string, string>;
    const { oidc, warnings } = readConfig({ ENCRYPTION_KEY: generateKey(), ...set });
    expect(warnings).toEqual([]);
    expect(oidc && presetOf(oidc)).toBe(preset);
    expect(oidc?.clientSecret).toBe('…');
  });
});
