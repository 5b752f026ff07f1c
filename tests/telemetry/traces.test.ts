import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeIdp } from '../auth/fake-idp.ts';
import { saveFlows } from '../harness/kestra.ts';
import { Program, settings } from '../harness/program.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { hello } from '../tools/setting.ts';

interface Exported {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly kind: number;
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[];
  readonly status: { readonly code?: number };
}

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';
const idp = new FakeIdp();
let kestra: Kestra;
let env: Record<string, string | undefined>;
/** What a collector of OTLP over HTTP got. */
let collector: Server;
const bodies: string[] = [];
const asked: { path: string; authorization: string | undefined }[] = [];
const spans = (): Exported[] =>
  bodies.flatMap((body) => {
    const { resourceSpans } = JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: Exported[] }[] }[] };
    return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
  });

beforeAll(async () => {
  await idp.start();
  kestra = await startKestra({ version: '2.0.0-SNAPSHOT', edition: 'EE' });
  await saveFlows(kestra, hello('acme', 'hello'));
  collector = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    bodies.push(body);
    asked.push({ path: request.url ?? '', authorization: request.headers.authorization });
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  const token = kestra.headers.authorization.replace(/^Bearer /, '');
  env = { ...(await settings({ kestra, idp })), KESTRA_CREDENTIALS: 'shared', KESTRA_API_TOKEN: token };
});
afterAll(async () => {
  collector.closeAllConnections();
  collector.close();
  await kestra.close();
  await idp.stop();
});

const call = (program: Program, token: string, headers: Record<string, string>, meta: Record<string, string> = {}, name = 'get_flow') =>
  fetch(`${program.base}/mcp`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': '2025-11-25',
      Authorization: `Bearer ${token}`,
      ...headers,
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name, arguments: { namespace: 'acme', flow_id: 'hello' }, _meta: meta },
    }),
  }).then((response) => response.text());

const sent = () => kestra.requests.filter(({ path }) => path.includes('/flows/acme')).map(({ headers }) => headers);
const auditOf = (program: Program) =>
  program.stderr
    .split('\n')
    .flatMap((line) => (line.includes('"audit":"tools/call"') ? [JSON.parse(line) as Record<string, unknown>] : []));

describe('without an endpoint', () => {
  let program: Program;
  let token: string;
  beforeAll(async () => {
    program = await Program.start(env, idp);
    token = (await program.client.signIn()).tokens.access_token;
  });
  afterAll(() => program.stop());

  test('the trace of a caller is passed on to Kestra with a step of its own, and named in the audit', async () => {
    const before = sent().length;
    await call(program, token, { traceparent: `00-${traceId}-${spanId}-01`, tracestate: 'vendor=1' });
    for (const headers of sent().slice(before)) {
      expect(headers.traceparent).toMatch(new RegExp(`^00-${traceId}-(?!${spanId})[0-9a-f]{16}-01$`));
      expect(headers.tracestate).toBe('vendor=1');
    }
    expect(sent().length).toBeGreaterThan(before);
    expect(auditOf(program).at(-1)).toMatchObject({ trace_id: traceId, code: 'ok' });
  });

  test('what the message says of it beats the header', async () => {
    const other = traceId.replaceAll('4', 'a');
    await call(program, token, { traceparent: `00-${traceId}-${spanId}-01` }, { traceparent: `00-${other}-${spanId}-00` });
    expect(sent().at(-1)?.traceparent).toMatch(new RegExp(`^00-${other}-[0-9a-f]{16}-00$`));
  });

  test('no trace, and a broken one: none is passed on', async () => {
    const none: Record<string, string> = {};
    for (const headers of [none, { traceparent: `00-${traceId}-xyz-01`, tracestate: 'vendor=1' }]) {
      await call(program, token, headers);
      expect(sent().at(-1)).not.toHaveProperty('traceparent');
      expect(sent().at(-1)).not.toHaveProperty('tracestate');
    }
    expect(bodies).toEqual([]);
  });
});

describe('with OTEL_EXPORTER_OTLP_ENDPOINT', () => {
  test('a span for the call and one for each operation, of one trace with the caller; no argument, user or secret', async () => {
    const program = await Program.start(
      {
        ...env,
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}/otlp/`,
        OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20CANARY-collector',
      },
      idp,
    );
    const token = (await program.client.signIn()).tokens.access_token;
    await call(program, token, { traceparent: `00-${traceId}-${spanId}-01`, tracestate: 'vendor=CANARY-state' });
    const passedOn = sent().at(-1)?.traceparent;
    await call(program, token, {});
    await call(program, token, {}, {}, 'no_such_tool_CANARY');
    const audited = auditOf(program);
    await program.stop();

    expect(asked[0]).toEqual({ path: '/otlp/v1/traces', authorization: 'Bearer CANARY-collector' });
    const own = spans().filter((span) => span.traceId === traceId);
    const [outer] = own.filter(({ name }) => name === 'tools/call get_flow');
    expect(outer).toMatchObject({ parentSpanId: spanId, kind: 2 });
    expect(outer?.attributes).toContainEqual({ key: 'kestra_mcp.request_id', value: { stringValue: audited[0]?.request_id } });
    const inner = own.filter(({ name }) => name === 'getFlow');
    expect(inner).toHaveLength(1);
    expect(inner[0]).toMatchObject({ parentSpanId: outer?.spanId, kind: 3 });
    expect(inner[0]?.attributes).toContainEqual({ key: 'http.response.status_code', value: { intValue: 200 } });
    expect(passedOn).toBe(`00-${traceId}-${inner[0]?.spanId}-01`);
    // A call outside of any trace begins one.
    const roots = spans().filter((span) => span.parentSpanId === undefined);
    expect(roots.map(({ name }) => name).sort()).toEqual(['tools/call get_flow', 'tools/call unknown']);
    expect(roots.find(({ name }) => name.endsWith('unknown'))?.status.code).toBe(2);
    expect(audited.map(({ trace_id }) => trace_id)).toEqual([traceId, ...roots.map((span) => span.traceId)]);
    for (const word of ['acme', 'hello', 'sub-eve', 'eve@', token, 'CANARY', String(env.KESTRA_API_TOKEN)]) {
      expect(bodies.join('\n')).not.toContain(word);
    }
  });

  test('a collector that is down harms nobody, and nobody waits for it', async () => {
    const program = await Program.start({ ...env, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:1/x' }, idp);
    const token = (await program.client.signIn()).tokens.access_token;
    expect(await call(program, token, {})).toContain('hello');
    const started = performance.now();
    expect(await program.stop()).toBe(0);
    expect(performance.now() - started).toBeLessThan(8000);
  });
});
