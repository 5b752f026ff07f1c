import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeIdp, fakeClient } from '../auth/fake-idp.ts';
import { type Certificates, makeCertificates } from '../client/certificates.ts';
import { freePort } from '../harness/free-port.ts';
import { command, newFolder, Program, settings } from '../harness/program.ts';
import { startServer } from '../harness/server.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';

const idp = new FakeIdp();
let kestra: Kestra;
let env: Record<string, string>;
beforeAll(async () => {
  await idp.start();
  kestra = await startKestra({ version: '2.0.0-SNAPSHOT', edition: 'EE' });
  env = await settings({ kestra, idp });
});
afterAll(async () => {
  await kestra.close();
  await idp.stop();
});

const fileWith = (text: string, name = 'file'): string => {
  const path = join(newFolder(), name);
  writeFileSync(path, text);
  return path;
};

describe('KESTRA_MCP_AUTH=none', () => {
  const open = async () => ({
    KESTRA_API_URL: kestra.url,
    KESTRA_API_TOKEN: 'kestra-admin-token',
    KESTRA_MCP_AUTH: 'none',
    KESTRA_MCP_PORT: String(await freePort()),
    KESTRA_MCP_ROLE: 'kestra-viewer',
  });

  it('lets in who reaches the port, with KESTRA_MCP_ROLE; nothing of signing in is there', async () => {
    const program = await Program.start(await open(), idp);
    try {
      expect((await program.call(undefined, 'search_namespaces')).isError).toBe(false);
      expect((await program.call('whatever', 'auth_status')).structured).toMatchObject({
        user_key: 'local',
        roles: [{ name: 'kestra-viewer' }],
      });
      expect((await program.call(undefined, 'execute_flow', { namespace: 'a', flow_id: 'b' })).error?.message).toContain('not found');
      for (const path of [
        '/authorize',
        '/token',
        '/register',
        '/account',
        '/.well-known/oauth-authorization-server',
        '/.well-known/oauth-protected-resource',
      ]) {
        expect((await fetch(`${program.base}${path}`)).status, path).toBe(404);
      }
      expect((await program.ready()).body).toMatchObject({ status: 'ok', parts: { kestra: 'ok' } });
    } finally {
      await program.stop();
    }
  });

  it('A32 but no page of the web', async () => {
    const program = await Program.start(await open(), idp);
    try {
      const send = (headers: Record<string, string>) =>
        fetch(`${program.base}/mcp`, { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: '{}' });
      expect((await send({ Origin: 'https://evil.example' })).status).toBe(403);
      expect((await send({ Origin: 'null' })).status).toBe(403);
      const rebound = request(`${program.base}/mcp`, { method: 'POST', headers: { host: 'evil.example' } }).end('{}');
      const [answer] = await once(rebound, 'response');
      expect(answer.statusCode).toBe(421);
      answer.resume();
    } finally {
      await program.stop();
    }
  });

  it.concurrent.each([
    { KESTRA_MCP_HOST: '0.0.0.0' },
    { KESTRA_MCP_HOST: '::' },
    { KESTRA_MCP_PUBLIC_URL: 'https://mcp.example' },
    { KESTRA_MCP_HOST: '127.0.0.1', KESTRA_MCP_PUBLIC_URL: 'https://mcp.example' },
  ])('is refused off loopback: %o', async (change) => {
    const { code, stderr } = await command([], { ...(await open()), ...change });
    expect([code, stderr]).toEqual([1, expect.stringContaining('for loopback only')]);
  });
});

describe('where settings come from', () => {
  const hostile = 'KESTRA_API_URL=https://evil.example\n';

  it('secrets come from files too: *_FILE', async () => {
    const { ENCRYPTION_KEY = '', OIDC_CLIENT_SECRET: _, ...rest } = env;
    const files = {
      ENCRYPTION_KEY_FILE: fileWith(`${ENCRYPTION_KEY}\n`),
      OIDC_CLIENT_SECRET_FILE: fileWith(`${fakeClient.secret}\n`),
      KESTRA_API_TOKEN_FILE: fileWith('kestra-admin-token'),
      KESTRA_CREDENTIALS: 'shared',
    };
    const program = await Program.start({ ...rest, ENCRYPTION_KEY: undefined, ...files }, idp);
    try {
      const { tokens } = await program.client.signIn({ user: 'eve' });
      expect((await program.call(tokens.access_token, 'search_namespaces')).isError).toBe(false);
    } finally {
      await program.stop();
    }
  });

  it.concurrent.each([
    [
      'that is not there',
      { OIDC_CLIENT_SECRET_FILE: '/no/such/file', OIDC_CLIENT_SECRET: undefined },
      "OIDC_CLIENT_SECRET_FILE: the file can't be read (ENOENT)",
    ],
    [
      'beside the setting itself',
      { OIDC_CLIENT_SECRET_FILE: fileWith('x') },
      'OIDC_CLIENT_SECRET and OIDC_CLIENT_SECRET_FILE are both set: keep one',
    ],
  ])('a file %s is a mistake that is named', async (_, change, why) => {
    const { code, stderr } = await command(['list-users'], { ...env, ...change });
    expect([code, stderr]).toEqual([2, expect.stringContaining(why)]);
  });

  it('--env-file names a file that the environment beats', async () => {
    const file = fileWith(`KESTRA_API_URL=${kestra.url}\nKESTRA_API_TOKEN="kestra-admin-token"\nKESTRA_MCP_ROLE=kestra-viewer\n`);
    const { stdout } = await command(['check', '--stdio', '--env-file', file]);
    expect(stdout).toContain(`Kestra answers at ${kestra.url}`);
    expect(stdout).toContain('Kestra accepts the credential');
    const beaten = await command(['check', '--stdio', '--env-file', file], { KESTRA_API_URL: 'http://127.0.0.1:1' });
    expect(beaten.stdout).toContain('PROBLEM  Kestra at http://127.0.0.1:1');
    const missing = await command(['check', '--stdio', '--env-file', '/no/such/file']);
    // Some versions of Node take the option for theirs wherever it stands, and complain first.
    expect(missing.code).not.toBe(0);
    expect(missing.stderr).toMatch(/--env-file: the file can't be read \(ENOENT\)|not found/);
  });

  it('.env of the working folder is read over http', async () => {
    const folder = newFolder();
    writeFileSync(
      join(folder, '.env'),
      Object.entries(env)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
    );
    expect((await command(['list-users'], {}, '', folder)).code).toBe(0);
    expect((await command(['list-users'], {})).code).toBe(1);
  });

  it('and never over stdio, where somebody else may have put it', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, '.env'), `${hostile}KESTRA_MCP_TRANSPORT=stdio\n`);
    for (const [args, more] of [
      [['check', '--stdio'], {}],
      [['check'], { KESTRA_MCP_TRANSPORT: 'stdio' }],
    ] as const) {
      const { stdout } = await command(args, { KESTRA_API_URL: kestra.url, KESTRA_API_TOKEN: 'kestra-admin-token', ...more }, '', folder);
      expect(stdout).toContain(`Kestra answers at ${kestra.url}`);
      expect(stdout).not.toContain('evil.example');
    }
    const { code, stderr } = await command([], {}, '', folder);
    expect([code, stderr]).toEqual([2, expect.stringContaining('use --stdio --env-file .env')]);
  });

  it('an unknown name is a warning with the nearest one; an empty one is not set', async () => {
    const server = await startServer({ kestra, env: { KESTRA_MCP_ROL: 'kestra-viewer', KESTRA_MCP_ROLE: '' } });
    expect((await server.listTools()).map(({ name }) => name)).toContain('execute_flow');
    expect(server.stderr).toContain('KESTRA_MCP_ROL is not a setting of kestra-mcp; the nearest is KESTRA_MCP_ROLE');
    await server.stop();
  });
});

describe('check says of each part that it is well, or what to do', () => {
  /** The same provider by another name, and a port where nobody listens. */
  let [other, closed] = ['', ''];
  beforeAll(async () => {
    other = idp.url.replace('127.0.0.1', 'localhost');
    closed = `http://127.0.0.1:${await freePort()}`;
  });
  const lines = async (change: Record<string, string | undefined> = {}) => {
    const { code, stdout } = await command(['check'], { ...env, ...change });
    return { code, lines: stdout.trim().split('\n') };
  };

  it('where all is well', async () => {
    const { code, lines: said } = await lines({
      KESTRA_MCP_POLICY: fileWith('grants:\n  - match: { groups: [a] }\n    roles: [kestra-viewer]\n'),
    });
    expect(said).toEqual([
      'ok       settings',
      'ok       policy',
      `ok       store ${env.KESTRA_MCP_STORE}, and its keys`,
      `ok       identity provider ${idp.url} (other)`,
      `ok       Kestra answers at ${kestra.url}, and says its version only to those it knows`,
      'ok       each user registers an own Kestra credential',
    ]);
    expect(code).toBe(0);
    const shared = await lines({ KESTRA_CREDENTIALS: 'shared', KESTRA_API_TOKEN: 'kestra-admin-token' });
    expect(shared.code).toBe(0);
    expect(shared.lines.slice(-3)).toEqual([
      `ok       Kestra answers at ${kestra.url}`,
      'ok       version 2.0.0-SNAPSHOT, Enterprise edition, tenant main',
      'ok       Kestra accepts the credential',
    ]);
    expect(shared.lines[0]).toMatch(/^warning {2}One Kestra credential serves everybody/);
  });

  it.concurrent.each<[string, Record<string, string | undefined>, RegExp]>([
    ['the policy', { KESTRA_MCP_POLICY: fileWith('grants: []\n') }, /^PROBLEM {2}policy: policy, line 1: grants must be a list/m],
    ['the store', { KESTRA_MCP_STORE: '/dev/null/store.sqlite' }, /^PROBLEM {2}store: /m],
    ['no key', { ENCRYPTION_KEY: undefined }, /^PROBLEM {2}store: ENCRYPTION_KEY is missing: make one with `kestra-mcp generate-key`/m],
    ['a provider that is down', { OIDC_ISSUER_URL: '$CLOSED' }, /^PROBLEM {2}identity provider: .*ECONNREFUSED/m],
    [
      'an issuer that is written otherwise',
      { OIDC_ISSUER_URL: '$OTHER' },
      /^PROBLEM {2}identity provider: .*write it exactly so, and mind the trailing slash/m,
    ],
    ['no provider', { OIDC_ISSUER_URL: undefined }, /^PROBLEM {2}identity provider: none is set: OIDC_ISSUER_URL/m],
    ['Kestra', { KESTRA_API_URL: '$CLOSED' }, /^PROBLEM {2}Kestra at http:\/\/127\.0\.0\.1:\d+: Kestra is not reachable/m],
    [
      'a refused credential',
      { KESTRA_CREDENTIALS: 'shared', KESTRA_API_TOKEN: 'wrong' },
      /^PROBLEM {2}.*Kestra refuses it\. Set a valid one\./m,
    ],
  ])('where it is not: %s', async (_, change, problem) => {
    const { code, lines: said } = await lines(
      Object.fromEntries(Object.entries(change).map(([name, value]) => [name, value?.replace('$OTHER', other).replace('$CLOSED', closed)])),
    );
    expect(said.join('\n')).toMatch(problem);
    expect(said.filter((line) => line.startsWith('PROBLEM'))).toHaveLength(1);
    expect(said.join('\n')).not.toContain('wrong');
    expect(code).toBe(1);
  });

  it('with KESTRA_MCP_AUTH=none there is neither store nor provider', async () => {
    const { code, lines: said } = await lines({
      KESTRA_MCP_AUTH: 'none',
      OIDC_ISSUER_URL: undefined,
      ENCRYPTION_KEY: undefined,
      KESTRA_API_TOKEN: 'kestra-admin-token',
    });
    expect([code, said.filter((line) => /store|identity/.test(line))]).toEqual([0, []]);
  });
});

describe('the way to the identity provider', () => {
  let certificates: Certificates;
  let url: string;
  let close = (): void => undefined;
  /** What the proxy was asked to connect to. */
  const connected: string[] = [];
  let proxyUrl: string;

  beforeAll(async () => {
    certificates = makeCertificates();
    const { cert, key } = certificates.right;
    const secure = createSecureServer({ cert, key }, (_, response) => {
      const at = (path: string) => `${url}${path}`;
      response.setHeader('Content-Type', 'application/json');
      response.end(
        JSON.stringify({
          issuer: url,
          authorization_endpoint: at('/a'),
          token_endpoint: at('/t'),
          jwks_uri: at('/k'),
          response_types_supported: ['code'],
        }),
      );
    });
    secure.on('tlsClientError', () => undefined);
    const proxy = createServer().on('connect', ({ url: to = '' }, socket, head) => {
      connected.push(to);
      const upstream = connect(Number(to.split(':').at(-1)), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        upstream.write(head);
        upstream.pipe(socket).pipe(upstream);
      });
      for (const end of [socket, upstream]) end.on('error', () => undefined);
    });
    for (const server of [secure, proxy]) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `https://localhost:${(secure.address() as AddressInfo).port}`;
    proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    close = () => {
      for (const server of [secure, proxy]) server.close();
      certificates.remove();
    };
  });
  afterAll(() => close());

  const provider = async (change: Record<string, string>) => {
    const { stdout } = await command(['check'], { ...env, OIDC_ISSUER_URL: url, NO_PROXY: '127.0.0.1', ...change });
    return stdout.split('\n').find((line) => line.includes('identity provider'));
  };

  it('OIDC_CA_FILE names the authority of its certificate; without it the certificate is refused', async () => {
    expect(await provider({})).toMatch(/^PROBLEM .*(certificate|UNABLE_TO_VERIFY)/);
    expect(await provider({ OIDC_CA_FILE: certificates.authority.file })).toBe(`ok       identity provider ${url} (other)`);
    expect(await provider({ OIDC_CA_FILE: certificates.selfSigned.file })).toMatch(/^PROBLEM /);
    const missing = await command(['check'], { ...env, OIDC_CA_FILE: '/no/such/file' });
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining("OIDC_CA_FILE: the file can't be read")]);
  });

  it('HTTPS_PROXY is used, and the certificate is still checked behind it', async () => {
    expect(connected).toEqual([]);
    expect(await provider({ HTTPS_PROXY: proxyUrl, OIDC_CA_FILE: certificates.authority.file })).toMatch(/^ok /);
    expect(connected).toEqual([url.replace('https://', '')]);
    expect(await provider({ HTTPS_PROXY: proxyUrl })).toMatch(/^PROBLEM /);
    expect(await provider({ HTTPS_PROXY: 'http://127.0.0.1:1', OIDC_CA_FILE: certificates.authority.file })).toMatch(
      /^PROBLEM .*ECONNREFUSED/,
    );
  });
});
