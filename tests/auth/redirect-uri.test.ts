import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorOf, Harness, pkce } from './harness.ts';
import { Jar } from './jar.ts';

let h: Harness;
beforeAll(async () => {
  h = await Harness.start({ env: { KESTRA_MCP_TRUST_PROXY: '1' } });
});
afterAll(() => h.stop());

let address = 0;
/** From an address of its own, so that no test meets the limits of another. */
const register = (redirect_uris: readonly string[]) =>
  fetch(`${h.base}/register`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Forwarded-For': `198.18.${address >> 8}.${address++ & 255}` },
    body: JSON.stringify({ redirect_uris }),
  });
const refused = async (uri: string) => {
  const answer = await register([uri]);
  expect([answer.status, await errorOf(answer)]).toEqual([400, 'invalid_redirect_uri']);
};
const registered = async (redirect_uris: readonly string[]) => {
  const answer = await register(redirect_uris);
  expect(answer.status).toBe(201);
  return (await answer.json()) as { client_id: string; redirect_uris: string[] };
};

describe('A08, A09, A11, R23: redirect URIs that are refused', () => {
  const uris = [
    ...[
      'http://evil.example/cb',
      'http://10.0.0.1/cb',
      'http://127.0.0.2/cb',
      'http://127.0.0.1.evil.example/cb',
      'http://localhost.evil.example/cb',
    ],
    ...[
      'http://localhost@evil.example/cb',
      'https://user@x.example/cb',
      'https://user:pass@x.example/cb',
      'https://@x.example/cb',
      'http://127.0.0.1:80@evil.example/cb',
    ],
    ...[
      'http://127.1:3000/cb',
      'http://2130706433:3000/cb',
      'http://0x7f.1:3000/cb',
      'http://0177.0.0.1/cb',
      'http://[::ffff:127.0.0.1]/cb',
      'http://0.0.0.0/cb',
    ],
    ...[
      'http://[0:0:0:0:0:0:0:1]/cb',
      'http://LOCALHOST/cb',
      'http://localhost./cb',
      'https://X.example/cb',
      'https://x.example:443/cb',
      'https://x.example./cb',
    ],
    ...['https://x.example/cb#f', 'https://x.example/cb#', 'https://*.evil.example/cb', 'https://x.example/*', 'https://*.evil.example/*'],
    ...[
      'https://x.example/a/../cb',
      'https://x.example/a/./cb',
      'https://x.example/%2e%2e/cb',
      'https://x.example/a%2Fcb',
      'https://x.example/a%5ccb',
    ],
    ...[
      'https://x.example/cb\n',
      ' https://x.example/cb',
      'https://x.example/c b',
      'https://x.example/cb\u0000',
      'https://x.example/cb%00',
      'https://x.example/cb%0d%0aX',
    ],
    ...[
      'https://x.example\\@evil.example/cb',
      'https:\\\\x.example\\cb',
      'https:/x.example/cb',
      'https:x.example/cb',
      'https:///x.example/cb',
      '//x.example/cb',
      '/cb',
      'cb',
      '',
    ],
    ...[
      'https://éxample.example/cb',
      'https://x.example/\u202ecb',
      'https://x.example/%zz',
      'https://',
      'https://x.example/"><script>',
      'https://x.example/{id}',
    ],
    ...[
      'javascript:alert(1)',
      'JaVaScRiPt:alert(1)',
      ' javascript:alert(1)',
      'java\tscript:alert(1)',
      'javascript://x.example/%0aalert(1)',
      'data:text/html,x',
      'vbscript:x',
    ],
    ...[
      'file:///etc/passwd',
      'blob:https://x.example/1',
      'about:blank',
      'view-source:https://x.example',
      'filesystem:https://x.example/t/x',
      'ws://x.example/cb',
      'wss://x.example/cb',
    ],
    ...[
      'ftp://x.example/cb',
      'mailto:a@x.example',
      'intent://x',
      'urn:ietf:wg:oauth:2.0:oob',
      'myapp://cb',
      'com.example.app:/cb',
      'cursorx://cb',
      'CURSOR://cb',
    ],
    ...['code', 'state', 'iss', 'error', 'error_description', 'error_uri'].map((name) => `https://x.example/cb?a=1&${name}=x`),
    ...['https://x.example/cb?%69ss=x', 'cursor://a/b?code=x', 'cursor://a/b#f', 'cursor://user@a/b', 'cursor://a/../b'],
  ];
  test.each(uris)('%j', (uri) => refused(uri));

  test('this server itself', () => refused(`${h.base}/oauth/callback`));

  test.each([
    'https://x.example',
    'https://x.example/',
    'https://x.example/cb?tenant=a%2Fb',
    'https://x.example:8443/cb',
    'https://xn--xample-9ua.example/cb',
  ])('and %s is not', async (uri) => {
    expect((await registered([uri])).redirect_uris).toEqual([uri]);
  });

  test('the list of private-use schemes can be emptied and changed', async () => {
    for (const [schemes, cursor, zed] of [
      ['none', 400, 400],
      ['zed', 400, 201],
      ['zed, cursor', 201, 201],
    ] as const) {
      const other = await Harness.start({ env: { KESTRA_MCP_REDIRECT_SCHEMES: schemes }, idp: h.idp });
      const status = async (uri: string) =>
        (
          await fetch(`${other.base}/register`, {
            method: 'POST',
            headers: { 'Content-Type': 'application/json' },
            body: JSON.stringify({ redirect_uris: [uri] }),
          })
        ).status;
      expect([await status('cursor://a/b'), await status('zed://a/b')]).toEqual([cursor, zed]);
      await other.stop();
    }
    await expect(Harness.start({ env: { KESTRA_MCP_REDIRECT_SCHEMES: 'javascript' }, idp: h.idp })).rejects.toThrow(
      /KESTRA_MCP_REDIRECT_SCHEMES/,
    );
  });
});

describe('A05, A08, R27: at /authorize', () => {
  const status = async (clientId: string, uri: string) => {
    const before = h.idp.requests.length;
    const answer = await new Jar().fetch(h.authorizeUrl({ client_id: clientId, redirect_uri: uri, code_challenge: pkce().challenge }));
    expect(answer.headers.get('location')).toBeNull();
    expect(h.idp.requests.length).toBe(before);
    return answer.status;
  };

  test('loopback: any port, everything else exact', async () => {
    const { client_id } = await registered(['http://127.0.0.1:3000/cb']);
    for (const uri of ['http://127.0.0.1:49152/cb', 'http://127.0.0.1/cb', 'http://127.0.0.1:3000/cb', 'http://127.0.0.1:65535/cb']) {
      expect([uri, await status(client_id, uri)]).toEqual([uri, 200]);
    }
    const bad = [
      ...[
        'http://127.0.0.1:3000/cb/',
        'http://127.0.0.1:3000/cb?x=1',
        'https://127.0.0.1:3000/cb',
        'http://localhost:3000/cb',
        'http://127.0.0.2:3000/cb',
      ],
      ...[
        'http://[::1]:3000/cb',
        'http://127.0.0.1.evil.example/cb',
        'http://127.0.0.1@evil.example/cb',
        'http://127.0.0.1:3000@evil.example/cb',
        'http://127.1:3000/cb',
      ],
      ...[
        'http://2130706433:3000/cb',
        'http://0x7f.1:3000/cb',
        'http://127.0.0.1:3000/x/../cb',
        'http://127.0.0.1:3000/%2e%2e/cb',
        'http://127.0.0.1:3000/cb%00',
      ],
      ...[
        'http://127.0.0.1:65536/cb',
        'http://127.0.0.1:0/cb',
        'http://127.0.0.1:/cb',
        'http://127.0.0.1:03000/cb',
        'HTTP://127.0.0.1:3000/cb',
        'http://127.0.0.1:3000/CB',
      ],
      ...[
        'http://127.0.0.1:3000/cb#f',
        'http://127.0.0.1:3000\\cb',
        ' http://127.0.0.1:3000/cb',
        'http://127.0.0.1:3000/cb\n',
        '//127.0.0.1:3000/cb',
      ],
    ];
    for (const uri of bad) expect([uri, await status(client_id, uri)]).toEqual([uri, 400]);
    expect(await status(client_id, `${h.base}/cb`)).toBe(400);
  });

  test('https: byte for byte, the port too', async () => {
    const { client_id } = await registered(['https://x.example/cb', 'https://x.example:8443/cb']);
    expect(await status(client_id, 'https://x.example/cb')).toBe(200);
    for (const uri of [
      'https://x.example/cb/',
      'https://x.example:443/cb',
      'https://x.example:8444/cb',
      'https://X.example/cb',
      'https://x.example/cb?',
      'https://evil.example/cb',
      'https://x.example/%63b',
    ]) {
      expect([uri, await status(client_id, uri)]).toEqual([uri, 400]);
    }
  });
});
