import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Certificates, makeCertificates } from '../client/certificates.ts';
import { json, listen } from '../client/server.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { killAll, logOf, type Program, start } from './program.ts';

const token = 'canary-token-3f9c2a7b';
const password = 'canary-password-8e1d:ü';
const forms = [token, password, 'canary', Buffer.from(`kestra@example.com:${password}`).toString('base64'), encodeURIComponent(password)];

const credentials: Readonly<Record<string, Record<string, string>>> = {
  'a token': { KESTRA_API_TOKEN: token },
  'a password': { KESTRA_USERNAME: 'kestra@example.com', KESTRA_PASSWORD: password },
};

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});
afterAll(() => certificates.remove());
const undo: (() => unknown)[] = [];
afterEach(async () => {
  killAll();
  for (const step of undo.splice(0).reverse()) await step();
});

/** Where calls go wrong in one way each. */
const places: Readonly<Record<string, () => Promise<Record<string, string>>>> = {
  'a Kestra that is there': async () => ({ KESTRA_API_URL: (await pretended()).url }),
  'a Kestra that is down': async () => ({ KESTRA_API_URL: 'http://127.0.0.1:1' }),
  'a host that has no address': async () => ({ KESTRA_API_URL: 'http://nowhere.invalid:8080' }),
  'a Kestra that fails in every way': async () => {
    const kestra = await pretended();
    for (const kind of ['html', 'redirect', 'truncated', 'cut', 'empty', 'dropBefore', 'dropAfter'] as const)
      kestra.faults.add({ kind }, { path: '/flows/search', times: 1 });
    return { KESTRA_API_URL: kestra.url };
  },
  'something that repeats what it is sent': async () => {
    const { url, close } = await listen((request, response) => {
      if (request.url === '/api/v1/configs') return json(response, { version: '2.0.0' });
      const basic = Buffer.from(request.headers.authorization?.split(' ')[1] ?? '', 'base64').toString('utf8');
      json(response, { message: `Bad Authorization: ${request.headers.authorization} ${basic}`, headers: request.headers }, 400);
    });
    undo.push(close);
    return { KESTRA_API_URL: url };
  },
  'a certificate that is not trusted': async () => {
    const server = createServer({ cert: certificates.selfSigned.cert, key: certificates.selfSigned.key });
    server.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    undo.push(() => server.close());
    return { KESTRA_API_URL: `https://127.0.0.1:${(server.address() as AddressInfo).port}` };
  },
};

const pretended = async (): Promise<Kestra> => {
  const kestra = await startKestra({
    version: '1.3.25',
    edition: 'EE',
    users: [{ username: 'kestra@example.com', password, token, superAdmin: true }],
  });
  undo.push(kestra.close);
  return kestra;
};

const source = 'id: a\nnamespace: secrets\ntasks:\n  - id: log\n    type: io.kestra.plugin.core.log.Log\n    message: hi\n';

/** A call of every kind, right and wrong. */
const exercise = async (program: Program): Promise<void> => {
  await program.initialize();
  await program.ask('tools/list');
  program.send('{"half\n');
  await program.ask('no/such/method', { a: 1 });
  await program.call('create_or_update_flow', { source });
  const calls: [string, Record<string, unknown>][] = [
    ['auth_status', {}],
    ['register_kestra_token', {}],
    ['create_or_update_flow', { source: 'nonsense' }],
    ['execute_flow', { namespace: 'secrets', flow_id: 'a', timeout_seconds: 5 }],
    ['execute_flow', { namespace: 'secrets', flow_id: 'nonsense' }],
    ['list_flows', { namespace: '..' }],
    ...Array.from({ length: 7 }, (): [string, Record<string, unknown>] => ['list_flows', { namespace: 'secrets' }]),
  ];
  await Promise.all(calls.map(([name, args]) => program.call(name, args)));
};

describe.each(Object.keys(credentials))('%s is in no line of stdout and stderr', (credential) => {
  test.each(Object.keys(places))('with %s', async (place) => {
    const where = await (places[place] as (typeof places)[string])();
    const program = start({ env: { ...credentials[credential], ...where, KESTRA_MCP_LOG_LEVEL: 'debug' } });
    await exercise(program);
    expect(await program.finish()).toEqual({ code: 0, signal: null });
    for (const form of forms) {
      expect(program.stdout).not.toContain(form);
      expect(program.stderr).not.toContain(form);
    }
    expect(program.stderr).not.toMatch(/authorization"?:/i);
    // It did say something, or nothing would be proved.
    const log = logOf(program.stderr);
    expect(log.filter(({ audit }) => audit === 'tools/call').length).toBeGreaterThan(10);
    expect(log.some(({ level }) => level === 'debug')).toBe(true);
  });
});

test('what is typed into the chat as a token is in no line of the log', async () => {
  const program = start({ env: { KESTRA_API_URL: (await pretended()).url, KESTRA_API_TOKEN: token, KESTRA_MCP_LOG_LEVEL: 'debug' } });
  await program.initialize();
  expect(await program.call('register_kestra_token', { token: 'typed-5c81' })).toContain('revoke it');
  expect(await program.call('register_kestra_token', { token: ['typed-5c81'] })).toContain('invalid_input');
  expect(await program.call('list_flows', { namespace: 'secrets', tokn: 'typed-5c81' })).toContain('tokn');
  await program.finish();
  expect(program.stderr).not.toContain('typed-5c81');
  expect(program.stdout).not.toContain('typed-5c81');
});

test('arguments and answers are in no line of the log', async () => {
  const kestra = await pretended();
  const program = start({ env: { KESTRA_API_URL: kestra.url, KESTRA_API_TOKEN: token, KESTRA_MCP_LOG_LEVEL: 'debug' } });
  await program.initialize();
  const inputs = 'inputs:\n  - id: word\n    type: STRING\n    defaults: a\n';
  await program.call('create_or_update_flow', { source: `${source}${inputs}description: written-2b7e\n` });
  expect(
    await program.call('execute_flow', { namespace: 'secrets', flow_id: 'a', inputs: { word: 'given-9d04' }, labels: { l: 'label-77aa' } }),
  ).toContain('SUCCESS');
  expect(await program.call('get_flow', { namespace: 'secrets', flow_id: 'a' })).toContain('written-2b7e');
  await program.finish();
  for (const word of ['written-2b7e', 'given-9d04', 'label-77aa']) expect(program.stderr).not.toContain(word);
});
