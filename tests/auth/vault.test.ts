import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { openStore } from '../../src/store/open.ts';
import { generateKey, parseKeyring } from '../../src/store/seal.ts';
import type { Tokens } from './harness.ts';
import { view, Whole } from './whole.ts';

const crowd = Array.from({ length: 50 }, (_, i) => i);
const kestraUsers = [
  { username: 'kestra@example.com', password: 'Kestra-1234', token: 'kestra-admin-token', superAdmin: true },
  ...crowd.map((i) => ({ username: `user${i}@acme.example`, token: `CANARY-kestra-token-of-user-${i}-end`, namespaces: [`own-${i}-end`] })),
];
const tokenOf = (i: number): string => `CANARY-kestra-token-of-user-${i}-end`;

let w: Whole;
beforeAll(async () => {
  w = await Whole.start({ version: '1.3.25', edition: 'EE', users: kestraUsers });
  for (const i of crowd) w.idp.users.set(`u${i}`, { sub: `u${i}`, claims: { name: `User ${i}`, roles: ['kestra-admin'] } });
});
afterAll(() => w.stop());

describe('A31, A37 fifty people at once, each with an own credential and equal JSON-RPC ids', () => {
  it('no credential ever crosses', async () => {
    const clientId = await w.words.reg();
    const tokens = await Promise.all(
      crowd.map(async (i): Promise<Tokens> => {
        if (i < 5) expect((await w.register(await w.visitor(`u${i}`), tokenOf(i))).status).toBe(303);
        else await w.store.putCredential(w.vaultKey(`u${i}`), { secret: JSON.stringify({ kind: 'token', token: tokenOf(i) }) }, {});
        return (await w.words.signIn({ user: `u${i}`, clientId })).tokens;
      }),
    );
    const before = w.kestra.requests.length;
    const rounds = [0, 1];
    const calls = rounds.flatMap((round) =>
      tokens.map(async (token, i) => {
        const own = `own-${i}-end`;
        const id = `flow-${round}`;
        if (round === 0) {
          const status = await w.call(token, 'auth_status');
          expect(status.text).toContain(`|u${i}"`);
          expect(status.text).toContain('accepted by Kestra');
        }
        const saved = await w.call(token, 'create_or_update_flow', {
          source: `id: ${id}\nnamespace: ${own}\ntasks:\n  - id: log\n    type: io.kestra.plugin.core.log.Log\n    message: hi\n`,
        });
        expect(saved.isError, saved.text).toBe(false);
        const listed = await w.call(token, 'list_flows', { namespace: own });
        expect(listed.text).toContain(own);
        expect(listed.text).not.toMatch(new RegExp(`own-(?!${i}-)`));
      }),
    );
    await Promise.all(calls);
    const asked = w.kestra.requests.slice(before).filter(({ path }) => path !== '/api/v1/configs');
    expect(asked.length).toBeGreaterThan(50 * 2 * 3);
    for (const { target, text, headers } of asked) {
      const own = /own-(\d+)-end/.exec(`${decodeURIComponent(target)} ${text}`)?.[1];
      if (own !== undefined) expect(headers.authorization).toBe(`Bearer ${tokenOf(Number(own))}`);
    }
  }, 120_000);
});

describe('A46, A47, P17 a credential that was registered is nowhere but in its sealed row', () => {
  const wrong = 'CANARY-wrong-kestra-token-0123456789';
  it('not in the log, the audit, the files of the database, a page or an error', async () => {
    const bodies: string[] = [];
    const jar = await w.visitor('u1');
    for (const response of [
      await w.register(jar, tokenOf(1)),
      await w.register(jar, wrong),
      await w.register(jar, `${wrong}\r\nX-Evil: 1`),
      await w.act(jar, '/account/credential/test'),
      await jar.fetch(`${w.base}/account?token=${wrong}`),
    ]) {
      bodies.push(await response.text(), JSON.stringify([...response.headers]));
    }
    w.kestra.faults.add({ kind: 'status', status: 500, body: `Bearer ${wrong}` }, { times: 20 });
    bodies.push(await (await w.register(jar, wrong)).text());
    w.kestra.faults.clear();
    const { tokens } = await w.words.signIn({ user: 'u1' });
    bodies.push((await w.call(tokens, 'register_kestra_token', { token: wrong })).text);
    bodies.push((await w.call(tokens, 'register_kestra_token', { token: tokenOf(1) })).text);
    bodies.push((await w.call(tokens, 'auth_status')).text);
    const session = jar.cookies(w.base).get('kmcp-account') ?? '';
    const secrets = [...crowd.map(tokenOf), wrong, session, tokens.access_token, tokens.refresh_token, w.key.replace(/=$/, '')];
    for (const secret of secrets) {
      expect(bodies.join('\n')).not.toContain(secret);
      expect(w.logged.join('\n')).not.toContain(secret);
    }
    const audit = JSON.stringify(await w.store.listEvents({ limit: 1000 }));
    expect(audit).toContain('credential_stored');
    expect(audit).toContain('credential_refused');
    const files = readdirSync(dirname(w.file)).map((name) => readFileSync(join(dirname(w.file), name)));
    expect(Buffer.concat(files).length).toBeGreaterThan(100_000);
    for (const secret of secrets) {
      expect(audit).not.toContain(secret);
      for (const file of files) expect(file.includes(secret)).toBe(false);
    }
    expect(bodies.join('\n')).not.toMatch(/node_modules|\bat \/|\.ts:\d/);
  });

  it('and the provider never hears of it', () => {
    const sent = JSON.stringify(w.idp.requests.map(({ headers, body, query }) => [headers, body, [...query]]));
    expect(sent).not.toContain('CANARY-kestra');
  });
});

describe('the tool that registers', () => {
  it('without a token stores nothing and names the page of this very caller', async () => {
    const [one, two] = [await w.words.signIn({ user: 'u2' }), await w.words.signIn({ user: 'u3' })];
    const [a, b] = [await w.call(one.tokens, 'register_kestra_token'), await w.call(two.tokens, 'register_kestra_token')];
    const linkIn = (text: string) => /\/account\?for=([\w-]+)/.exec(text)?.[1];
    expect(a.structured.done).toBe('nothing was stored');
    expect(linkIn(a.text)).toHaveLength(22);
    expect(linkIn(a.text)).not.toBe(linkIn(b.text));
    expect(`${a.text}${b.text}`).not.toMatch(/for=[^"]*u[23]\b/);
  });

  it('with one checks it at Kestra, stores it for the caller alone, and warns', async () => {
    w.idp.users.set('chatty', { sub: 'chatty', claims: { roles: ['kestra-viewer'] } });
    const { tokens } = await w.words.signIn({ user: 'chatty' });
    const called = await w.call(tokens, 'register_kestra_token', { token: tokenOf(7) });
    expect(called.isError).toBe(false);
    expect(called.structured.done).toContain('stored for you');
    expect(called.structured.warning).toContain('went through this conversation');
    expect((await w.call(tokens, 'auth_status')).text).toContain('accepted by Kestra');
    expect((await w.store.listEvents({ user: { issuer: w.idp.url, subject: 'chatty' }, limit: 1 }))[0]?.kind).toBe('credential_stored');
  });

  it('refuses a wrong one with the reason, and the one before stays', async () => {
    const { tokens } = await w.words.signIn({ user: 'u4' });
    const called = await w.call(tokens, 'register_kestra_token', { token: 'wrong' });
    expect([called.isError, called.structured.error]).toEqual([true, 'kestra_unauthorized']);
    expect(called.text).toContain('Kestra does not accept this API token. Nothing was stored.');
    expect(await w.store.getCredential(w.vaultKey('u4'))).toMatchObject({ outcome: 'found' });
  });

  it('stores nothing while Kestra is down', async () => {
    w.idp.users.set('down', { sub: 'down', claims: { roles: ['kestra-viewer'] } });
    const { tokens } = await w.words.signIn({ user: 'down' });
    w.kestra.faults.add({ kind: 'dropBefore' }, { times: 50 });
    const called = await w.call(tokens, 'register_kestra_token', { token: tokenOf(8) });
    w.kestra.faults.clear();
    expect(called.isError).toBe(true);
    expect(await w.store.getCredential(w.vaultKey('down'))).toEqual({ outcome: 'none' });
  });
});

describe('P15 keys rotate without loss', () => {
  it('what an older key sealed opens, is sealed anew, and then needs the new key alone', async () => {
    const older = await openStore(join(dirname(w.file), 'rotated.db'), { keyring: parseKeyring({ ENCRYPTION_KEY: w.key }) });
    await older.putCredential(w.vaultKey('x'), { secret: 'CANARY-rotated' }, {});
    await older.close();
    const next = generateKey();
    const both = await openStore(join(dirname(w.file), 'rotated.db'), {
      keyring: parseKeyring({ ENCRYPTION_KEYS: `k2:${next},k1:${w.key}` }),
    });
    expect(await both.getCredential(w.vaultKey('x'))).toMatchObject({ secret: 'CANARY-rotated' });
    while ((await both.reseal(100)).more);
    await both.close();
    const alone = await openStore(join(dirname(w.file), 'rotated.db'), { keyring: parseKeyring({ ENCRYPTION_KEYS: `k2:${next}` }) });
    expect(await alone.getCredential(w.vaultKey('x'))).toMatchObject({ secret: 'CANARY-rotated' });
    await alone.close();
  });
});

describe('the predecessor’s credentials', () => {
  const importFor = (subject: string, token: string) =>
    w.store.importCredential(w.vaultKey(subject), { secret: JSON.stringify({ kind: 'token', token }) }, {});

  it.each(['an MCP client', 'the account page'])('are adopted at the first sign-in of their owner: by %s', async (by) => {
    const user = by === 'an MCP client' ? 'old-a' : 'old-b';
    w.idp.users.set(user, { sub: user, claims: { roles: ['kestra-viewer'] } });
    await importFor(user, tokenOf(9));
    expect(await w.store.getCredential(w.vaultKey(user))).toEqual({ outcome: 'none' });
    if (by === 'an MCP client') await w.words.signIn({ user });
    else await w.visitor(user);
    expect(await w.store.getCredential(w.vaultKey(user))).toMatchObject({ secret: JSON.stringify({ kind: 'token', token: tokenOf(9) }) });
    expect(await w.store.listEvents({ user: { issuer: w.idp.url, subject: user }, limit: 1 })).toMatchObject([
      { kind: 'credential_adopted' },
    ]);
  });

  it('do not replace one that the owner has registered since', async () => {
    w.idp.users.set('old-c', { sub: 'old-c', claims: { roles: ['kestra-viewer'] } });
    await w.register(await w.visitor('old-c'), tokenOf(11));
    await importFor('old-c', tokenOf(10));
    await w.visitor('old-c');
    expect(await w.store.getCredential(w.vaultKey('old-c'))).toMatchObject({
      secret: JSON.stringify({ kind: 'token', token: tokenOf(11) }),
    });
  });
});

describe('other Kestras', () => {
  let oss: Whole;
  beforeAll(async () => {
    oss = await Whole.start({ version: '2.0.0-SNAPSHOT', edition: 'OSS' });
  });
  afterAll(() => oss.stop());

  it('open source: asks for user name and password, checks them, and never shows them', async () => {
    const jar = await oss.visitor('eve');
    const page = await oss.open(jar);
    expect(page.html).toContain('id="username"');
    expect(page.html).not.toContain('id="token"');
    const refused = await view(
      await oss.act(jar, '/account/credential', { kind: 'password', username: 'kestra@example.com', password: 'CANARY-wrong' }),
    );
    expect([refused.status, refused.text]).toEqual([422, expect.stringContaining('Kestra does not accept this user name and password.')]);
    expect(refused.html).not.toContain('CANARY-wrong');
    const stored = await oss.act(jar, '/account/credential', { kind: 'password', username: 'kestra@example.com', password: 'Kestra-1234' });
    expect(stored.status).toBe(303);
    const after = await oss.open(jar);
    expect(after.text).toContain('User kestra@example.com stored just now');
    expect(after.html).not.toContain('Kestra-1234');
    const { tokens } = await oss.words.signIn({ user: 'eve' });
    expect((await oss.call(tokens, 'list_flows', { namespace: 'acme' })).isError).toBe(false);
  });

  it.each(['a:b', 'a\r\nb'])('a user name like %j is refused', async (username) => {
    const jar = await oss.visitor('vic');
    expect((await oss.act(jar, '/account/credential', { kind: 'password', username, password: 'x' })).status).toBe(422);
  });

  it('one that says what it is only to those it knows: either kind can be given', async () => {
    const silent = await Whole.start({ version: '2.0.0-SNAPSHOT', edition: 'EE' });
    const jar = await silent.visitor('eve');
    const { html } = await silent.open(jar);
    expect(html).toContain('id="username"');
    expect(html).toContain('id="token"');
    expect((await silent.register(jar, 'ada-token')).status).toBe(303);
    await silent.stop();
  });
});

test('shared: nobody registers anything, by the page or by a tool', async () => {
  const shared = await Whole.start(
    { version: '1.3.25', edition: 'EE' },
    { KESTRA_CREDENTIALS: 'shared', KESTRA_API_TOKEN: 'kestra-admin-token' },
  );
  const jar = await shared.visitor('eve');
  const page = await shared.open(jar);
  expect(page.text).toContain('This server uses one Kestra credential for everybody');
  expect(page.html).not.toContain('name="token"');
  expect((await shared.register(jar, 'ada-token')).status).toBe(404);
  expect((await shared.act(jar, '/account/credential/remove')).status).toBe(404);
  const { tokens } = await shared.words.signIn({ user: 'eve' });
  const listed = await (await shared.words.mcp(tokens.access_token)).text();
  expect(listed).not.toContain('register_kestra_token');
  expect((await shared.call(tokens, 'list_flows', { namespace: 'acme' })).isError).toBe(false);
  await shared.stop();
});
