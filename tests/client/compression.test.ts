import { once } from 'node:events';
import { createGzip, gzipSync } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { connect, failure } from './connect.ts';
import { json, serve } from './server.ts';

const list = { query: { page: 1, size: 1 } };
const page = { total: 1, results: [{ id: 'straße', namespace: 'a' }] };
const gzip = { 'content-type': 'application/json', 'content-encoding': 'gzip' };

const undo: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

const against = async (...answer: Parameters<typeof serve>) => {
  const server = await serve(...answer);
  const { kestra, invoke } = connect(server.url);
  undo.push(server.close, kestra.close);
  return { server, invoke };
};

test('a compressed answer is asked for and read', async () => {
  const { server, invoke } = await against((response, { headers }) =>
    headers['accept-encoding'] === 'gzip'
      ? void response.writeHead(200, gzip).end(gzipSync(JSON.stringify(page)))
      : json(response, { total: 0, results: [] }),
  );
  expect(await invoke('searchFlows', list)).toEqual(page);
  expect(server.asked[0]?.headers).toMatchObject({ 'accept-encoding': 'gzip', 'user-agent': 'kestra-mcp' });
});

test('the words of a compressed refusal are quoted', async () => {
  const { invoke } = await against(
    (response) => void response.writeHead(422, gzip).end(gzipSync(JSON.stringify({ message: 'Illegal flow: no tasks' }))),
  );
  expect(await failure(invoke('createFlow', { body: 'id: a' }))).toMatchObject({
    code: 'kestra_refused',
    quoted: 'Illegal flow: no tasks',
  });
});

test.each<[string, Buffer]>([
  ['what is not gzip', Buffer.from(JSON.stringify(page))],
  ['half of it', gzipSync(JSON.stringify(page)).subarray(0, 30)],
  ['a wrong checksum', Buffer.concat([gzipSync(JSON.stringify(page)).subarray(0, -8), Buffer.alloc(8)])],
])('%s in the guise of gzip is a failure, and the next call works', async (_, body) => {
  const { invoke } = await against((response, __, nth) =>
    nth === 1 ? void response.writeHead(200, gzip).end(body) : json(response, page),
  );
  expect(['kestra_unreachable', 'kestra_unreadable']).toContain((await failure(invoke('searchFlows', list))).code);
  expect(await invoke('searchFlows', list)).toEqual(page);
});

test('events of a compressed stream come one by one, and the connection closes with the stream', async () => {
  let closed: Promise<unknown> | undefined;
  const { invoke } = await against((response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' }).flushHeaders();
    closed = once(response, 'close');
    const events = createGzip();
    events.pipe(response);
    events.write('data: {"state":"RUNNING"}\n\n');
    events.flush();
  });
  const stream = (await invoke('followExecution', { path: { executionId: 'a1' } })) as ReadableStream<Uint8Array>;
  const reader = stream.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe('data: {"state":"RUNNING"}\n\n');
  await reader.cancel();
  await closed;
});
