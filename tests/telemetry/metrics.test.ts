import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeIdp } from '../auth/fake-idp.ts';
import { freePort } from '../harness/free-port.ts';
import { saveFlows } from '../harness/kestra.ts';
import { metricsOf } from '../harness/metrics.ts';
import { Program, settings } from '../harness/program.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { hello } from '../tools/setting.ts';

describe('/metrics', () => {
  const idp = new FakeIdp();
  let kestra: Kestra;
  let program: Program;
  let port: number;
  let samples: Map<string, number>;

  beforeAll(async () => {
    await idp.start();
    kestra = await startKestra({ version: '2.0.0-SNAPSHOT', edition: 'EE' });
    await saveFlows(kestra, hello('acme', 'hello'));
    port = await freePort();
    const token = kestra.headers.authorization.replace(/^Bearer /, '');
    const env = { ...(await settings({ kestra, idp })), KESTRA_CREDENTIALS: 'shared', KESTRA_API_TOKEN: token };
    program = await Program.start({ ...env, KESTRA_MCP_METRICS_PORT: String(port) }, idp);
    const { tokens, clientId } = await program.client.signIn();
    const call = (name: string, args: Record<string, unknown>) => program.call(tokens.access_token, name, args);
    await call('get_flow', { namespace: 'acme', flow_id: 'hello' });
    await call('get_flow', { namespace: 'acme', flow_id: 'none' });
    for (const name of ['CANARY_one', 'CANARY_two']) await call(name, {});
    await program.client.refresh(clientId, 'kmcp_rt_made-up');
    samples = await metricsOf(port);
  });
  afterAll(async () => {
    await program.stop();
    await kestra.close();
    await idp.stop();
  });

  test('counts calls, operations of Kestra, sign-ins, tokens, the store and the loop', () => {
    const at = (name: string) => samples.get(`kestra_mcp_${name}`);
    expect(at('calls_total{tool="get_flow",decision="allowed",code="ok"}')).toBe(1);
    expect(at('calls_total{tool="get_flow",decision="allowed",code="not_found"}')).toBe(1);
    expect(at('calls_total{tool="unknown",decision="denied",code="unknown_tool"}')).toBe(2);
    expect(at('call_duration_seconds_count{tool="get_flow"}')).toBe(2);
    expect(at('kestra_requests_total{operation="getFlow",status="200"}')).toBe(1);
    expect(at('kestra_requests_total{operation="getFlow",status="404"}')).toBeGreaterThan(0);
    expect(at('kestra_breaker{state="closed"}')).toBe(1);
    expect(at('turns{kind="calls"}')).toBe(0);
    expect(at('sign_ins_total{result="ok"}')).toBe(1);
    expect(at('token_requests_total{grant="authorization_code",result="ok"}')).toBe(1);
    expect(at('token_requests_total{grant="refresh_token",result="invalid_grant"}')).toBe(1);
    expect(at('store_operation_duration_seconds_count{operation="completeSignIn"}')).toBe(1);
    expect(samples.has('nodejs_eventloop_lag_seconds')).toBe(true);
  });

  test('no label holds a user, a namespace or a name that somebody made up', () => {
    for (const word of ['CANARY', 'acme', 'hello', 'sub-eve', 'kmcp'])
      expect([...samples.keys()].filter((key) => key.includes(word))).toEqual([]);
  });

  test('nothing else is at that port, and nothing of it at the other', async () => {
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404);
    expect((await fetch(`http://127.0.0.1:${port}/metrics`, { method: 'POST' })).status).toBe(404);
    expect((await fetch(`${program.base}/metrics`)).status).toBe(404);
  });

  test('the documentation names what is served', async () => {
    const text = readFileSync(join(import.meta.dirname, '../../docs/observability.md'), 'utf8');
    const named = [...text.matchAll(/^\| `(kestra_mcp_\w+)`/gm)].map(([, name = '']) => name);
    const served = (await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()).matchAll(/^# TYPE (kestra_mcp_\w+)/gm);
    expect(named.sort()).toEqual([...served].map(([, name = '']) => name).sort());
  });
});
