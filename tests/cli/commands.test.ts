import { createCipheriv, createHmac, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { createVault } from '../../src/auth/vault.ts';
import { openStore } from '../../src/store/open.ts';
import { generateKey, parseKeyring } from '../../src/store/seal.ts';
import { FakeIdp } from '../auth/fake-idp.ts';
import { command, newFolder, Program, settings } from '../harness/program.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';

const idp = new FakeIdp();
let kestra: Kestra;
let env: Record<string, string>;
beforeAll(async () => {
  await idp.start();
  kestra = await startKestra({ version: '2.0.0-SNAPSHOT', edition: 'EE' });
  env = await settings({ kestra, idp });
});
afterAll(async () => {
  await kestra.close();
  await idp.stop();
});

const run = (args: string, more: Record<string, string | undefined> = {}, stdin = '') =>
  command(args.split(' '), { ...env, ...more }, stdin);
const keyOf = (subject: string): string => `${idp.url}|${subject}`;

describe('the program', () => {
  it.concurrent.each(['--help', '-h'])('%s says every command, option and setting, and needs no settings', async (option) => {
    const { code, stdout, stderr } = await command([option]);
    expect([code, stderr]).toEqual([0, '']);
    const words =
      'serve check generate-key add-token remove-token list-users revoke rotate-keys import-tokens --stdio --env-file --version';
    for (const word of [...words.split(' '), 'KESTRA_API_URL', 'OIDC_ISSUER_URL', 'ENCRYPTION_KEYS', 'KESTRA_MCP_POLICY']) {
      expect(stdout).toContain(word);
    }
  });

  it.concurrent.each([
    ['an unknown command', ['add-user', 'x'], 'There is no command add-user.'],
    ['an unknown option', ['--verbose'], '--verbose'],
    ['too few arguments', ['add-token', 'x'], 'Usage: kestra-mcp add-token TOKEN USER'],
    ['too many arguments', ['list-users', 'x'], 'Usage: kestra-mcp list-users'],
    ['a setting that can not be', ['list-users'], 'KESTRA_MCP_PORT: '],
  ])('%s is wrong usage: exit code 2, and what would be right', async (_, args, why) => {
    const { code, stdout, stderr } = await command(args, { ...env, ...(args[0] === 'list-users' && { KESTRA_MCP_PORT: 'x' }) });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(why);
  });

  it('generate-key gives another key each time, and needs no settings', async () => {
    const made = await Promise.all([
      command(['generate-key']),
      command(['generate-key'], { ENCRYPTION_KEY: 'broken', KESTRA_MCP_PORT: 'x' }),
    ]);
    const keys = made.map(({ stdout }) => stdout.trim());
    expect(new Set(keys).size).toBe(2);
    for (const key of keys) expect(() => parseKeyring({ ENCRYPTION_KEY: key })).not.toThrow();
    expect(made.map(({ code }) => code)).toEqual([0, 0]);
  });
});

describe('tokens of users', () => {
  it('add-token stores one that Kestra accepts, from standard input or with a warning', async () => {
    const quiet = await run(`add-token - ${keyOf('sub-eve')}`, {}, 'ada-token\n');
    expect(quiet).toMatchObject({ code: 0, stdout: `Stored for ${keyOf('sub-eve')}.\n` });
    expect(quiet.stderr).not.toContain('standard input');
    const loud = await run(`add-token grace-token ${keyOf('sub-vic')}`);
    expect(loud.code).toBe(0);
    expect(loud.stderr).toContain('- reads it from standard input');
    const { stdout } = await run('list-users');
    expect(stdout.split('\n').filter(Boolean)).toHaveLength(2);
    for (const subject of ['sub-eve', 'sub-vic']) expect(stdout).toMatch(new RegExp(`\\|${subject}\\t.*\\t0 sign-ins\\tKestra credential`));
    expect(stdout).not.toContain('-token');
  });

  it.each([
    ['that Kestra refuses', 'no-such-token', {}, 'Kestra refuses the token; nothing was stored.'],
    ['that can not be checked', 'ada-token', { KESTRA_API_URL: 'http://127.0.0.1:1' }, 'Nothing was stored.'],
    ['that is empty', ' ', {}, 'The token is empty.'],
  ])('add-token stores none %s', async (_, token, more, why) => {
    const { code, stdout, stderr } = await run(`add-token - ${keyOf('sub-nobody')}`, more, token);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(why);
    expect(stderr).not.toContain('no-such-token');
    expect((await run('list-users')).stdout).not.toContain('sub-nobody');
  });

  it('remove-token removes it, and says if there is none', async () => {
    expect(await run(`remove-token ${keyOf('sub-vic')}`)).toMatchObject({ code: 0, stdout: `Removed for ${keyOf('sub-vic')}.\n` });
    expect(await run(`remove-token ${keyOf('sub-vic')}`)).toMatchObject({ code: 1 });
    expect((await run('list-users')).stdout).toMatch(/sub-vic\t.*\tno Kestra credential/);
    const unknown = await run('remove-token nobody@example.test');
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('list-users shows everybody')]);
  });
});

describe('beside a program that serves', () => {
  let program: Program;
  beforeAll(async () => {
    program = await Program.start(env, idp);
  });
  afterAll(() => program.stop());

  it('a token that was added is used at once, and one that was removed no more', async () => {
    const { tokens } = await program.client.signIn({ user: 'eve' });
    const search = () => program.call(tokens.access_token, 'search_namespaces');
    expect((await search()).isError).toBe(false);
    expect(kestra.requests.at(-1)?.headers.authorization).toBe('Bearer ada-token');
    await run('add-token - eve@example.test', {}, 'grace-token');
    await search();
    expect(kestra.requests.at(-1)?.headers.authorization).toBe('Bearer grace-token');
    await run('remove-token EVE@example.test');
    const before = kestra.requests.length;
    expect((await search()).structured.error).toBe('no_credential');
    expect(kestra.requests.slice(before).filter(({ path }) => path !== '/api/v1/configs')).toEqual([]);
  });

  it('A22 revoke ends every sign-in of one user at once', async () => {
    const [one, two, other] = [
      await program.client.signIn({ user: 'eve' }),
      await program.client.signIn({ user: 'eve' }),
      await program.client.signIn({ user: 'vic' }),
    ];
    expect((await program.client.mcp(one.tokens.access_token)).status).toBe(200);
    const { code, stdout } = await run(`revoke ${keyOf('sub-eve')}`);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^[23] sign-ins of .*\|sub-eve ended/)]);
    for (const { clientId, tokens } of [one, two]) expect(await program.client.isDead(clientId, tokens)).toBe(true);
    expect((await program.client.mcp(other.tokens.access_token)).status).toBe(200);
  });

  it('a subject may have a bar, as those of Auth0 do', async () => {
    idp.users.set('barred', { sub: 'auth0|6512', claims: { roles: ['kestra-viewer'] } });
    const { tokens } = await program.client.signIn({ user: 'barred' });
    for (const name of ['auth0|6512', keyOf('auth0|6512')]) {
      expect((await run(`add-token - ${name}`, {}, 'ada-token')).stdout).toBe(`Stored for ${keyOf('auth0|6512')}.\n`);
    }
    expect((await program.call(tokens.access_token, 'search_namespaces')).isError).toBe(false);
  });

  it('an e-mail that two people have names nobody', async () => {
    for (const user of ['twin-1', 'twin-2']) {
      idp.users.set(user, { sub: user, claims: { email: 'twin@example.test', roles: ['kestra-viewer'] } });
      await program.client.signIn({ user });
    }
    const { code, stdout, stderr } = await run('revoke twin@example.test');
    expect([code, stdout]).toEqual([1, '']);
    for (const user of ['twin-1', 'twin-2']) expect(stderr).toContain(keyOf(user));
  });
});

/** What the vault holds for somebody, opened with these keys. */
const held = async (file: string, keys: string, subject: string): Promise<unknown> => {
  const store = await openStore(file, { keyring: parseKeyring({ ENCRYPTION_KEYS: keys }) });
  try {
    return await createVault(store, kestra.url).get({ issuer: idp.url, subject });
  } finally {
    await store.close();
  }
};

test('P15 a key is rotated: added, everything sealed anew, the old one dropped', async () => {
  const file = join(newFolder(), 'store.sqlite');
  const [first, second] = [generateKey(), generateKey()];
  const ring = (ENCRYPTION_KEYS: string) => ({ ENCRYPTION_KEY: undefined, ENCRYPTION_KEYS, KESTRA_MCP_STORE: file });
  await run(`add-token - ${keyOf('sub-eve')}`, ring(`k1:${first}`), 'ada-token');
  const early = await run('serve', ring(`k2:${second}`));
  expect([early.code, early.stderr]).toEqual([1, expect.stringContaining('1 stored secrets were sealed with another key')]);
  const missing = await run('rotate-keys', ring(`k2:${second}`));
  expect([missing.code, missing.stdout]).toEqual([1, expect.stringContaining('1 rows can be opened with none of these keys')]);
  const rotated = await run('rotate-keys', ring(`k2:${second},k1:${first}`));
  expect(rotated).toMatchObject({ code: 0, stdout: '1 rows sealed anew.\nk2: 1 rows\nk1: 0 rows, may be dropped\n' });
  expect(await run('rotate-keys', ring(`k2:${second},k1:${first}`))).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('0 rows sealed'),
  });
  expect((await run('list-users', ring(`k2:${second}`))).stdout).toContain('Kestra credential');
  expect(await held(file, `k2:${second}`, 'sub-eve')).toEqual({ kind: 'token', token: 'ada-token' });
  const back = await run('serve', ring(`k1:${first}`));
  expect([back.code, back.stderr]).toEqual([1, expect.stringContaining('sealed with another key')]);
});

/** As the predecessor sealed (Fernet specification). */
const fernet = (text: string, key: string): string => {
  const bytes = Buffer.from(key, 'base64url');
  const iv = randomBytes(16);
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 1000)));
  const cipher = createCipheriv('aes-128-cbc', bytes.subarray(16), iv);
  const signed = Buffer.concat([Buffer.of(0x80), time, iv, cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([signed, createHmac('sha256', bytes.subarray(0, 16)).update(signed).digest()]).toString('base64url');
};

describe('import-tokens', () => {
  /** The issuer with a slash that it does not use itself. */
  const own = { KESTRA_MCP_STORE: join(newFolder(), 'store.sqlite'), OIDC_ISSUER_URL: '' };
  beforeAll(() => {
    own.OIDC_ISSUER_URL = `${idp.url}/`;
  });
  const file = (content: unknown): string => {
    const path = join(newFolder(), 'tokens.json');
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  };

  it("takes over the predecessor's tokens; each is its owner's from the first sign-in on", async () => {
    const path = file({ 'sub-eve': fernet('ada-token', env.ENCRYPTION_KEY ?? ''), 'sub-vic': fernet('grace-token', generateKey()) });
    for (const _ of [1, 2]) {
      const { code, stdout } = await run(`import-tokens ${path}`, own);
      expect([code, stdout]).toEqual([
        1,
        '1 tokens imported; each is adopted when its owner signs in.\nnot imported: sub-vic (sealed with another ENCRYPTION_KEY, or changed)\n',
      ]);
    }
    const program = await Program.start({ ...env, ...own }, idp);
    try {
      for (const [user, authorization] of [
        ['vic', undefined],
        ['eve', 'Bearer ada-token'],
      ]) {
        const { tokens } = await program.client.signIn({ user });
        const before = kestra.requests.length;
        await program.call(tokens.access_token, 'search_namespaces');
        expect(kestra.requests.slice(before).find(({ path }) => path.includes('/namespaces/'))?.headers.authorization).toBe(authorization);
      }
    } finally {
      await program.stop();
    }
  });

  it.concurrent.each([
    ['that is not there', '/no/such/file', "The file can't be read (ENOENT)."],
    ['that is no JSON', file('{'), 'not a token file of kestra-server-mcp'],
    ['of another form', file([{ token: 'x' }]), 'not a token file of kestra-server-mcp'],
  ])('refuses a file %s', async (_, path, why) => {
    const { code, stdout, stderr } = await run(`import-tokens ${path}`, own);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(why);
  });
});
