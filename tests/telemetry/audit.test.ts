import { appendFileSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeIdp } from '../auth/fake-idp.ts';
import { pkce } from '../auth/harness.ts';
import { Jar } from '../auth/jar.ts';
import { Whole } from '../auth/whole.ts';
import { saveFlows } from '../harness/kestra.ts';
import { command, newFolder, Program, settings } from '../harness/program.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { hello } from '../tools/setting.ts';

type Line = Readonly<Record<string, unknown>>;

const linesIn = (text: string): Line[] => text.split('\n').flatMap((line) => (line.includes('"audit":') ? [JSON.parse(line) as Line] : []));
const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe('P17 one record for each decision', () => {
  let at: Whole;
  beforeAll(async () => {
    at = await Whole.start(
      { version: '2.0.0-SNAPSHOT', edition: 'EE' },
      { KESTRA_MCP_CALLS_PER_MINUTE: '40', KESTRA_MCP_LOG_LEVEL: 'error' },
    );
    await saveFlows(at.kestra, hello('acme', 'hello'));
  });
  afterAll(() => at.stop());

  /** What was written while something happened: the lines, and the rows of the store, oldest first. */
  const during = async <T>(work: () => Promise<T>) => {
    const [before] = await at.store.listEvents({ limit: 1 });
    const seen = at.logged.length;
    const result = await work();
    const lines = linesIn(at.logged.slice(seen).join('\n'));
    const rows = (await at.store.listEvents({ limit: 100 })).filter(({ id }) => id > (before?.id ?? 0)).reverse();
    const events = lines.filter(({ audit }) => audit !== 'tools/call');
    // The lines are the rows: same kinds, people, clients, grants and requests.
    expect(events.map(({ audit, user, client_id, grant, request_id }) => ({ audit, user, client_id, grant, request_id }))).toEqual(
      rows.map(({ kind, user, clientId, grantId, requestId }) => ({
        audit: kind,
        user: user && `${user.issuer}|${user.subject}`,
        client_id: clientId,
        grant: grantId,
        request_id: requestId,
      })),
    );
    for (const { time } of events) expect(time).toMatch(iso);
    return { result, kinds: rows.map(({ kind }) => kind), calls: lines.filter(({ audit }) => audit === 'tools/call') };
  };
  const consent = async () => {
    const jar = new Jar();
    const { verifier, challenge } = pkce();
    const clientId = await at.words.reg();
    return { jar, verifier, clientId, page: await at.words.authorize(jar, { client_id: clientId, code_challenge: challenge }) };
  };

  test('signing in: one of the consent and one of the sign-in; denied and failed: one', async () => {
    expect((await during(() => at.words.signIn())).kinds).toEqual(['consent', 'sign_in']);
    const denied = await during(async () => {
      const { jar, page } = await consent();
      await at.words.decide(jar, page, { decision: 'deny' });
    });
    expect(denied.kinds).toEqual(['consent_denied']);
    const failed = await during(async () => {
      const { jar, page } = await consent();
      const provider = new URL(await at.words.approve(jar, page));
      const back = new URLSearchParams({ error: 'access_denied', state: provider.searchParams.get('state') ?? '' });
      expect((await jar.fetch(`${at.base}/oauth/callback?${back}`)).status).toBe(403);
    });
    expect(failed.kinds).toEqual(['sign_in_failed']);
    expect((await during(() => at.visitor('eve'))).kinds).toEqual(['sign_in']);
  });

  test('a code and a refresh token that come twice, a lost answer, a revocation: one each', async () => {
    const { code, clientId, verifier } = await at.words.code();
    const fields = { client_id: clientId, code, code_verifier: verifier };
    expect((await during(() => at.words.redeem(fields))).kinds).toEqual([]);
    expect((await during(() => at.words.redeem(fields))).kinds).toEqual(['code_reused']);
    const { clientId: id, tokens } = await at.words.signIn();
    const refresh = async (token: string) => (await (await at.words.refresh(id, token)).json()) as { refresh_token: string };
    const { result: next, kinds } = await during(() => refresh(tokens.refresh_token));
    expect(kinds).toEqual([]);
    expect((await during(() => refresh(tokens.refresh_token))).kinds).toEqual(['refresh_replayed']);
    await refresh(next.refresh_token);
    expect((await during(() => refresh(tokens.refresh_token))).kinds).toEqual(['refresh_reused']);
    const another = await at.words.signIn();
    expect((await during(() => at.words.revoke({ client_id: another.clientId, token: another.tokens.refresh_token }))).kinds).toEqual([
      'grant_revoked',
    ]);
  });

  test('a credential that is stored, refused or removed: one each', async () => {
    const jar = await at.visitor('eve');
    const token = at.kestra.headers.authorization.replace(/^Bearer /, '');
    expect((await during(() => at.register(jar, token))).kinds).toEqual(['credential_stored']);
    expect((await during(() => at.register(jar, 'CANARY-refused'))).kinds).toEqual(['credential_refused']);
    expect((await during(() => at.act(jar, '/account/credential/remove'))).kinds).toEqual(['credential_removed']);
    await at.register(jar, token);
  });

  test('each call: who, with which client, on what, how it was decided, what Kestra said, how long it took', async () => {
    const { clientId, tokens } = await at.words.signIn();
    const narrow = (await at.words.signIn({ parameters: { scope: 'kestra.read' } })).tokens.access_token;
    const send = (name: string, args: unknown, token = tokens.access_token) =>
      at.words.mcp(token, 'tools/call', { name, arguments: args, _meta: { note: 'CANARY-meta' } }).then((response) => response.text());
    const flow = { namespace: 'acme', flow_id: 'hello' };
    const cases: [name: string, args: unknown, record: Line, token?: string][] = [
      ['get_flow', flow, { tool: 'get_flow', namespace: 'acme', flow: 'hello', decision: 'allowed', code: 'ok', upstream_status: 200 }],
      ['execute_flow', { ...flow, wait: true }, { tool: 'execute_flow', flow: 'hello', execution: expect.any(String), code: 'ok' }],
      ['get_flow', { ...flow, flow_id: 'CANARY-none' }, { namespace: 'acme', decision: 'allowed', code: 'not_found' }],
      ['get_flow', { flow_id: 'CANARY argument' }, { decision: 'denied', code: 'invalid_input', upstream: [] }],
      ['CANARY_tool', flow, { tool: 'unknown', decision: 'denied', code: 'unknown_tool', upstream: [] }],
      ['execute_flow', flow, { tool: 'execute_flow', decision: 'denied', code: 'insufficient_scope', upstream: [] }, narrow],
      ['run_tool', { name: 'CANARY_tool', arguments: flow }, { tool: 'unknown', code: 'unknown_tool' }],
    ];
    for (const [name, args, record, token] of cases) {
      const { calls } = await during(() => send(name, args, token));
      expect(calls, JSON.stringify(record)).toEqual([expect.objectContaining(record)]);
      expect(calls[0]).toMatchObject({
        time: expect.stringMatching(iso),
        request_id: expect.stringMatching(/^[\w-]{12}$/),
        user: `${at.idp.url}|sub-eve`,
        ms: expect.any(Number),
        ...(token === undefined && { client_id: clientId }),
      });
      expect(JSON.stringify(calls)).not.toContain('CANARY');
    }
  });

  test('refused by the limits, and each element of a batch: one each', async () => {
    const { tokens } = await at.words.signIn({ user: 'vic' });
    const call = { name: 'get_flow', arguments: { namespace: 'acme', flow_id: 'hello' } };
    const { calls } = await during(() =>
      fetch(at.words.mcpUrl, {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          Accept: 'application/json, text/event-stream',
          'MCP-Protocol-Version': '2025-03-26',
          Authorization: `Bearer ${tokens.access_token}`,
        },
        body: JSON.stringify([1, 2, 3].map((id) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: call }))),
      }).then((response) => response.text()),
    );
    expect(calls.map(({ tool, code }) => [tool, code])).toEqual(Array(3).fill(['get_flow', 'no_credential']));
    let refused: Line[] = [];
    for (let i = 0; i < 60 && refused.length === 0; i++) {
      const { result, calls } = await during(() => at.words.mcp(tokens.access_token, 'tools/call', call));
      expect(calls).toHaveLength(1);
      if (result.status === 429) refused = calls;
    }
    expect(refused).toEqual([
      expect.objectContaining({ tool: 'get_flow', decision: 'denied', code: 'busy', user: `${at.idp.url}|sub-vic` }),
    ]);
  });

  test('the id of a request is in the answer, in its error and in the record', async () => {
    const { tokens } = await at.words.signIn();
    at.kestra.faults.add({ kind: 'status', status: 500 }, { path: '/flows/acme/hello' });
    const { result, calls } = await during(() =>
      at.words.mcp(tokens.access_token, 'tools/call', { name: 'get_flow', arguments: { namespace: 'acme', flow_id: 'hello' } }),
    );
    const id = result.headers.get('x-request-id');
    expect(calls).toEqual([expect.objectContaining({ request_id: id, code: 'kestra_failed', upstream_status: 500 })]);
    expect(await result.text()).toContain(`\\"request_id\\":\\"${id}\\"`);
  });
});

describe('P17 KESTRA_MCP_AUDIT_FILE', () => {
  const idp = new FakeIdp();
  let kestra: Kestra;
  beforeAll(async () => {
    await idp.start();
    kestra = await startKestra({ version: '2.0.0-SNAPSHOT', edition: 'EE' });
    await saveFlows(kestra, hello('acme', 'hello'));
  });
  afterAll(async () => {
    await kestra.close();
    await idp.stop();
  });
  const env = async (file: string) => ({
    ...(await settings({ kestra, idp })),
    KESTRA_CREDENTIALS: 'shared',
    KESTRA_API_TOKEN: kestra.headers.authorization.replace(/^Bearer /, ''),
    KESTRA_MCP_AUDIT_FILE: file,
  });
  const signInAndCall = async (program: Program) => {
    const { tokens } = await program.client.signIn();
    return program.call(tokens.access_token, 'get_flow', { namespace: 'acme', flow_id: 'hello' });
  };

  test('is appended to, by the server and by commands; only its owner may read it; SIGHUP opens it anew', async () => {
    const file = join(newFolder(), 'audit.jsonl');
    appendFileSync(file, '{"audit":"earlier"}\n', { mode: 0o600 });
    const given = await env(file);
    const program = await Program.start(given, idp);
    await signInAndCall(program);
    const kinds = () => linesIn(readFileSync(file, 'utf8')).map(({ audit }) => audit);
    expect(kinds()).toEqual(['earlier', 'consent', 'sign_in', 'tools/call']);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(program.stderr).not.toContain('"audit"');
    renameSync(file, `${file}.1`);
    process.kill(program.pid, 'SIGHUP');
    await expect.poll(() => statSync(file, { throwIfNoEntry: false }) !== undefined).toBe(true);
    await signInAndCall(program);
    expect(kinds()).toEqual(['consent', 'sign_in', 'tools/call']);
    await program.stop();
    await command(['revoke', `${idp.url}|sub-eve`], given);
    expect(kinds().slice(3)).toEqual(['grant_revoked', 'grant_revoked', 'user_revoked']);
  });

  test('that can not be written: the record is in the log, /readyz says so, and calls go on', async () => {
    const program = await Program.start(await env('/dev/full'), idp);
    expect((await signInAndCall(program)).isError).toBe(false);
    expect(linesIn(program.stderr).map(({ audit }) => audit)).toEqual(['consent', 'sign_in', 'tools/call']);
    expect(program.stderr).toContain('the audit file can not be written');
    expect((await program.ready()).body).toMatchObject({ status: 'degraded', parts: { audit: 'failing' } });
    await program.stop();
    const { code, stderr } = await command([], await env('/proc/no/such/place'));
    expect([code, stderr]).toEqual([1, expect.stringContaining('KESTRA_MCP_AUDIT_FILE')]);
  });
});
