import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { saveFlows } from '../harness/kestra.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { type Exit, killAll, logOf, type Program, settingsFor, start } from './program.ts';

let kestra: Kestra;
let folder: string;
beforeAll(async () => {
  kestra = await startKestra({ version: '2.0.0-SNAPSHOT', pace: 20 });
  folder = mkdtempSync(join(tmpdir(), 'lifecycle-'));
  await saveFlows(
    kestra,
    'id: sleepy\nnamespace: life\ntasks:\n  - id: nap\n    type: io.kestra.plugin.core.flow.Sleep\n    duration: PT60S\n',
  );
});
afterEach(killAll);
afterAll(async () => {
  await kestra.close();
  rmSync(folder, { recursive: true });
});

const env = () => settingsFor(kestra);

/** The exit after what ends it, which must come within the two seconds that the protocol gives. */
const within2s = async (program: Program, act: () => void): Promise<Exit> => {
  const started = performance.now();
  act();
  const exit = await program.exit;
  expect(performance.now() - started).toBeLessThan(2000);
  return exit;
};

const listed = async (program: Program): Promise<string[]> => {
  const { result } = await program.ask('tools/list');
  return ((result?.tools ?? []) as { name: string }[]).map(({ name }) => name);
};

const ways: Readonly<Record<string, (program: Program) => void>> = {
  SIGTERM: ({ child }) => void child.kill('SIGTERM'),
  SIGINT: ({ child }) => void child.kill('SIGINT'),
  'the end of input': ({ child }) => void child.stdin?.end(),
  'a client that vanishes': ({ child }) => {
    child.stdout?.destroy();
    child.stdin?.destroy();
  },
};

/** One of the signals, and one of the ends of the input, stand for both. */
const halves = ['SIGTERM', 'the end of input'];

const waitingInExecute = async (program: Program, id: number): Promise<void> => {
  program.send({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name: 'execute_flow', arguments: { namespace: 'life', flow_id: 'sleepy' }, _meta: { progressToken: id } },
  });
  await expect.poll(() => kestra.openFollows, { timeout: 5000 }).toBe(1);
};

describe.each(Object.keys(ways))('%s', (way) => {
  const end = ways[way] as (program: Program) => void;

  test('before the introduction ends it with 0', async () => {
    const program = start({ env: env() });
    await expect.poll(() => program.stderr, { timeout: 5000 }).toContain('"kestra"');
    expect(await within2s(program, () => end(program))).toEqual({ code: 0, signal: null });
  });

  test('while it is idle ends it with 0', async () => {
    const program = start({ env: env() });
    await program.initialize();
    await program.ask('tools/list');
    await program.call('search_namespaces');
    expect(await within2s(program, () => end(program))).toEqual({ code: 0, signal: null });
    for (const line of logOf(program.stderr)) expect(['info', 'debug']).toContain(line.level);
  });

  test('while execute_flow waits ends it with 0, closes the stream, and leaves the execution alone', async () => {
    const program = start({ env: env() });
    await program.initialize();
    await waitingInExecute(program, 1);
    const before = kestra.requests.length;
    expect(await within2s(program, () => end(program))).toEqual({ code: 0, signal: null });
    await expect.poll(() => kestra.openFollows).toBe(0);
    expect(kestra.requests.slice(before).filter(({ method }) => method !== 'GET')).toEqual([]);
    expect(logOf(program.stderr).filter(({ level }) => level === 'error')).toEqual([]);
  });

  test.skipIf(!halves.includes(way))('while Kestra does not answer ends it with 0', async () => {
    const silent = await startKestra({ version: '2.0.0-SNAPSHOT' });
    silent.faults.add({ kind: 'hang' }, { times: Number.POSITIVE_INFINITY });
    const program = start({ env: settingsFor(silent) });
    await program.initialize();
    program.send({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'search_namespaces', arguments: {} } });
    program.send({ jsonrpc: '2.0', id: 2, method: 'tools/list', params: {} });
    await expect.poll(() => silent.requests.length).toBeGreaterThan(0);
    expect(await within2s(program, () => end(program))).toEqual({ code: 0, signal: null });
    await silent.close();
  });

  test.skipIf(!halves.includes(way))('while it waits to try again ends it with 0', async () => {
    const busy = await startKestra({ version: '2.0.0-SNAPSHOT' });
    busy.faults.add({ kind: 'status', status: 503, retryAfter: 5 }, { times: Number.POSITIVE_INFINITY });
    const program = start({ env: settingsFor(busy) });
    await program.initialize();
    await expect.poll(() => busy.requests.length).toBe(1);
    expect(await within2s(program, () => end(program))).toEqual({ code: 0, signal: null });
    await busy.close();
  });
});

describe('a client that is gone', () => {
  test('while an answer is on its way: nothing is left running', async () => {
    const program = start({ env: env() });
    await program.initialize();
    program.child.stdout?.destroy();
    const started = performance.now();
    for (let id = 1; id <= 20 && program.child.exitCode === null; id++) {
      program.send({ jsonrpc: '2.0', id, method: 'tools/list', params: {} });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await program.exit).toEqual({ code: 0, signal: null });
    expect(performance.now() - started).toBeLessThan(3000);
  });

  test('and whose stderr is gone too', async () => {
    const program = start({ env: { ...env(), KESTRA_MCP_LOG_LEVEL: 'debug' } });
    await program.initialize();
    program.child.stderr?.destroy();
    expect(await program.call('search_namespaces')).toContain('"total":');
    expect((await within2s(program, () => void program.child.stdin?.end())).signal).toBeNull();
  });
});

test('a second signal does not wait', async () => {
  const program = start({ env: env() });
  await program.initialize();
  program.child.kill('SIGTERM');
  program.child.kill('SIGTERM');
  const { code, signal } = await program.exit;
  expect([0, 'SIGTERM']).toContain(code ?? signal);
});

describe('calls under way', () => {
  test('are not answered after the client has cancelled them, and others go on', async () => {
    const program = start({ env: env() });
    await program.initialize();
    await waitingInExecute(program, 1);
    program.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1, reason: 'enough' } });
    await expect.poll(() => kestra.openFollows).toBe(0);
    expect(await program.call('search_namespaces')).toContain('"total":');
    expect(program.messages.filter(({ id, method }) => id === 1 && !method)).toEqual([]);
    expect(await program.finish()).toEqual({ code: 0, signal: null });
  });
});

describe('a Kestra that is not there', () => {
  test('does not keep the program from starting, and is used as soon as it comes up', async () => {
    const before = await startKestra({ version: '1.3.25' });
    const port = Number(new URL(before.url).port);
    await before.close();
    const program = start({ env: settingsFor(before) });
    await program.initialize();
    const names = await listed(program);
    expect(names).toContain('execute_flow');
    expect(names).not.toContain('list_apps');
    const text = await program.call('search_namespaces');
    expect(text).toContain('"error":"kestra_unreachable"');
    expect(text).toContain('Try again in a minute');
    expect(text).not.toContain(String(port));
    expect(await program.call('auth_status')).toContain('can not be asked at the moment');
    const later = await startKestra({
      version: '1.3.25',
      edition: 'EE',
      port,
      users: [{ username: 'kestra@example.com', password: 'Kestra-1234', token: 't' }],
    });
    expect(await program.call('auth_status')).toContain('"version":"1.3.25"');
    expect(await listed(program)).toContain('list_apps');
    await later.close();
    expect(await program.finish()).toEqual({ code: 0, signal: null });
    expect(logOf(program.stderr)).toContainEqual(expect.objectContaining({ level: 'warn', msg: 'Kestra can not be asked what it is' }));
  });

  test('is listed around within two seconds even if it swallows everything', async () => {
    const silent = await startKestra({ version: '2.0.0-SNAPSHOT' });
    silent.faults.add({ kind: 'hang' }, { times: Number.POSITIVE_INFINITY });
    const program = start({ env: settingsFor(silent) });
    await program.initialize();
    const started = performance.now();
    expect((await program.ask('tools/list')).result?.tools).toHaveLength(24);
    expect(performance.now() - started).toBeLessThan(3500);
    await silent.close();
    await program.finish();
  });
});

test('what is printed at the very end does not go to stdout either', async () => {
  const file = join(folder, 'early.mjs');
  writeFileSync(file, "process.on('exit', () => console.log('noise at the end'));");
  const program = start({ env: { ...env(), NODE_OPTIONS: `--import ${file}` } });
  await program.initialize();
  expect(await program.finish()).toEqual({ code: 0, signal: null });
  expect(program.stdout).not.toContain('noise');
  expect(program.stderr).toContain('noise at the end');
});
