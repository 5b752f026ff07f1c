import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Connected, connect, failure } from './connect.ts';
import { type Answering, json, listen, page, serve } from './server.ts';

const list = { query: { page: 1, size: 1 } };

let behaviour: (response: ServerResponse) => void;
let server: Answering;
let client: Connected;
beforeEach(async () => {
  server = await serve((response) => behaviour(response));
  client = connect(server.url);
});
afterEach(async () => {
  await client.kestra.close();
  await server.close();
});

const send =
  (body: string | Buffer, headers: Record<string, string>, status = 200) =>
  (response: ServerResponse): void =>
    void response.writeHead(status, headers).end(body);

describe('an answer that is not one of Kestra', () => {
  const whole = JSON.stringify(page);
  test.each<[string, (response: ServerResponse) => void]>([
    ['a login page with 200', send('<!doctype html><p>Sign in', { 'content-type': 'text/html' })],
    ['a page that calls itself JSON', send('<!doctype html><p>Sign in', { 'content-type': 'application/json' })],
    ['plain text', send('ok', { 'content-type': 'text/plain' })],
    ['JSON that calls itself text', send(whole, { 'content-type': 'text/plain' })],
    ['bytes', send(Buffer.from([0, 255, 254, 1]), { 'content-type': 'application/octet-stream' })],
    ['no content type', send(whole, {})],
    ['half the JSON', send(whole.slice(0, 12), { 'content-type': 'application/json' })],
    ['nothing', send('', { 'content-type': 'application/json' })],
    [
      'nothing, in chunks',
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
        response.end();
      },
    ],
    ['204', (response) => void response.writeHead(204).end()],
    ['an event stream', send('data: {}\n\n', { 'content-type': 'text/event-stream' })],
    ['null', send('null', { 'content-type': 'application/json' })],
  ])('%s: it is said to be unreadable', async (_, answer) => {
    behaviour = answer;
    const { code, message } = await failure(client.invoke('searchFlows', list));
    expect(code).toBe('kestra_unreadable');
    expect(message).toContain('KESTRA_API_URL');
    expect(message).not.toContain('Sign in');
  });

  test.each<[string, (response: ServerResponse) => void]>([
    [
      'with a length',
      (response) =>
        void response
          .writeHead(200, { 'content-type': 'application/json', 'content-length': '500' })
          .write('{"a', () => response.destroy()),
    ],
    [
      'in chunks',
      (response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('{"a', () => response.destroy()),
    ],
  ])('a connection that breaks in the body, %s, is said to be broken', async (_, answer) => {
    behaviour = answer;
    const { code, message } = await failure(client.invoke('createFlow', { body: 'id: a' }));
    expect(code).toBe('kestra_unreachable');
    expect(message).toContain('broke');
  });

  test('what is not HTTP at all', async () => {
    behaviour = (response) => void response.socket?.end('SSH-2.0-OpenSSH_9.6\r\n');
    const { code, message } = await failure(client.invoke('createFlow', { body: 'id: a' }));
    expect(code).toBe('kestra_unreadable');
    expect(message).toContain('KESTRA_API_URL');
  });

  test.each<[string, (response: ServerResponse) => void]>([
    ['HTML', send('<!doctype html>', { 'content-type': 'text/html' })],
    ['another JSON', send('{"name":"another"}', { 'content-type': 'application/json' })],
    ['nothing', send('', {})],
    ['half of it', send('{"version":"2', { 'content-type': 'application/json' })],
  ])('to the question for the version: %s', async (_, answer) => {
    const other = await listen((__, response) => answer(response));
    const { kestra, invoke } = connect(other.url);
    const { code, message } = await failure(invoke('searchFlows', list));
    expect(code).toBe('kestra_unreadable');
    expect(message).toContain('KESTRA_API_URL');
    await kestra.close();
    await other.close();
  });
});

test.each<[string, (response: ServerResponse) => void]>([
  ['JSON', (response) => json(response, page)],
  ['HTML', send('<!doctype html>', { 'content-type': 'text/html' })],
  ['nothing', send('', { 'content-type': 'text/event-stream', 'content-length': '0' })],
  ['204', (response) => void response.writeHead(204).end()],
])('%s is no stream of events', async (_, answer) => {
  behaviour = answer;
  expect((await failure(client.invoke('followExecution', { path: { executionId: 'a1' } }))).code).toBe('kestra_unreadable');
});

describe('an answer that is empty where that is right', () => {
  test.each([200, 202])('kill, %i', async (status) => {
    const old = await serve((response) => void response.writeHead(status).end(), '1.3.25');
    const { kestra, invoke } = connect(old.url);
    await invoke('killExecution', { path: { executionId: 'a1' } });
    expect(old.asked.map(({ method, target }) => `${method} ${target}`)).toEqual(['DELETE /api/v1/main/executions/a1/kill']);
    await kestra.close();
    await old.close();
  });
});

describe('a refusal', () => {
  test.each<[string, (response: ServerResponse) => void, string | undefined]>([
    ['message', (response) => json(response, { message: 'Invalid type: nope' }, 422), 'Invalid type: nope'],
    [
      'errors that are embedded, each once',
      (response) => json(response, { message: 'bad', _embedded: { errors: [{ message: 'line 3: no type' }, { message: 'bad' }] } }, 422),
      'bad\nline 3: no type',
    ],
    [
      'what is invalid',
      (response) => json(response, { message: 'invalid bulk kill', invalids: [{ message: 'finished', invalidValue: 'x1' }] }, 400),
      'invalid bulk kill\nfinished: "x1"',
    ],
    ['text', send('it is off', { 'content-type': 'text/plain' }, 400), 'it is off'],
    ['a page', send('<html>Bad gateway</html>', { 'content-type': 'text/html' }, 500), undefined],
    ['half the JSON', send('{"mess', { 'content-type': 'application/json' }, 422), '{"mess'],
    ['nothing', send('', {}, 422), undefined],
    ['another shape', (response) => json(response, { message: { a: 1 }, _embedded: 7 }, 422), undefined],
    ['very long', (response) => json(response, { message: 'x'.repeat(1_000_000) }, 422), 'x'.repeat(4000)],
  ])('%s', async (_, answer, quoted) => {
    behaviour = answer;
    expect((await failure(client.invoke('createFlow', { body: 'id: a' }))).quoted).toBe(quoted);
  });
});

describe('a redirect', () => {
  test.each([301, 302, 303, 307, 308])('%i is not followed, and what was sent goes nowhere else', async (status) => {
    const elsewhere = await serve((response) => json(response, page));
    behaviour = (response) => void response.writeHead(status, { location: `${elsewhere.url}/api/v1/main/flows/search` }).end();
    for (const call of [() => client.invoke('searchFlows', list), () => client.invoke('createFlow', { body: 'id: a' })]) {
      const { code, message } = await failure(call());
      expect(code).toBe('misconfigured');
      expect(message).toContain('redirects elsewhere');
    }
    expect(server.asked.length).toBe(2);
    expect([elsewhere.asked, elsewhere.configurations]).toEqual([[], 0]);
    await elsewhere.close();
  });

  test('nor that of the question for the version', async () => {
    const elsewhere = await serve((response) => json(response, page));
    const redirecting = await listen((_, response) => void response.writeHead(302, { location: `${elsewhere.url}/api/v1/configs` }).end());
    const { kestra, invoke } = connect(redirecting.url);
    expect((await failure(invoke('searchFlows', list))).code).toBe('misconfigured');
    expect(elsewhere.configurations).toBe(0);
    await kestra.close();
    await redirecting.close();
    await elsewhere.close();
  });
});
