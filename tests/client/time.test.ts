import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as openSocket, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { connect, failure } from './connect.ts';
import { json, listen, page, serve } from './server.ts';

const list = { query: { page: 1, size: 1 } };
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** What a call fails with, and after how many milliseconds. */
const timed = async (call: () => Promise<unknown>) => {
  const started = performance.now();
  const error = await failure(call());
  return { code: error.code, message: error.message, mayHaveArrived: error.mayHaveArrived, ms: performance.now() - started };
};

describe('an answer that does not come', () => {
  test.each([
    ['no headers', () => undefined],
    ['no body', (response) => void response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders()],
    ['half a body', (response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('{"total": 0,')],
    ['no body of a refusal', (response) => void response.writeHead(400, { 'content-type': 'application/json' }).flushHeaders()],
    ['a body that never ends', (response) => void setInterval(() => response.destroyed || response.write(' '), 20).unref()],
  ] as [string, Parameters<typeof serve>[0]][])('%s: the call ends when the time is up', async (_, answer) => {
    const server = await serve(answer);
    const { kestra, invoke } = connect(server.url, { timeoutMs: 300 });
    undo.push(server.close, kestra.close);
    for (const call of [() => invoke('searchFlows', list), () => invoke('createFlow', { body: 'id: a' })]) {
      const { code, ms, mayHaveArrived } = await timed(call);
      expect({ code, mayHaveArrived }).toEqual({ code: 'kestra_timeout', mayHaveArrived: true });
      expect(ms).toBeGreaterThan(280);
      expect(ms).toBeLessThan(1500);
    }
    expect(server.asked.length).toBe(2);
  });

  test.each([
    ['no headers', () => undefined],
    ['half a body', (response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('{"version')],
  ] as [string, Parameters<typeof serve>[0]][])('nor that to the question for the version: %s', async (_, answer) => {
    const server = await listen((__, response) => answer(response, {} as never, 1));
    const { kestra, invoke } = connect(server.url, { timeoutMs: 300 });
    undo.push(server.close, kestra.close);
    const { code, ms } = await timed(() => invoke('searchFlows', list));
    expect(code).toBe('kestra_timeout');
    expect(ms).toBeLessThan(1500);
  });
});

describe('a stream outlives the time for an answer', () => {
  test('once it has begun', async () => {
    const server = await serve((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      setTimeout(() => response.end('data: {"late":true}\n\n'), 600);
    });
    const { kestra, invoke } = connect(server.url, { timeoutMs: 300 });
    undo.push(server.close, kestra.close);
    expect(await new Response((await invoke('followExecution', { path: { executionId: 'a1' } })) as ReadableStream).text()).toContain(
      'late',
    );
  });

  test('but must begin within it', async () => {
    const server = await serve(() => undefined);
    const { kestra, invoke } = connect(server.url, { timeoutMs: 300 });
    undo.push(server.close, kestra.close);
    expect((await timed(() => invoke('followExecution', { path: { executionId: 'a1' } }))).code).toBe('kestra_timeout');
  });
});

describe('a caller who gives up', () => {
  test.each(['the version', 'an answer', 'a body'])('while %s is awaited does not wait', async (what) => {
    const server = await listen((request, response) => {
      if (request.url === '/api/v1/configs') {
        if (what !== 'the version') json(response, { version: '2.0.0' });
      } else if (what === 'a body') response.writeHead(200, { 'content-type': 'application/json' }).write('{');
      arrived.push(request.url ?? '');
    });
    const arrived: string[] = [];
    const { kestra, credential } = connect(server.url);
    undo.push(server.close, kestra.close);
    const abort = new AbortController();
    const call = timed(() => kestra.as({ credential, signal: abort.signal })('searchFlows', list));
    await expect.poll(() => arrived.length).toBe(what === 'the version' ? 1 : 2);
    abort.abort();
    const { code, ms } = await call;
    expect(code).toBe('cancelled');
    expect(ms).toBeLessThan(2000);
  });

  test('before anything was sent sends nothing', async () => {
    const server = await serve((response) => json(response, page));
    const { kestra, credential } = connect(server.url);
    undo.push(server.close, kestra.close);
    expect((await timed(() => kestra.as({ credential, signal: AbortSignal.abort() })('createFlow', { body: 'id: a' }))).code).toBe(
      'cancelled',
    );
    expect(server.asked).toEqual([]);
  });

  test('does not take the others with them', async () => {
    const server = await listen((request, response) => {
      setTimeout(() => json(response, request.url === '/api/v1/configs' ? { version: '2.0.0' } : page), 200);
    });
    const { kestra, invoke, credential } = connect(server.url);
    undo.push(server.close, kestra.close);
    const abort = new AbortController();
    const gone = failure(kestra.as({ credential, signal: abort.signal })('searchFlows', list));
    const stays = invoke('searchFlows', list);
    abort.abort();
    expect((await gone).code).toBe('cancelled');
    expect(await stays).toEqual(page);
  });
});

describe('a connection that is not made', () => {
  /** A port whose queue of connections is full and stays so: the process behind it has been stopped. */
  const fullPort = async (): Promise<number> => {
    const script = "const s = require('net').createServer(); s.listen(0, '127.0.0.1', 1, () => console.log(s.address().port))";
    const child: ChildProcess = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
    const [line] = (await once(child.stdout as NonNullable<ChildProcess['stdout']>, 'data')) as [Buffer];
    child.kill('SIGSTOP');
    const port = Number(line.toString());
    const sockets: Socket[] = Array.from({ length: 4 }, () => openSocket(port, '127.0.0.1').on('error', () => undefined));
    undo.push(() => {
      for (const socket of sockets) socket.destroy();
      child.kill('SIGKILL');
    });
    await Promise.race([once(sockets[0] as Socket, 'connect'), once(sockets[1] as Socket, 'connect')]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    return port;
  };

  test('is given up after the time for connecting, not that for answering, and nothing was sent', async () => {
    const port = await fullPort();
    const { kestra, invoke } = connect(`http://127.0.0.1:${port}`, { timeoutMs: 30_000, connectTimeoutMs: 500 });
    undo.push(kestra.close);
    const { code, mayHaveArrived, ms } = await timed(() => invoke('createFlow', { body: 'id: a' }));
    expect({ code, mayHaveArrived }).toEqual({ code: 'kestra_unreachable', mayHaveArrived: false });
    expect(ms).toBeLessThan(8000);
  });
});
