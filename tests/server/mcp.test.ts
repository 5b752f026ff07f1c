import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, legacy, raw, startServer, type TestServer } from './harness.ts';

const all = 'user1:kestra.read,kestra.execute,kestra.write';
const toolsCall = (name: string, id: number | string = 1, args: object = {}) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: args },
});

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ limits: { bodyBytes: 100_000, batch: 5, callMs: 400, keepAliveMs: 50, subscriptionsEach: 2 } });
});
afterAll(() => server.stop());

const challengeOf = (answer: Response) => answer.headers.get('www-authenticate') ?? '';

describe('one URL for both protocols', () => {
  test('a 2026-07-28 client calls a tool', async () => {
    const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } });
    await client.connect(
      new StreamableHTTPClientTransport(new URL(`${server.url}/mcp`), { requestInit: { headers: { Authorization: `Bearer ${all}` } } }),
    );
    expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28');
    const answer = await client.callTool({ name: 'whoami', arguments: {} });
    expect(answer.content).toEqual([{ type: 'text', text: 'user1' }]);
    await client.close();
  });

  test('a 2025-11-25 client calls a tool', async () => {
    const client = new LegacyClient({ name: 'test', version: '1' });
    await client.connect(
      new LegacyTransport(new URL(`${server.url}/mcp`), { requestInit: { headers: { Authorization: `Bearer ${all}` } } }),
    );
    const answer = await client.callTool({ name: 'whoami', arguments: {} });
    expect(answer.content).toEqual([{ type: 'text', text: 'user1' }]);
    await client.close();
  });
});

describe('R07, R08, R80–R82: the bearer token', () => {
  test.each(['GET', 'POST', 'DELETE', 'PUT'])('R07 %s without a token: 401 and where to find the metadata', async (method) => {
    const answer = await fetch(`${server.url}/mcp`, { method });
    expect(answer.status).toBe(401);
    expect(challengeOf(answer)).toContain(`resource_metadata="${server.url}/.well-known/oauth-protected-resource/mcp"`);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await answer.json()).toMatchObject({ jsonrpc: '2.0', error: { code: -32000 }, id: null });
  });

  test('R08 the challenge has no error when there was no token, and says which scopes to ask for', async () => {
    const answer = await call(server, undefined, 'whoami');
    expect(challengeOf(answer)).not.toContain('error=');
    expect(challengeOf(answer)).toContain('scope="kestra.read kestra.execute kestra.write"');
    expect(challengeOf(answer)).not.toContain('offline_access');
  });

  test('R82 a token that is not valid: invalid_token', async () => {
    const answer = await call(server, 'made-up', 'whoami');
    expect(answer.status).toBe(401);
    expect(challengeOf(answer)).toContain('error="invalid_token"');
  });

  test('R80 a session id is no token', async () => {
    const answer = await legacy(server, undefined, toolsCall('whoami'), { 'Mcp-Session-Id': 'some-session' });
    expect(answer.status).toBe(401);
  });

  test.each(['GET', 'DELETE'])('%s with a token: 405, this server has no sessions', async (method) => {
    const answer = await fetch(`${server.url}/mcp`, { method, headers: { Authorization: `Bearer ${all}`, Accept: 'text/event-stream' } });
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe('POST');
  });

  test('P06 tokens that cannot be checked: 503 with Retry-After, never 401, and nothing of the cause', async () => {
    const answer = await call(server, 'down', 'whoami');
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('2');
    expect(answer.headers.get('www-authenticate')).toBeNull();
    expect(await answer.text()).not.toMatch(/secret|SQLITE|path/);
  });
});

describe('A34, R81: a token anywhere but in the header does not count', () => {
  test('query', async () => {
    const answer = await raw(server.port, {
      method: 'POST',
      path: `/mcp?access_token=${encodeURIComponent(all)}`,
      headers: { Host: `127.0.0.1:${server.port}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(toolsCall('whoami')),
    });
    expect(answer.status).toBe(401);
    expect(server.logged()).not.toContain('access_token');
  });

  test('form body and cookie', async () => {
    const body = new URLSearchParams({ access_token: all });
    expect((await fetch(`${server.url}/mcp`, { method: 'POST', body, headers: { Cookie: `access_token=${all}` } })).status).toBe(401);
  });

  test('header and query: the header decides', async () => {
    const answer = await fetch(`${server.url}/mcp?access_token=made-up`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${all}`, 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' },
      body: JSON.stringify(toolsCall('whoami')),
    });
    expect(await answer.text()).toContain('user1');
  });
});

describe('scopes: insufficient_scope before anything runs', () => {
  test('R82 asks for what is held and what is needed', async () => {
    const before = server.seen.length;
    const answer = await call(server, 'user1:kestra.read', 'run');
    expect(answer.status).toBe(403);
    expect(challengeOf(answer)).toBe('Bearer error="insufficient_scope", scope="kestra.read kestra.execute"');
    expect(await answer.json()).toMatchObject({ error: { code: -32000 }, id: 1 });
    expect(server.seen.length).toBe(before);
  });

  test('R82 the same for a 2025-11-25 client', async () => {
    expect((await legacy(server, 'user1:kestra.read', toolsCall('run'))).status).toBe(403);
  });

  test('R91 a broader scope does for a narrower need', async () => {
    expect(await (await call(server, 'user1:kestra.write', 'whoami')).text()).toContain('user1');
  });

  test('permission first: what the roles forbid is never a question of scope', async () => {
    expect((await call(server, 'user1:kestra.read', 'destroy')).status).toBe(200);
  });

  test('a tool that nobody knows is no question of scope', async () => {
    expect((await call(server, 'user1:kestra.read', '__proto__')).status).toBe(200);
  });

  test('each call of a batch is judged, and one that lacks its scope stops all', async () => {
    const before = server.seen.length;
    const answer = await legacy(server, 'user1:kestra.read', [toolsCall('whoami', 1), toolsCall('run', 2)]);
    expect(answer.status).toBe(403);
    expect(server.seen.length).toBe(before);
  });
});

describe('A43, A46, R86, R87: what is no proper request', () => {
  const post = (body: string, headers: Record<string, string> = {}) => legacy(server, all, body, headers);

  test.each(['{"jsonrpc":', 'not json', '['.repeat(50_000)])('bad JSON: 400 and -32700, in JSON', async (body) => {
    const answer = await post(body);
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    const text = await answer.text();
    expect(JSON.parse(text)).toMatchObject({ jsonrpc: '2.0', error: { code: -32700 }, id: null });
    expect(text).not.toMatch(/at .*\.(ts|js)|node_modules|SyntaxError/);
  });

  test.each(['', '3', '"text"', 'null', 'true', '{}', '[]', '[3]'])('JSON that is no message, %s: 400', async (body) => {
    const answer = await post(body);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code: expect.any(Number) } });
  });

  test('a body over the limit: 413 in JSON, also when its length is not announced', async () => {
    const big = JSON.stringify(toolsCall('whoami', 1, { text: 'x'.repeat(100_000) }));
    const answer = await post(big);
    expect(answer.status).toBe(413);
    expect(await answer.json()).toMatchObject({ error: { code: -32000 } });
    const stream = new ReadableStream({
      start: (controller) => {
        controller.enqueue(new TextEncoder().encode(big));
        controller.close();
      },
    });
    const chunked = await fetch(`${server.url}/mcp`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${all}`, 'Content-Type': 'application/json' },
      body: stream,
      duplex: 'half',
    } as RequestInit);
    expect(chunked.status).toBe(413);
  });

  test('a compressed body: 415, nothing is inflated', async () => {
    expect((await post('{}', { 'Content-Encoding': 'gzip' })).status).toBe(415);
  });

  test('R87 wrong content type: 415', async () => {
    expect((await post(JSON.stringify(toolsCall('whoami')), { 'Content-Type': 'text/plain' })).status).toBe(415);
  });

  test('R87 an Accept that cannot be met: 406', async () => {
    expect((await post(JSON.stringify(toolsCall('whoami')), { Accept: 'text/html' })).status).toBe(406);
  });

  test('R87 a notification: 202 without a body', async () => {
    const answer = await post(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }));
    expect(answer.status).toBe(202);
    expect(await answer.text()).toBe('');
  });

  test('R86 a protocol version that nobody speaks: 400', async () => {
    expect((await post(JSON.stringify(toolsCall('whoami')), { 'MCP-Protocol-Version': '1999-01-01' })).status).toBe(400);
  });

  test('a batch of more than the limit: 400, and none of it runs', async () => {
    const before = server.seen.length;
    const batch = Array.from({ length: 6 }, (_, id) => toolsCall('whoami', id));
    expect((await post(JSON.stringify(batch))).status).toBe(400);
    expect(server.seen.length).toBe(before);
  });

  test('A43 100 MB without a token: refused before they are read', async () => {
    let sent = 0;
    const chunk = new Uint8Array(64 * 1024);
    const body = new ReadableStream({
      pull: async (controller) => {
        await new Promise((resolve) => setTimeout(resolve, 2));
        sent += chunk.length;
        if (sent > 100_000_000) controller.close();
        else controller.enqueue(chunk);
      },
    });
    const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body, duplex: 'half' } as RequestInit;
    const status = await fetch(`${server.url}/mcp`, init).then(
      (answer) => answer.status,
      () => 'closed',
    );
    expect([401, 'closed']).toContain(status);
    expect(sent).toBeLessThan(5_000_000);
  });

  test('A45 __proto__ in a message changes nothing', async () => {
    await post('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami","arguments":{}},"__proto__":{"isAdmin":true}}');
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
    expect(await (await call(server, 'user2:kestra.read', 'whoami')).text()).toContain('user2');
  });
});

describe('time', () => {
  test('a call that takes too long is given up: 504 in JSON', async () => {
    const answer = await call(server, all, 'whoami', { ms: 5000 });
    expect(answer.status).toBe(504);
    expect(await answer.json()).toMatchObject({ error: { code: -32000 }, id: 1 });
  });

  test('a call that waits has its own limit, and its connection shows signs of life', async () => {
    const answer = await call(server, all, 'wait', { ms: 700 });
    expect(answer.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(answer.headers.get('x-accel-buffering')).toBe('no');
    const text = await answer.text();
    expect(text).toContain('waited');
    expect(text.split('\n').filter((line) => line.startsWith(':')).length).toBeGreaterThan(3);
  });

  test('a client that goes away cancels its call', async () => {
    const gone = new AbortController();
    const answer = call(server, all, 'wait', { ms: 5000 }, { signal: gone.signal });
    setTimeout(() => gone.abort(), 100);
    await expect(answer.then((response) => response.text())).rejects.toThrow();
    await expect.poll(() => server.seen.at(-1)).toBe('gone');
  });
});

describe('A28, A31: many at once', () => {
  test('50 users with the same JSON-RPC id: no answer crosses', async () => {
    const answers = await Promise.all(
      Array.from({ length: 300 }, async (_, i) => {
        const user = `user${i % 50}`;
        const text =
          i % 2 === 0
            ? await (await call(server, `${user}:kestra.read`, 'whoami', { ms: (i * 7) % 30 })).text()
            : await (await legacy(server, `${user}:kestra.read`, toolsCall('whoami', 1, { ms: (i * 7) % 30 }))).text();
        return text.includes(`"${user}"`);
      }),
    );
    expect(answers.every(Boolean)).toBe(true);
  });

  test('A30, R85 another user sends the session id of the first: it means nothing', async () => {
    const answer = await legacy(server, 'user2:kestra.read', toolsCall('whoami'), { 'Mcp-Session-Id': 'of-user1' });
    expect(await answer.text()).toContain('user2');
    expect(answer.headers.get('mcp-session-id')).toBeNull();
  });
});
