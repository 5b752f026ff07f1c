import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer, type Server as TlsServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createGuardedFetch, createProxiedFetch, type GuardedFetch } from '../../src/auth/clients/guarded-fetch.ts';
import { isPublicAddress } from '../../src/auth/clients/special-use.ts';
import { cert, key } from './tls.ts';

const json = { 'content-type': 'application/json' };

describe('A24, R30: where a fetch may go', () => {
  test.each([
    ...[
      '127.0.0.1',
      '127.255.255.254',
      '0.0.0.0',
      '10.0.0.1',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.0.1',
      '169.254.169.254',
      '100.64.0.1',
      '192.0.0.8',
      '192.0.2.1',
    ],
    ...['198.18.0.1', '198.51.100.1', '203.0.113.1', '224.0.0.1', '240.0.0.1', '255.255.255.255', '192.88.99.1'],
    ...[
      '::',
      '::1',
      '::ffff:127.0.0.1',
      '::ffff:7f00:1',
      '::ffff:8.8.8.8',
      '::7f00:1',
      'fe80::1',
      'fe80::1%eth0',
      'fec0::1',
      'fc00::1',
      'fd00::1',
      'ff02::1',
      '64:ff9b::7f00:1',
    ],
    ...[
      '64:ff9b::808:808',
      '64:ff9b:1::1',
      '100::1',
      '2001::1',
      '2001:db8::1',
      '2002:7f00:1::',
      '2002:808:808::1',
      '3fff::1',
      '5f00::1',
      '4000::1',
      '1000::1',
    ],
    ...['2600::5efe:a00:1', '2600::200:5efe:a00:1', '2600:0:0:0:0:5efe:7f00:1', 'localhost', '', '1.2.3', 'x'],
  ])('not to %s', (address) => expect(isPublicAddress(address)).toBe(false));

  test.each(['8.8.8.8', '1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450:4001::200e', '2001:4860:4860::8888'])(
    'to %s',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );
});

describe('A24: the guarded fetch never touches a private address', () => {
  let connections = 0;
  const canary = createTcpServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  beforeAll(() => new Promise<void>((resolve) => void canary.listen(0, '127.0.0.1', resolve)));
  afterAll(() => new Promise((resolve) => canary.close(resolve)));

  test.each([
    ['a private address', [{ address: '127.0.0.1', family: 4 }]],
    [
      'one private among public ones',
      [
        { address: '8.8.8.8', family: 4 },
        { address: '127.0.0.1', family: 4 },
      ],
    ],
    ['a mapped one', [{ address: '::ffff:127.0.0.1', family: 6 }]],
    ['none', []],
  ])('a name with %s', async (_, addresses) => {
    const { port } = canary.address() as AddressInfo;
    const fetch = createGuardedFetch({ resolve: async () => addresses });
    const started = Date.now();
    await expect(fetch(`https://rebound.example:${port}/c.json`)).rejects.toThrow(/special-use|no address/);
    expect(Date.now() - started).toBeLessThan(1000);
    expect(connections).toBe(0);
  });

  test('the real resolver: localhost', async () => {
    await expect(createGuardedFetch()(`https://localhost:${(canary.address() as AddressInfo).port}/c.json`)).rejects.toThrow(/special-use/);
    expect(connections).toBe(0);
  });
});

describe('A24, R29: what a fetch takes', () => {
  let origin: TlsServer;
  let proxy: Server;
  let fetch: GuardedFetch;
  let followed = 0;
  let asked: Record<string, unknown> = {};
  beforeAll(async () => {
    origin = createServer({ cert, key }, (request, response) => {
      asked = request.headers;
      const answer = (status: number, headers: Record<string, string>, body: string | Buffer) =>
        response.writeHead(status, headers).end(body);
      switch (request.url) {
        case '/good':
          return answer(200, json, 'x'.repeat(5120));
        case '/large':
          return answer(200, json, 'x'.repeat(5121));
        case '/bomb':
          return answer(200, { ...json, 'content-encoding': 'gzip' }, gzipSync('x'.repeat(10_000_000)));
        case '/redirect':
          return answer(302, { location: '/followed' }, '');
        case '/followed':
          followed += 1;
          return answer(200, json, '{}');
        case '/headers':
          return answer(200, { ...json, 'x-long': 'y'.repeat(10_000) }, '{}');
        case '/endless': {
          response.writeHead(200, json);
          const drip = setInterval(() => response.write('x'.repeat(600)), 20);
          return void response.once('close', () => clearInterval(drip));
        }
        default:
          return answer(206, json, '{}');
      }
    });
    proxy = createHttpServer().on('connect', (_, socket) => {
      const upstream = connect((origin.address() as AddressInfo).port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        upstream.pipe(socket).pipe(upstream);
      });
      upstream.on('error', () => socket.destroy());
      socket.on('error', () => upstream.destroy());
    });
    await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    fetch = createProxiedFetch(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, cert);
  });
  afterAll(() => {
    origin.closeAllConnections();
    origin.close();
    proxy.closeAllConnections();
    proxy.close();
  });

  test('5,120 bytes, and no more', async () => {
    expect((await fetch('https://client.example/good')).body.length).toBe(5120);
    await expect(fetch('https://client.example/large')).rejects.toThrow();
    await expect(fetch('https://client.example/endless')).rejects.toThrow();
    await expect(fetch('https://client.example/headers')).rejects.toThrow();
  });

  test('nothing is inflated', async () => {
    expect(await fetch('https://client.example/bomb')).toMatchObject({ status: 415, body: '' });
  });

  test('no redirect is followed', async () => {
    expect((await fetch('https://client.example/redirect')).status).toBe(302);
    expect(followed).toBe(0);
  });

  test('no cookie, credential or address is sent', () => {
    expect(Object.keys(asked).filter((name) => /cookie|authorization|forwarded|referer/.test(name))).toEqual([]);
  });

  test('a certificate that is not for the host: refused', async () => {
    await expect(fetch('https://other.example/good')).rejects.toThrow();
  });
});
