import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bytes, call, raw, startServer, type TestServer } from './harness.ts';

const all = 'user1:kestra.read,kestra.execute,kestra.write';
const html = 'text/html,application/xhtml+xml,*/*;q=0.8';

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ config: { allowedOrigins: ['https://inspector.example.com'] } });
});
afterAll(() => server.stop());

describe('A32, R84: Origin and Host', () => {
  test.each(['https://evil.example', 'null', 'http://localhost.evil.example', 'http://127.0.0.1', 'http://localhost:6274', ''])(
    'a page of %s: 403, with a good token too',
    async (origin) => {
      for (const method of ['POST', 'GET', 'OPTIONS']) {
        const answer = await raw(server.port, {
          method,
          path: '/mcp',
          headers: { Host: `127.0.0.1:${server.port}`, Origin: origin, Authorization: `Bearer ${all}` },
        });
        expect(answer.status).toBe(403);
        expect(answer.headers['access-control-allow-origin']).toBeUndefined();
        expect(JSON.parse(answer.body)).toMatchObject({ jsonrpc: '2.0', error: { code: -32000 } });
      }
    },
  );

  test('no Origin, our own, and one that was allowed: served', async () => {
    for (const origin of [undefined, server.url, 'https://inspector.example.com']) {
      const answer = await call(server, all, 'whoami', {}, { headers: origin ? { Origin: origin } : {} });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('access-control-allow-origin')).toBe(origin ?? null);
    }
  });

  test('A49 an allowed page may see what it needs to sign in, without cookies', async () => {
    const answer = await fetch(`${server.url}/mcp`, { method: 'OPTIONS', headers: { Origin: 'https://inspector.example.com' } });
    expect(answer.status).toBe(204);
    expect(answer.headers.get('access-control-expose-headers')).toMatch(/WWW-Authenticate, Mcp-Session-Id/);
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
    expect(answer.headers.get('vary')).toMatch(/Origin/);
  });

  test.each(['evil.example', 'localhost', 'evil.example:80', '127.0.0.1', '127.0.0.1.evil.example'])('Host %s: 421', async (host) => {
    for (const path of ['/', '/mcp', '/.well-known/oauth-authorization-server', '/authorize']) {
      const answer = await raw(server.port, { path, headers: { Host: host } });
      expect(answer.status).toBe(421);
      expect(answer.body).not.toContain('evil');
    }
  });

  test('an empty Host: 421; none: 400', async () => {
    expect(await bytes(server.port, 'GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1\.1 421 /);
    expect(await bytes(server.port, 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect(await bytes(server.port, 'GET / HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 421 /);
  });

  test('the other loopback name is told the right URL: JSON for machines, a page with a link for people', async () => {
    const machine = await raw(server.port, { path: '/mcp', headers: { Host: `localhost:${server.port}` } });
    expect(JSON.parse(machine.body).error_description).toContain(server.url);
    const person = await raw(server.port, { path: '/', headers: { Host: `localhost:${server.port}`, Accept: html } });
    expect(person.status).toBe(421);
    expect(person.body).toContain(`href="${server.url}/"`);
  });

  test('A33 what a request says of itself changes nothing', async () => {
    const headers = { Host: `127.0.0.1:${server.port}` };
    const plain = await raw(server.port, { path: '/mcp', headers });
    const spoofed = await raw(server.port, {
      path: '/mcp',
      headers: { ...headers, 'X-Forwarded-Host': 'evil.example', 'X-Forwarded-Proto': 'https', Forwarded: 'host=evil.example;proto=https' },
    });
    const withoutId = ({ body }: { body: string }) => body.replace(/"request_id":"[^"]+"/, '');
    expect(withoutId(spoofed)).toBe(withoutId(plain));
    expect(spoofed.headers['www-authenticate']).toBe(plain.headers['www-authenticate']);
    expect((await raw(server.port, { path: 'http://evil.example/mcp', headers: { ...headers, Host: 'evil.example' } })).status).toBe(421);
  });
});

describe('A54: paths that look like others', () => {
  const paths = [
    ...[
      '/mcp/healthz',
      '/mcp/..%2fhealthz',
      '/mcp/..%2flivez',
      '/healthz/mcp',
      '/livez/mcp',
      '//mcp',
      '/MCP',
      '/Mcp',
      '/mcp%2f',
      '/mcp;x',
      '/mcp/',
    ],
    ...['/mcp%00', '/./mcp', '/x/../mcp', '/mcp/livez', '/mcp/.', '/mcp.json', '/%6dcp', '/mcp/authorize', '/LIVEZ', '/readyz/'],
  ];
  test.each(paths)('%s: 404 or 401 in JSON, never MCP or health', async (path) => {
    for (const method of ['GET', 'POST']) {
      const answer = await raw(server.port, {
        method,
        path,
        headers: { Host: `127.0.0.1:${server.port}`, 'Content-Type': 'application/json' },
        body: method === 'POST' ? '{"jsonrpc":"2.0","id":1,"method":"ping"}' : undefined,
      });
      expect([400, 401, 404]).toContain(answer.status);
      expect(answer.headers['content-type']).toMatch(/^application\/json/);
      expect(answer.body).not.toMatch(/"result"|"status":"ok"/);
    }
  });
});

describe('A46, A51: every answer', () => {
  const machinePaths = [
    '/nothing',
    '/.well-known/openid-configuration',
    '/.well-known/openid-configuration/mcp',
    '/mcp',
    '/%',
    '/%E0%A4%A',
  ];
  test.each(machinePaths)('%s in JSON, without stack or HTML, even for a browser', async (path) => {
    const answer = await raw(server.port, { path, headers: { Host: `127.0.0.1:${server.port}`, Accept: 'application/json' } });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    JSON.parse(answer.body);
    expect(answer.body).not.toMatch(/<|node_modules|\.ts:|\.js:/);
  });

  test('well-known paths are JSON whatever is accepted', async () => {
    const answer = await fetch(`${server.url}/.well-known/openid-configuration`, { headers: { Accept: html } });
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ error: 'invalid_request' });
  });

  test('a person who is lost gets a page', async () => {
    const answer = await fetch(`${server.url}/nothing`, { headers: { Accept: html } });
    expect(answer.status).toBe(404);
    expect(await answer.text()).toContain('<a class="button" href="/"');
  });

  test.each(['/', '/nothing', '/mcp', '/livez', '/icon.svg'])('%s has the headers that keep browsers safe', async (path) => {
    const answer = await fetch(`${server.url}${path}`, { headers: { Accept: html } });
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('x-frame-options')).toBe('DENY');
    expect(answer.headers.get('content-security-policy')).toMatch(/default-src 'none'/);
    expect(answer.headers.get('content-security-policy')).not.toMatch(/unsafe/);
    expect(answer.headers.get('referrer-policy')).toBe('same-origin');
    expect(answer.headers.get('x-powered-by')).toBeNull();
    if (path !== '/icon.svg') expect(answer.headers.get('cache-control')).toBe('no-store');
  });
});

describe('/: what this is', () => {
  test('the address and every client, ready to copy, with nothing that runs or is loaded from elsewhere', async () => {
    const answer = await fetch(`${server.url}/`);
    const page = await answer.text();
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page).toContain(`claude mcp add --transport http kestra ${server.url}/mcp`);
    for (const client of ['Claude Code', 'VS Code', 'Cursor', 'Others']) expect(page).toContain(client);
    expect(page).not.toMatch(/<script|<img|src=|@import|url\(|\son[a-z]+=/i);
    const cursor = new URL((/href="(cursor:[^"]+)"/.exec(page)?.[1] ?? '').replaceAll('&amp;', '&'));
    expect(JSON.parse(Buffer.from(cursor.searchParams.get('config') ?? '', 'base64').toString())).toEqual({ url: `${server.url}/mcp` });
    const vscode = /href="vscode:mcp\/install\?([^"]+)"/.exec(page)?.[1] ?? '';
    expect(JSON.parse(decodeURIComponent(vscode))).toEqual({ name: 'kestra', type: 'http', url: `${server.url}/mcp` });
  });
});

describe('A43: slow, long and broken connections', () => {
  let limited: TestServer;
  beforeAll(async () => {
    limited = await startServer({ times: { headers: 300, request: 600 } });
  });
  afterAll(() => limited.stop());

  test('headers over 16 KB: 431 in JSON', async () => {
    const answer = await bytes(limited.port, `GET /livez HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(17_000)}\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    expect(answer).toContain('{"error":"invalid_request"');
  });

  test('no HTTP at all: 400 in JSON', async () => {
    expect(await bytes(limited.port, 'HELO there\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [\s\S]*\{"error"/);
  });

  test('headers that drip: 408 within the limit', async () => {
    expect(await bytes(limited.port, 'GET /livez HTTP/1.1\r\nHost: x\r\n')).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('a body that drips is not waited for', async () => {
    const answer = await bytes(
      limited.port,
      `POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:${limited.port}\r\nAuthorization: Bearer ${all}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"json`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
  });

  test('200 idle connections: others are served', async () => {
    const idle = Array.from({ length: 200 }, () => bytes(limited.port, 'GET /livez HTTP/1.1\r\n'));
    expect((await fetch(`${limited.url}/livez`)).status).toBe(200);
    await Promise.all(idle);
  });
});

describe('P08: alive is not ready', () => {
  test('all is well', async () => {
    const well = await startServer({ others: { kestra: async () => undefined } });
    expect(await (await fetch(`${well.url}/livez`)).json()).toEqual({ status: 'ok' });
    expect(await (await fetch(`${well.url}/readyz`)).json()).toEqual({ status: 'ok', parts: { store: 'ok', kestra: 'ok' } });
    await well.stop();
  });

  test('Kestra or the provider is down: still ready, and it says so without a cause', async () => {
    const degraded = await startServer({ others: { kestra: () => Promise.reject(new Error('connect ECONNREFUSED 10.1.2.3')) } });
    const answer = await fetch(`${degraded.url}/readyz`);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ status: 'degraded', parts: { store: 'ok', kestra: 'failing' } });
    await degraded.stop();
  });

  test('the store hangs: alive, and not ready within 2.5 seconds', async () => {
    const frozen = await startServer({ store: () => new Promise(() => undefined) });
    expect((await fetch(`${frozen.url}/livez`)).status).toBe(200);
    const started = Date.now();
    expect((await fetch(`${frozen.url}/readyz`)).status).toBe(503);
    expect(Date.now() - started).toBeLessThan(2500);
    await frozen.stop();
  });

  test('probes ask by address', async () => {
    expect((await raw(server.port, { path: '/readyz', headers: { Host: '10.42.0.7:8081' } })).status).toBe(200);
  });
});
