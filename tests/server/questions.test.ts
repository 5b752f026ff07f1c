import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema, type ElicitResult } from '@modelcontextprotocol/sdk/types.js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { legacy, startServer, type TestServer } from './harness.ts';

const one = 'user1:kestra.read';
const two = 'user2:kestra.read';
const callOf = (name: string, id = 1) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: {} } });
const elicitation = { elicitation: {} };

let server: TestServer;
let closing: (() => Promise<void>)[];

beforeEach(async () => {
  server = await startServer({ limits: { callMs: 1500, questionsEach: 2 } });
  closing = [];
});
afterEach(async () => {
  await Promise.all(closing.map((close) => close()));
  await server.stop();
});

/** A client of 2025-11-25 whose user says this when asked. */
const connect = async (token: string, capabilities: object, user?: () => Promise<ElicitResult>): Promise<Client> => {
  const client = new Client({ name: 'of-2025', version: '1' }, { capabilities });
  if (user) client.setRequestHandler(ElicitRequestSchema, user);
  const requestInit = { headers: { Authorization: `Bearer ${token}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(`${server.url}/mcp`), { requestInit }) as never);
  closing.push(() => client.close());
  return client;
};

const textOf = (result: unknown): string => (result as { content: { text: string }[] }).content[0]?.text ?? '';
const ask = async (client: Client): Promise<string> => textOf(await client.callTool({ name: 'ask', arguments: {} }));

/** The session id that a client with these capabilities is given. */
const sessionOf = async (token: string, capabilities: object): Promise<string | null> => {
  const params = { protocolVersion: '2025-11-25', capabilities, clientInfo: { name: 'raw', version: '1' } };
  const answer = await legacy(server, token, { jsonrpc: '2.0', id: 0, method: 'initialize', params });
  await answer.text();
  return answer.headers.get('mcp-session-id');
};

/** Calls the tool that asks, and gives the question as it came over the wire and what the stream says after it. */
const question = async (token: string, session: string) => {
  const gone = new AbortController();
  closing.push(async () => gone.abort());
  const response = await fetch(`${server.url}/mcp`, {
    method: 'POST',
    signal: gone.signal,
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': '2025-11-25',
      'Mcp-Session-Id': session,
      Authorization: `Bearer ${token}`,
    },
    body: JSON.stringify(callOf('ask')),
  });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const next = async (): Promise<{ id: unknown; method?: string; result?: unknown; error?: unknown }> => {
    for (;;) {
      const { value, done } = (await reader?.read()) ?? { done: true };
      if (done) throw new Error('the stream ended');
      const [, data] = /^data: (\{.+)$/m.exec(value ?? '') ?? [];
      if (data) return JSON.parse(data);
    }
  };
  return { asked: await next(), next, leave: () => gone.abort() };
};

const accept = (id: unknown) => ({ jsonrpc: '2.0', id, result: { action: 'accept', content: { name: 'Mallory' } } });

describe('questions to clients of 2025-11-25', () => {
  test('the user is asked on the stream of the call, and it goes on with their answer', async () => {
    const client = await connect(one, elicitation, async () => ({ action: 'accept', content: { name: 'Ada' } }));
    expect(await ask(client)).toBe('hello Ada');
    expect(await ask(client)).toBe('hello Ada');
  });

  test('they may say no, and may take longer than a call may', async () => {
    const client = await connect(one, elicitation, async () => {
      await new Promise((resolve) => setTimeout(resolve, 2000));
      return { action: 'decline' };
    });
    expect(await ask(client)).toBe('no answer');
  });

  test('many at once, with the same JSON-RPC ids: no answer crosses', async () => {
    const users = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        connect(`user${i}:kestra.read`, elicitation, async () => ({ action: 'accept', content: { name: `person ${i}` } })),
      ),
    );
    expect(await Promise.all(users.map(ask))).toEqual(users.map((_, i) => `hello person ${i}`));
  });

  test('a client that can not ask its user gets no session, and no question', async () => {
    expect(await sessionOf(one, {})).toBeNull();
    expect(await ask(await connect(one, {}))).toContain('did not declare the required capability');
  });

  test('A30, R85 the session of another user, a forged one and one of a former key mean nothing', async () => {
    const session = (await sessionOf(one, elicitation)) ?? '';
    expect(session).toMatch(/^[\x21-\x7e]{50,600}$/);
    const [body, signature] = session.split('.');
    const forged = Buffer.from(JSON.stringify({ capabilities: elicitation, clientInfo: { name: 'x', version: '1' } })).toString(
      'base64url',
    );
    const wrong = [
      [two, session],
      [one, `${forged}.${signature}`],
      [one, `${body}.${'A'.repeat(43)}`],
      [one, body ?? ''],
      [one, '.'],
    ] as const;
    for (const [token, id] of wrong) {
      const answer = await legacy(server, token, callOf('ask'), { 'Mcp-Session-Id': id });
      expect(await answer.text()).toContain('did not declare the required capability');
    }
  });

  test('A30 a client may say much of itself: the id stays short', async () => {
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: { elicitation: { form: { x: 'y'.repeat(9000) } }, experimental: { z: 'y'.repeat(9000) } },
      clientInfo: { name: 'n'.repeat(9000), version: 'v'.repeat(9000) },
    };
    const answer = await legacy(server, one, { jsonrpc: '2.0', id: 0, method: 'initialize', params });
    await answer.text();
    expect(answer.headers.get('mcp-session-id')?.length).toBeLessThan(600);
  });

  test('A31 the answer of another user does not count, nor does a second one', async () => {
    const { asked, next } = await question(one, (await sessionOf(one, elicitation)) ?? '');
    expect(asked).toMatchObject({ method: 'elicitation/create' });
    expect(String(asked.id)).toMatch(/^[0-9a-f-]{36}$/);
    expect((await legacy(server, two, accept(asked.id))).status).toBe(202);
    const mine = { jsonrpc: '2.0', id: asked.id, result: { action: 'accept', content: { name: 'Ada' } } };
    expect((await legacy(server, one, [mine, accept(asked.id)])).status).toBe(202);
    expect(await next()).toMatchObject({ id: 1, result: { content: [{ text: 'hello Ada' }] } });
  });

  test('what a caller has open is bounded, and who leaves makes room', async () => {
    const session = (await sessionOf(one, elicitation)) ?? '';
    const [first] = [await question(one, session), await question(one, session)];
    const third = await legacy(server, one, callOf('ask'), { 'Mcp-Session-Id': session });
    expect(await third.text()).toContain('too many questions wait for an answer');
    const other = await question(two, (await sessionOf(two, elicitation)) ?? '');
    expect(other.asked.method).toBe('elicitation/create');
    first.leave();
    await expect.poll(async () => (await question(one, session)).asked.method).toBe('elicitation/create');
  });

  test('P07 a server that stops gives its questions up, and their calls answer', async () => {
    const { next } = await question(one, (await sessionOf(one, elicitation)) ?? '');
    const stopped = server.running.stop();
    expect(JSON.stringify(await next())).toContain('This server is stopping.');
    await stopped;
  });
});
