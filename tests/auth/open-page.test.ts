import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type WireCall, wireCall } from '../harness/wire-call.ts';
import type { Tokens } from './harness.ts';
import { Whole } from './whole.ts';

let w: Whole;
let eve: Tokens;
beforeAll(async () => {
  w = await Whole.start();
  eve = (await w.words.signIn({ user: 'eve' })).tokens;
});
afterAll(() => w.stop());

const url = { elicitation: { url: {} } };

const call = ({ access_token: token }: Tokens, can: object, params: Pick<WireCall, 'inputResponses' | 'requestState'> = {}) =>
  wireCall(w.base, { token, tool: 'register_kestra_token', args: {}, can, ...params });

describe('register_kestra_token opens the page where the client can', () => {
  it.each([
    { speaks: '2026-07-28', mode: { pin: '2026-07-28' } },
    { speaks: '2025-11-25', mode: 'legacy' as const },
  ])('asks a client of $speaks with URL elicitation to open the page of this very user, and says the rest afterwards', async ({ mode }) => {
    const opened: string[] = [];
    const client = new Client({ name: 'test', version: '1' }, { capabilities: url, versionNegotiation: { mode } });
    client.setRequestHandler('elicitation/create', ({ params }) => {
      if (params.mode === 'url') opened.push(params.url);
      return { action: 'accept' };
    });
    await client.connect(
      new StreamableHTTPClientTransport(new URL(`${w.base}/mcp`), {
        requestInit: { headers: { Authorization: `Bearer ${eve.access_token}` } },
      }),
    );
    const { structuredContent, isError } = await client.callTool({ name: 'register_kestra_token', arguments: {} });
    await client.close();
    expect(opened).toEqual([expect.stringMatching(new RegExp(`^${w.base}/account\\?for=[\\w-]{22}$`))]);
    expect(isError).toBeFalsy();
    expect(structuredContent).toMatchObject({ done: 'nothing was stored', registered: 'none yet' });
    const { pathname, search } = new URL(opened[0] ?? '');
    expect((await w.open(await w.visitor('eve'), `${pathname}${search}`)).status).toBe(200);
    expect((await w.open(await w.visitor('vic'), `${pathname}${search}`)).status).toBe(403);
  });

  it.each([{}, { elicitation: {} }, { elicitation: { form: {} } }])('gives %j the link as text', async (capabilities) => {
    const { result } = await call(eve, capabilities);
    expect(result).toMatchObject({ resultType: 'complete', structuredContent: { done: 'nothing was stored' } });
    expect(JSON.stringify(result)).toMatch(/\/account\?for=[\w-]{22}/);
  });

  it('gives clients of 2025-11-25 the link as text, at once', async () => {
    expect((await w.call(eve, 'register_kestra_token')).text).toMatch(/\/account\?for=[\w-]{22}/);
  });

  it('takes back the state that it gave out, from the same user, and nothing else', async () => {
    const asked = await call(eve, url);
    expect(asked.result).toMatchObject({ resultType: 'input_required', inputRequests: { page: { method: 'elicitation/create' } } });
    const requestState = asked.result?.requestState ?? '';
    const inputResponses = { page: { action: 'accept' } };
    expect((await call(eve, url, { inputResponses, requestState })).result).toMatchObject({ resultType: 'complete' });
    expect((await call(eve, url, { inputResponses: { page: { action: 'decline' } }, requestState })).result).toMatchObject({
      structuredContent: { done: 'nothing was stored' },
    });
    const { tokens: vic } = await w.words.signIn({ user: 'vic' });
    const tampered = `${requestState.slice(0, -2)}${requestState.endsWith('A') ? 'BB' : 'AA'}`;
    for (const [who, state] of [
      [vic, requestState],
      [eve, tampered],
      [eve, 'x'],
      [eve, 'v1.e30.e30'],
    ] as const) {
      expect((await call(who, url, { inputResponses, requestState: state })).error).toMatchObject({
        code: -32602,
        message: 'Invalid or expired requestState',
      });
    }
  });
});
