import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { readConfig } from '../../src/config.ts';
import { PublicError } from '../../src/errors.ts';
import { describeSettings } from '../../src/settings.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { killAll, logOf, run, settingsFor, start } from './program.ts';

const canary = 'canary-7f3a9c';
let kestra: Kestra;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'settings-'));
  kestra = await startKestra({ version: '2.0.0-SNAPSHOT' });
});
afterEach(killAll);
afterAll(async () => {
  await kestra.close();
  rmSync(folder, { recursive: true });
});

/** What the reader of the environment says against it. */
const refusal = (env: Record<string, string>): string => {
  try {
    readConfig({ KESTRA_MCP_TRANSPORT: 'stdio', ...env });
  } catch (thrown) {
    if (thrown instanceof PublicError && thrown.code === 'misconfigured') return thrown.message;
    throw thrown;
  }
  return 'it was accepted';
};

const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

describe('settings that can not be used', () => {
  const both = { KESTRA_USERNAME: 'u', KESTRA_PASSWORD: canary };
  test.each<[string, Record<string, string>]>([
    ['KESTRA_API_URL', { KESTRA_API_URL: `not a url ${canary}` }],
    ['KESTRA_API_URL', { KESTRA_API_URL: `ftp://${canary}` }],
    ['KESTRA_API_URL', { KESTRA_API_URL: 'localhost:8080' }],
    ['KESTRA_API_URL', { KESTRA_API_URL: `http://admin:${canary}@localhost:8080` }],
    ['KESTRA_API_URL', { KESTRA_API_URL: `http://localhost:8080/?token=${canary}` }],
    ['KESTRA_API_URL', { KESTRA_API_URL: `http://localhost:8080/#${canary}` }],
    ['KESTRA_UI_URL', { KESTRA_UI_URL: `javascript:${canary}` }],
    ['KESTRA_TENANT', { KESTRA_TENANT: `../${canary}` }],
    ['KESTRA_TENANT', { KESTRA_TENANT: 'Main' }],
    ['KESTRA_API_TOKEN', { KESTRA_API_TOKEN: `${canary}\nX-Evil: 1` }],
    ['KESTRA_API_TOKEN', { KESTRA_API_TOKEN: `${canary} two words` }],
    ['KESTRA_API_TOKEN', { KESTRA_API_TOKEN: `${canary}→` }],
    ['KESTRA_USERNAME', { KESTRA_USERNAME: `${canary}:b`, KESTRA_PASSWORD: canary }],
    ['KESTRA_PASSWORD', { KESTRA_USERNAME: canary }],
    ['KESTRA_USERNAME', { KESTRA_PASSWORD: canary }],
    ['KESTRA_VERIFY_SSL', { KESTRA_VERIFY_SSL: canary }],
    ['KESTRA_CA_FILE', { KESTRA_CA_FILE: '/no/such/file' }],
    ['KESTRA_CA_FILE', { KESTRA_CA_FILE: 'package.json' }],
    ['KESTRA_TIMEOUT_SECONDS', { KESTRA_TIMEOUT_SECONDS: canary }],
    ['KESTRA_TIMEOUT_SECONDS', { KESTRA_TIMEOUT_SECONDS: '0' }],
    ['KESTRA_TIMEOUT_SECONDS', { KESTRA_TIMEOUT_SECONDS: '1e9' }],
    ['KESTRA_MCP_ROLE', { KESTRA_MCP_ROLE: canary }],
    ['KESTRA_MCP_TRANSPORT', { KESTRA_MCP_TRANSPORT: canary }],
    ['KESTRA_MCP_CONCURRENT_CALLS', { KESTRA_MCP_CONCURRENT_CALLS: '0' }],
    ['KESTRA_MCP_CALLS_PER_MINUTE', { KESTRA_MCP_CALLS_PER_MINUTE: '1.5' }],
    ['KESTRA_MCP_ANSWER_CHARACTERS', { KESTRA_MCP_ANSWER_CHARACTERS: '10' }],
    ['KESTRA_MCP_LOG_LEVEL', { KESTRA_MCP_LOG_LEVEL: canary }],
    ['KESTRA_API_TOKEN_FILE', { KESTRA_API_TOKEN_FILE: '/no/such/file' }],
    ['KESTRA_API_TOKEN_FILE', { KESTRA_API_TOKEN: canary, KESTRA_API_TOKEN_FILE: '/etc/hostname' }],
    ['KESTRA_PASSWORD_FILE', { ...both, KESTRA_PASSWORD_FILE: '/etc/hostname' }],
    ['KESTRA_PASSWORD_FILE', { KESTRA_USERNAME: 'u', KESTRA_PASSWORD_FILE: tmpdir() }],
  ])('%s: %j', (name, env) => {
    const refused = refusal(env);
    expect(refused).toContain(name);
    expect(refused).not.toContain(canary);
  });

  test('end the program with 2, with the reason and nothing else', async () => {
    const { code, stdout, stderr } = await run({ env: { KESTRA_API_URL: `http://admin:${canary}@localhost:8080` } });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toBe("The settings can't be used:\nKESTRA_API_URL: use a URL without a user name, a password, ? and #\n");
  });

  test('are all named at once', async () => {
    const { code, stderr } = await run({ env: { KESTRA_TENANT: '..', KESTRA_TIMEOUT_SECONDS: 'x', KESTRA_MCP_ROLE: 'y' } });
    expect(code).toBe(2);
    for (const name of ['KESTRA_TENANT', 'KESTRA_TIMEOUT_SECONDS', 'KESTRA_MCP_ROLE']) expect(stderr).toContain(name);
  });

  test.each([
    [['--nonsense'], '--nonsense'],
    [['--env-file'], '--env-file'],
    [['nonsense'], 'nonsense'],
    [['--stdio=yes'], '--stdio'],
  ])('%j is wrong usage', async (args, named) => {
    const { code, stdout, stderr } = await run({ args });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(named);
  });
});

/** Whether the program, set like this, gets an answer of Kestra. */
const works = async (launch: Parameters<typeof start>[0]): Promise<string> => {
  const program = start(launch);
  await program.initialize();
  const text = await program.call('search_namespaces');
  await program.finish();
  return text.includes('"total":') ? 'works' : text;
};

test('a file of settings that is not there is named', async () => {
  const { code, stdout, stderr } = await run({ args: ['--stdio', '--env-file', '/no/such/file'] });
  // Node 20 looks for the option itself, wherever it stands, and ends with 9.
  expect([2, 9]).toContain(code);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/--env-file|\/no\/such\/file/);
});

describe('where a setting comes from', () => {
  const url = () => ({ KESTRA_API_URL: kestra.url });

  test('a secret may be in a file, with a line end', async () => {
    const secret = file('password', 'Kestra-1234\n');
    expect(await works({ env: { ...url(), KESTRA_USERNAME: 'kestra@example.com', KESTRA_PASSWORD_FILE: secret } })).toBe('works');
  });

  test('a token may be in a file', async () => {
    const ee = await startKestra({ version: '2.0.0-SNAPSHOT', edition: 'EE' });
    expect(await works({ env: { KESTRA_API_URL: ee.url, KESTRA_API_TOKEN_FILE: file('token', 'ada-token\r\n') } })).toBe('works');
    await ee.close();
  });

  test('a file that is named gives settings, and the environment beats it', async () => {
    const named = file(
      'named.env',
      `# settings\nKESTRA_API_URL=${kestra.url}\nKESTRA_USERNAME=kestra@example.com\nKESTRA_PASSWORD="Kestra-1234"\n`,
    );
    expect(await works({ args: ['--stdio', '--env-file', named] })).toBe('works');
    expect(await works({ args: ['--stdio', '--env-file', named], env: { KESTRA_PASSWORD: 'wrong' } })).toContain('kestra_unauthorized');
    const wrong = file('wrong.env', 'KESTRA_API_URL=http://127.0.0.1:1\nKESTRA_PASSWORD=wrong\n');
    expect(await works({ args: ['--stdio', '--env-file', wrong], env: settingsFor(kestra) })).toBe('works');
    // What is empty in the environment is not set there.
    expect(await works({ args: ['--stdio', '--env-file', named], env: { KESTRA_PASSWORD: '' } })).toBe('works');
  });

  test('a secret file in the environment beats a secret in the file that is named', async () => {
    const named = file('secret.env', 'KESTRA_PASSWORD=wrong\n');
    const env = { ...url(), KESTRA_USERNAME: 'kestra@example.com', KESTRA_PASSWORD_FILE: file('password', 'Kestra-1234') };
    expect(await works({ args: ['--stdio', '--env-file', named], env })).toBe('works');
  });

  test('a .env in the working folder is not read: whoever wrote it could have the credential sent elsewhere', async () => {
    const thief = await startKestra({ version: '2.0.0-SNAPSHOT' });
    for (const name of ['.env', '.env.local', '.env.production'])
      file(name, `KESTRA_API_URL=${thief.url}\nKESTRA_VERIFY_SSL=false\nNODE_OPTIONS=--nonsense\nKESTRA_MCP_ROLE=nonsense\n`);
    file('.npmrc', 'registry=http://localhost:1\n');
    expect(await works({ env: settingsFor(kestra), cwd: folder })).toBe('works');
    expect(thief.requests).toEqual([]);
    await thief.close();
  });

  test.each(['', '/', '/api/v1', '/api/v1/', '//'])('the address may end with %j', (end) => {
    const env = { KESTRA_MCP_TRANSPORT: 'stdio', KESTRA_API_URL: `http://kestra:8080/base${end}` };
    expect(readConfig(env).kestra.url).toBe('http://kestra:8080/base');
  });

  test('a token of the environment may have a line end', async () => {
    const ee = await startKestra({ version: '2.0.0-SNAPSHOT', edition: 'EE' });
    expect(await works({ env: { KESTRA_API_URL: ee.url, KESTRA_API_TOKEN: ' ada-token\n' } })).toBe('works');
    await ee.close();
  });
});

describe('what is worth a warning', () => {
  const warnings = (env: Record<string, string>): readonly string[] =>
    readConfig({ KESTRA_MCP_TRANSPORT: 'stdio', ...settingsFor(kestra), ...env }).warnings;

  test('is a line of the log', async () => {
    const { code, stderr, stdout } = await run({ env: { ...settingsFor(kestra), KESTRA_MCP_ROL: canary } });
    expect([code, stdout]).toEqual([0, '']);
    expect(logOf(stderr)).toEqual([expect.objectContaining({ level: 'warn', msg: expect.stringContaining('KESTRA_MCP_ROL is not') })]);
    expect(stderr).not.toContain(canary);
  });

  test.each([
    ['KESTRA_MCP_ROL', 'KESTRA_MCP_ROLE'],
    ['KESTRA_MCP_LOGLEVEL', 'KESTRA_MCP_LOG_LEVEL'],
    ['KESTRA_MCP_ANSWER_CHARS', 'KESTRA_MCP_ANSWER_CHARACTERS'],
  ])('%s, which is no setting: %s is', (name, nearest) => {
    expect(warnings({ [name]: canary })).toEqual([expect.stringMatching(new RegExp(`${name} .*nearest is ${nearest}$`))]);
  });

  test('a certificate that is not verified', () => {
    expect(warnings({ KESTRA_VERIFY_SSL: 'false' })).toEqual([expect.stringContaining('KESTRA_CA_FILE')]);
  });

  test('a token beside a user name', () => {
    expect(warnings({ KESTRA_API_TOKEN: canary })).toEqual([expect.stringContaining('KESTRA_API_TOKEN is used')]);
  });

  test('nothing, where all is right', () => {
    expect(warnings({})).toEqual([]);
  });
});

describe('what the program says of itself', () => {
  test('--help lists every setting with its default', async () => {
    const { code, stdout, stderr } = await run({ args: ['--help'] });
    expect([code, stderr]).toEqual([0, '']);
    const all = describeSettings();
    expect(all.length).toBeGreaterThan(12);
    for (const { name, about, default: value } of all) {
      expect(stdout).toContain(`  ${name} `);
      expect(about.length).toBeGreaterThan(5);
      if (value !== undefined) expect(stdout).toContain(`(${value})`);
    }
    for (const option of ['--stdio', '--env-file', '--version']) expect(stdout).toContain(option);
  });

  test.each([['-h'], ['--help', '--stdio'], ['--stdio', '--help']])('%s %s is help too, and needs no settings', async (...args) => {
    const { code, stdout } = await run({ args: args.filter(Boolean), env: { KESTRA_TENANT: '..' } });
    expect(code).toBe(0);
    expect(stdout).toContain('Usage:');
  });

  test('--version', async () => {
    expect(await run({ args: ['--version'], env: { KESTRA_TENANT: '..' } })).toEqual({
      code: 0,
      signal: null,
      stdout: `${packageJson.version}\n`,
      stderr: '',
    });
  });
});
