import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveFlows } from '../harness/kestra.ts';
import { command, Program, settings } from '../harness/program.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { defaultUsers } from '../kestra/users.ts';
import { flow, hello } from '../tools/setting.ts';
import { FakeIdp, fakeClient } from './fake-idp.ts';
import type { Tokens } from './harness.ts';
import { Jar } from './jar.ts';

const own = 'CANARY-kestra-token-of-eve-0123456789';
const wrong = 'CANARY-kestra-token-that-is-refused-0123';
const typed = 'CANARY-kestra-token-in-the-chat-01234567';
const password = 'CANARY-password-of-a-flow-9876543210';
const idp = new FakeIdp();
const secrets = new Set([own, wrong, typed, password, fakeClient.secret]);
/** What clients were told when something was refused or failed. */
const errors: string[] = [];
const printed: string[] = [];
let kestra: Kestra;
let program: Program;

const keep = async (response: Response): Promise<string> => {
  const text = await response.text();
  if (response.status >= 400) errors.push(text);
  return text;
};

beforeAll(async () => {
  await idp.start();
  idp.rotate = true;
  const people = [own, typed].map((token, i) => ({ username: `canary-${i}`, token, id: `canary-${i}` }));
  kestra = await startKestra({ version: '1.3.25', edition: 'EE', users: [...defaultUsers, ...people] });
  const inputs = 'inputs:\n  - id: password\n    type: SECRET\n  - id: count\n    type: INT\n    defaults: 1\n';
  await saveFlows(kestra, hello('acme', 'login', inputs), flow('acme', 'broken', 'execution.Fail', 'errorMessage: no', inputs));
  const env: Record<string, string> = { ...(await settings({ kestra, idp })), KESTRA_MCP_LOG_LEVEL: 'debug' };
  secrets.add(env.ENCRYPTION_KEY?.replace(/=$/, '') ?? '');
  program = await Program.start(env, idp);
  const { client } = program;
  const say = async (args: string[], stdin = '') => {
    const { stdout, stderr } = await command(args, env, stdin);
    printed.push(stdout, stderr);
  };
  await say(['add-token', '-', `${idp.url}|sub-eve`], own);
  await say(['add-token', '-', `${idp.url}|sub-eve`], wrong);
  await say(['list-users']);

  const clientId = await client.reg();
  const jar = new Jar();
  const { code, verifier } = await client.code({ clientId, jar });
  secrets.add(code).add(verifier);
  for (const [, value] of jar.cookies(program.base)) secrets.add(value);
  const fields = { client_id: clientId, code, code_verifier: verifier };
  let tokens = JSON.parse(await keep(await client.redeem(fields))) as Tokens;
  const seen = () => secrets.add(tokens.access_token).add(tokens.refresh_token);
  seen();
  const call = async (name: string, args: Record<string, unknown> = {}) => {
    const outcome = await program.call(tokens.access_token, name, args);
    if (outcome.isError || outcome.error) errors.push(outcome.text, JSON.stringify(outcome.error ?? ''));
    return outcome;
  };
  const started = await call('execute_flow', { namespace: 'acme', flow_id: 'login', inputs: { password } });
  await call('get_execution', { execution_id: started.structured.execution_id });
  await call('execute_flow', { namespace: 'acme', flow_id: 'broken', inputs: { password } });
  for (const inputs of [{ password, count: 'x' }, { password, none: 1 }, { password: { text: password } }, { pass: password }, password]) {
    await call('execute_flow', { namespace: 'acme', flow_id: 'login', inputs });
  }
  await call('execute_flow', { namespace: 'acme', flow_id: 'login', inputs: { password }, labels: { 'a b': password } });
  for (const token of [wrong, typed]) await call('register_kestra_token', { token });
  await call('register_kestra_token', { token: [wrong] });
  await call('auth_status');
  for (const kind of ['dropBefore', 'dropAfter'] as const) {
    kestra.faults.add({ kind }, { path: '/flows/search' });
    await call('list_flows', { namespace: 'acme' });
  }
  await say(['revoke', `${idp.url}|sub-nobody`]);
  await keep(await fetch(`${program.base}/mcp?access_token=${tokens.access_token}`, { method: 'POST' }));
  await keep(await fetch(`${program.base}/account?for=${password}`, { headers: { Accept: 'application/json' } }));
  tokens = JSON.parse(await keep(await client.refresh(clientId, tokens.refresh_token))) as Tokens;
  seen();
  // A code that comes back ends the sign-in.
  await keep(await client.redeem(fields));
  await keep(await client.mcp(tokens.access_token));
  await keep(await client.refresh(clientId, tokens.refresh_token));
  for (const { headers, form } of idp.requests) {
    for (const name of ['refresh_token', 'code', 'code_verifier']) secrets.add(form.get(name) ?? '');
    if (headers.authorization?.startsWith('Bearer ')) secrets.add(headers.authorization.slice(7));
  }
  secrets.delete('');
});
afterAll(async () => {
  await program.stop();
  await kestra.close();
  await idp.stop();
});

/** The secrets that are in there, as they are or in base64. */
const found = (bytes: Buffer): string[] =>
  [...secrets].filter((secret) => bytes.includes(secret) || bytes.includes(Buffer.from(secret).toString('base64').replace(/.?=*$/, '')));

describe('A46 no secret of a session at debug level', () => {
  it('enough happened for that to mean something', () => {
    expect(secrets.size).toBeGreaterThan(14);
    expect(errors.length).toBeGreaterThan(12);
    expect(program.stderr).toContain('"level":"debug"');
    expect(kestra.requests.some(({ headers }) => headers.authorization === `Bearer ${own}`)).toBe(true);
    expect(kestra.requests.some(({ headers }) => headers.authorization === `Bearer ${typed}`)).toBe(true);
    expect(kestra.requests.some(({ text }) => text.includes(password))).toBe(true);
    expect(found(Buffer.from(`x${password}y`))).toEqual([password]);
  });

  it('is written to stdout or stderr, by the server or by a command', () => {
    expect(program.stdout).toBe('');
    expect(found(Buffer.from(program.stderr))).toEqual([]);
    expect(found(Buffer.from(printed.join('\n')))).toEqual([]);
  });

  it('is in an error that a client got, nor a stack or a path', () => {
    for (const error of errors) {
      expect(found(Buffer.from(error)), error).toEqual([]);
      expect(error).not.toMatch(/node_modules|\bat \/|\.ts:\d|\.mjs:\d|SqliteError|\/tmp\//);
    }
  });

  it('A47 is in clear in the files of the store, the audit among them', () => {
    const folder = dirname(program.env.KESTRA_MCP_STORE ?? '');
    const files = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
    expect(Buffer.concat(files).includes('credential_stored')).toBe(true);
    for (const file of files) expect(found(file)).toEqual([]);
  });
});
