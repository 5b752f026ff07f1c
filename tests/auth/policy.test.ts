import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parsePolicy } from '../../src/access/policy.ts';
import { readClaims } from '../../src/auth/claims.ts';
import { createRights } from '../../src/auth/rights.ts';
import { readConfig } from '../../src/config.ts';
import { command, newFolder, Program, settings } from '../harness/program.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { FakeIdp } from './fake-idp.ts';

const grant = (role: string, group = 'data-team') => `grants:\n  - match: { groups: [${group}] }\n    roles: [${role}]\n`;
const idp = new FakeIdp();
let kestra: Kestra;
beforeAll(async () => {
  await idp.start();
  kestra = await startKestra({ version: '2.0.0-SNAPSHOT', edition: 'EE' });
  idp.users.set('dora', { sub: 'sub-dora', claims: { groups: ['data-team'] } });
});
afterAll(async () => {
  await kestra.close();
  await idp.stop();
});
const env = async (policy: string) => ({
  ...(await settings({ kestra, idp })),
  KESTRA_MCP_POLICY: policy,
  KESTRA_CREDENTIALS: 'shared',
  KESTRA_API_TOKEN: 'kestra-admin-token',
});

describe('a policy that can not be used stops the start', () => {
  it.concurrent.each([
    ['with the line', grant('kestra-root'), 'policy, line 3: there is no role "kestra-root"'],
    ['that matches everybody', 'grants:\n  - match: {}\n    roles: [kestra-admin]\n', 'policy, line 2: match is empty'],
    ['that is not there', undefined, "KESTRA_MCP_POLICY: the file can't be read (ENOENT)"],
  ])('%s', async (_, text, why) => {
    const file = join(newFolder(), 'policy.yaml');
    if (text !== undefined) writeFileSync(file, text);
    const { code, stderr } = await command([], await env(file));
    expect([code, stderr]).toEqual([1, expect.stringContaining(why)]);
  });
});

describe('A22 a policy that is edited', () => {
  // As Kubernetes mounts a ConfigMap: the file is a link into a folder that is a link, which is swapped.
  const mount = newFolder();
  const file = join(mount, 'policy.yaml');
  let version = 0;
  const edit = (text: string): void => {
    version += 1;
    mkdirSync(join(mount, `v${version}`));
    writeFileSync(join(mount, `v${version}`, 'policy.yaml'), text);
    symlinkSync(`v${version}`, join(mount, 'next'));
    renameSync(join(mount, 'next'), join(mount, '..data'));
  };
  let program: Program;
  let token: string;
  beforeAll(async () => {
    edit(grant('kestra-viewer'));
    symlinkSync('..data/policy.yaml', file);
    program = await Program.start(await env(file), idp);
    token = (await program.client.signIn({ user: 'dora' })).tokens.access_token;
  });
  afterAll(() => program.stop());

  const may = async (): Promise<string> => {
    const names = await program.list(token);
    return names.includes('create_app') ? 'write' : names.includes('list_flows') ? 'read' : 'nothing';
  };
  const within5s = { timeout: 5000, interval: 100 };

  it('counts within 5 s, for who is signed in; a bad edit or a lost file keeps the last good one, and is said', async () => {
    expect(await may()).toBe('read');
    edit(grant('kestra-editor'));
    await expect.poll(may, within5s).toBe('write');
    expect((await program.ready()).body).toMatchObject({ status: 'ok', parts: { policy: 'ok' } });

    edit(grant('kestra-viewer', ''));
    await expect
      .poll(async () => (await program.ready()).body, within5s)
      .toMatchObject({ status: 'degraded', parts: { policy: 'failing' } });
    expect([await may(), (await program.ready()).status]).toEqual(['write', 200]);
    expect(program.stderr).toContain('the last good one is: policy, line 2: match.groups is an empty list');

    edit(grant('kestra-viewer'));
    await expect.poll(may, within5s).toBe('read');
    await expect.poll(async () => (await program.ready()).body.status, within5s).toBe('ok');

    rmSync(join(mount, '..data'));
    await expect.poll(async () => (await program.ready()).body.status, within5s).toBe('degraded');
    expect(await may()).toBe('read');
  });
});

/** The roles of somebody of whom the provider said this. */
const rolesOf = (claims: Record<string, unknown>, pins: Record<string, string>): string[] => {
  const { oidc } = readConfig({ OIDC_ISSUER_URL: 'https://idp.example', OIDC_CLIENT_ID: 'c', ...pins });
  if (!oidc) throw new Error('no issuer');
  const said = [{ source: 'id_token' as const, claims: { iss: 'https://idp.example', sub: 's', ...claims } }];
  const policy = parsePolicy(
    'grants:\n  - match: { email: [ada@acme.example] }\n    roles: [kestra-admin]\n  - match: { domain: [acme.example] }\n    roles: [kestra-viewer]\n',
  );
  return createRights(policy, oidc)
    .of(readClaims(said, oidc, 'google'))
    .map(({ name }) => name);
};

describe('A15 an e-mail or a domain grants something', () => {
  const hosted = { OIDC_HOSTED_DOMAINS: 'acme.example' };
  it.each<[string, Record<string, unknown>, Record<string, string>, string[]]>([
    [
      'verified, of a pinned domain',
      { email: 'Ada@acme.example', email_verified: true, hd: 'acme.example' },
      hosted,
      ['kestra-admin', 'kestra-viewer'],
    ],
    ['verified, and nothing is pinned: not', { email: 'ada@acme.example', email_verified: true }, {}, []],
    ['not verified: the domain alone', { email: 'ada@acme.example', hd: 'acme.example' }, hosted, ['kestra-viewer']],
    ['verified in words only: not', { email: 'ada@acme.example', email_verified: 'true', hd: 'acme.example' }, hosted, ['kestra-viewer']],
    ['of a domain that anybody could claim: not', { hd: 'acme.example' }, {}, []],
    ['of a domain below: not', { email: 'ada@sub.acme.example', email_verified: true, hd: 'acme.example' }, hosted, ['kestra-viewer']],
    [
      'with the domain in its name: not',
      { email: 'acme.example@evil.example', email_verified: true, hd: 'evil.example' },
      { OIDC_HOSTED_DOMAINS: 'evil.example' },
      [],
    ],
  ])('%s', (_, claims, pins, roles) => {
    expect(rolesOf(claims, pins)).toEqual(roles);
  });
});
