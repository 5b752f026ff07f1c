import { afterEach, describe, expect, test } from 'vitest';
import type { KestraCredential } from '../../src/config.ts';
import { type Kestra as Pretended, startKestra } from '../kestra/server.ts';
import { connect, failure } from './connect.ts';
import { json, listen, page, serve } from './server.ts';

const undo: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});
const list = { query: { page: 1, size: 1 } };

describe('a credential', () => {
  test.each<[KestraCredential, string]>([
    [{ kind: 'token', token: 'tok-1' }, 'Bearer tok-1'],
    [{ kind: 'password', username: 'a', password: 'b' }, 'Basic YTpi'],
    [
      { kind: 'password', username: 'zoë@acme.example', password: 'Straße:日本🙂' },
      `Basic ${Buffer.from('zoë@acme.example:Straße:日本🙂').toString('base64')}`,
    ],
  ])('%j is sent as %s', async (credential, authorization) => {
    const server = await serve((response) => json(response, page));
    const { kestra, invoke } = connect(server.url, {}, credential);
    undo.push(server.close, kestra.close);
    await invoke('searchFlows', list);
    expect(server.asked.map(({ headers }) => headers.authorization)).toEqual([authorization]);
  });

  test('with letters of every script lets its owner in', async () => {
    const user = { username: 'zoë', password: 'Straße:日本🙂' };
    const server = await startKestra({ version: '2.0.0-SNAPSHOT', users: [user] });
    const { kestra, invoke } = connect(server.url, {}, { kind: 'password', ...user });
    undo.push(server.close, kestra.close);
    expect(await invoke('searchFlows', list)).toEqual(page);
  });

  test('of each caller is used for that caller alone', async () => {
    const server = await serve((response) => json(response, page));
    const { kestra } = connect(server.url);
    undo.push(server.close, kestra.close);
    const tokens = Array.from({ length: 20 }, (_, i) => `token-${i}`);
    await Promise.all(tokens.map((token) => kestra.as({ credential: { kind: 'token', token } })('searchFlows', list)));
    expect(server.asked.map(({ headers }) => headers.authorization).sort()).toEqual(tokens.map((token) => `Bearer ${token}`).sort());
  });

  test('that Kestra does not accept is said to be the reason', async () => {
    const server = await startKestra({ version: '2.0.0-SNAPSHOT' });
    const { kestra, invoke } = connect(server.url, {}, { kind: 'password', username: 'kestra@example.com', password: 'wrong' });
    undo.push(server.close, kestra.close);
    const { code, message } = await failure(invoke('searchFlows', list));
    expect(code).toBe('kestra_unauthorized');
    expect(message).not.toContain('wrong');
  });
});

describe('the question for the version', () => {
  const asked = async (statusOf: (authorization: string | undefined) => number) => {
    const authorizations: (string | undefined)[] = [];
    const server = await listen((request, response) => {
      const { authorization } = request.headers;
      if (request.url !== '/api/v1/configs') return json(response, page);
      authorizations.push(authorization);
      json(response, { version: '2.0.0', edition: 'EE' }, statusOf(authorization));
    });
    const client = connect(server.url, {}, { kind: 'token', token: 'mine' });
    undo.push(server.close, client.kestra.close);
    return { ...client, authorizations };
  };

  test('is asked without a credential where that is enough', async () => {
    const { invoke, authorizations } = await asked(() => 200);
    await invoke('searchFlows', list);
    expect(authorizations).toEqual([undefined]);
  });

  test.each([401, 403])('is asked with that of the caller where it is answered with %i', async (status) => {
    const { invoke, authorizations } = await asked((authorization) => (authorization ? 200 : status));
    await invoke('searchFlows', list);
    expect(authorizations).toEqual([undefined, 'Bearer mine']);
  });

  test('fails as the caller would if that is not accepted either', async () => {
    const { invoke, authorizations } = await asked(() => 401);
    expect((await failure(invoke('searchFlows', list))).code).toBe('kestra_unauthorized');
    expect(authorizations).toEqual([undefined, 'Bearer mine']);
  });

  test('does not fail for one caller because another has a bad credential', async () => {
    const { kestra } = await asked((authorization) => (authorization === 'Bearer good' ? 200 : 401));
    const as = (token: string) => kestra.as({ credential: { kind: 'token', token } })('searchFlows', list);
    const [bad, good] = await Promise.allSettled([as('bad'), as('good')]);
    expect([bad?.status, good?.status]).toEqual(['rejected', 'fulfilled']);
  });

  test('reaches Kestra Enterprise 2.0, which wants to know who asks', async () => {
    const server: Pretended = await startKestra({ version: '2.0.0-SNAPSHOT', edition: 'EE' });
    const { kestra, invoke } = connect(server.url, {}, { kind: 'token', token: 'ada-token' });
    undo.push(server.close, kestra.close);
    await invoke('searchFlows', list);
    expect(await kestra.instance()).toMatchObject({ edition: 'EE', line: '2.0' });
  });
});
