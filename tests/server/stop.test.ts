import { describe, expect, test } from 'vitest';
import { call, raw, startServer } from './harness.ts';

const token = 'user1:kestra.read';

describe('P07: stopping', () => {
  test('100 slow calls in flight finish, new connections are refused', async () => {
    const server = await startServer();
    const answers = Array.from({ length: 100 }, (_, i) => call(server, `user${i}:kestra.read`, 'whoami', { ms: 1500 }));
    await expect.poll(() => server.seen.length, { timeout: 10_000 }).toBe(100);
    const stopped = server.running.stop();
    await expect(raw(server.port, { path: '/livez' })).rejects.toThrow(/ECONNREFUSED/);
    const texts = await Promise.all(answers.map(async (answer) => (await answer).text()));
    expect(texts.filter((text) => text.includes('"user')).length).toBe(100);
    await stopped;
  });

  test('a call that waits answers with what it has', async () => {
    const server = await startServer();
    const answer = await call(server, token, 'wait', { ms: 60_000 });
    await expect.poll(() => server.seen.length).toBe(1);
    const started = Date.now();
    const [text] = await Promise.all([answer.text(), server.running.stop()]);
    expect(text).toContain('stopping');
    expect(Date.now() - started).toBeLessThan(2000);
  });

  test('a call that does not end is cut off after the time to drain', async () => {
    const server = await startServer({ times: { drain: 200 } });
    const cut = expect(call(server, token, 'whoami', { ms: 30_000 })).rejects.toThrow();
    await expect.poll(() => server.seen.length).toBe(1);
    await server.running.stop();
    await cut;
  });

  test('a second word to stop does not wait', async () => {
    const server = await startServer();
    const cut = expect(call(server, token, 'whoami', { ms: 30_000 })).rejects.toThrow();
    await expect.poll(() => server.seen.length).toBe(1);
    const started = Date.now();
    await server.stop();
    await cut;
    expect(Date.now() - started).toBeLessThan(1000);
  });

  test('a stream that only listens does not hold it up', async () => {
    const server = await startServer();
    const listening = await fetch(`${server.url}/mcp`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${token}`,
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        'MCP-Protocol-Version': '2026-07-28',
        'Mcp-Method': 'subscriptions/listen',
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'subscriptions/listen',
        params: {
          notifications: { toolsListChanged: true },
          _meta: {
            'io.modelcontextprotocol/protocolVersion': '2026-07-28',
            'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
            'io.modelcontextprotocol/clientCapabilities': {},
          },
        },
      }),
    });
    expect(listening.headers.get('content-type')).toMatch(/event-stream/);
    const started = Date.now();
    await Promise.all([server.running.stop(), listening.text()]);
    expect(Date.now() - started).toBeLessThan(2000);
  });

  test('while it drains, /readyz on a connection that is open says stopping', async () => {
    const server = await startServer();
    server.stopping.abort();
    const answer = await fetch(`${server.url}/readyz`);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ status: 'stopping' });
    expect(answer.headers.get('connection')).toBe('close');
    await server.stop();
  });
});
