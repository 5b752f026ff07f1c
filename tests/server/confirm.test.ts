import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeIdp } from '../auth/fake-idp.ts';
import { during, execute, reached, saveFlows, writes } from '../harness/kestra.ts';
import { Program, settings } from '../harness/program.ts';
import { type ClientKind, newClient, type Said, startServer, type User } from '../harness/server.ts';
import { type Answered, wireCall } from '../harness/wire-call.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { flow } from '../tools/setting.ts';

const idp = new FakeIdp();
let kestra: Kestra;
let program: Program;
const tokens = new Map<string, string>();

beforeAll(async () => {
  await idp.start();
  kestra = await startKestra({ version: '2.0.0-SNAPSHOT', edition: 'EE' });
  await saveFlows(kestra, flow('asked', 'sleeper', 'flow.Sleep', 'duration: PT1H'));
  const credential = { KESTRA_CREDENTIALS: 'shared', KESTRA_API_TOKEN: 'kestra-admin-token' };
  program = await Program.start({ ...(await settings({ kestra, idp })), ...credential }, idp);
  for (const user of ['eve', 'vic']) {
    idp.users.set(user, { sub: `sub-${user}`, claims: { roles: ['kestra-admin'] } });
    tokens.set(user, (await program.client.signIn({ user })).tokens.access_token);
  }
});
afterAll(async () => {
  await program.stop();
  await kestra.close();
  await idp.stop();
});

const yes: Said = { action: 'accept', content: { confirm: true } };

const key = (name = 'color'): { namespace: string; key: string } => {
  const date = new Date().toISOString();
  kestra.state.keys.set(`asked/${name}`, {
    namespace: 'asked',
    key: name,
    value: 'red',
    type: 'STRING',
    revision: 1,
    created: date,
    updated: date,
  });
  return { namespace: 'asked', key: name };
};
const isThere = (name = 'color'): boolean => kestra.state.keys.has(`asked/${name}`);

const sleepers = async (count: number): Promise<string[]> => {
  const ids = await Promise.all(Array.from({ length: count }, () => execute(kestra, 'asked', 'sleeper')));
  await Promise.all(ids.map((id) => reached(kestra, id, 'RUNNING')));
  return ids;
};

interface Told {
  readonly text: string;
  readonly structured: Record<string, unknown>;
  readonly isError: boolean;
}
interface Connection {
  call(tool: string, args: object): Promise<Told>;
  close(): Promise<void>;
}
/** A client that shows its user's answers, or that can't ask anybody. */
type Connect = (user?: User) => Promise<Connection>;

const overHttp: Connect = async (user) => {
  const client = newClient(user);
  const headers = { Authorization: `Bearer ${tokens.get('eve')}` };
  await client.connect(new StreamableHTTPClientTransport(new URL(`${program.base}/mcp`), { requestInit: { headers } }));
  return {
    call: async (name, args) => {
      const { content, structuredContent, isError } = await client.callTool({ name: 'run_tool', arguments: { name, arguments: args } });
      const text = (content as { text: string }[]).map((part) => part.text).join('\n');
      return { text, structured: (structuredContent ?? {}) as Record<string, unknown>, isError: isError === true };
    },
    close: () => client.close(),
  };
};

const overStdio =
  (client: ClientKind): Connect =>
  async (user) => {
    const server = await startServer({ kestra, client, user });
    return { call: (name, args) => server.call('run_tool', { name, arguments: args }), close: () => server.stop() };
  };

describe.each<[string, Connect]>([
  ['2026-07-28 over HTTP', overHttp],
  ['2026-07-28 over stdio', overStdio('current')],
  ['2025-11-25 over stdio', overStdio('legacy')],
])('what removes for good or acts on many asks the user, with a client of %s', (_, connect) => {
  const questions: string[] = [];
  let answer: () => Said | Promise<Said> = () => yes;
  let able: Connection;
  let unable: Connection;
  beforeAll(async () => {
    const user: User = ({ message }) => {
      questions.push(message);
      return answer();
    };
    [able, unable] = await Promise.all([connect(user), connect()]);
  });
  afterAll(() => Promise.all([able.close(), unable.close()]));

  /** Calls a tool with a client whose user says this. */
  const asking = async (said: Said | (() => Promise<Said>), tool: string, args: object, connection = able) => {
    questions.length = 0;
    answer = typeof said === 'function' ? said : () => said;
    const { result, requests } = await during(kestra, () => connection.call(tool, args));
    return { told: result, wrote: writes(requests) };
  };

  test('yes: it is done, once', async () => {
    const { told, wrote } = await asking(yes, 'delete_key', key());
    expect(questions).toEqual(['This deletes the key color of asked, a STRING: its value can not be had back.']);
    expect(told.structured).toMatchObject({ done: 'deleted', key: 'color' });
    expect(wrote.map(({ method, path }) => `${method} ${path}`)).toEqual(['DELETE /api/v1/main/namespaces/asked/kv/color']);
  });

  test('yes to many: done to exactly those that were shown, once', async () => {
    const ids = await sleepers(2);
    const { told, wrote } = await asking(yes, 'kill_executions', { namespace: 'asked' });
    expect(questions).toEqual(['Kill executions: 2? (2 of asked.sleeper)']);
    expect(told.structured).toMatchObject({ matching: 2, states_now: { KILLED: 2 } });
    expect(wrote).toHaveLength(1);
    expect((JSON.parse(wrote[0]?.text ?? '') as string[]).sort()).toEqual(ids.sort());
  });

  test.each<[string, Said]>([
    ['no', { action: 'decline' }],
    ['nothing', { action: 'cancel' }],
    ['yes without the tick', { action: 'accept', content: { confirm: false } }],
  ])('%s: nothing is done, and the model is told', async (_, said) => {
    const { told, wrote } = await asking(said, 'delete_key', key());
    expect(questions).toHaveLength(1);
    expect(told).toMatchObject({ isError: true, structured: { error: 'declined' } });
    expect(told.text).toContain('The user was asked, and did not agree: nothing was done.');
    expect([wrote, isThere()]).toEqual([[], true]);
  });

  test('yes, but meanwhile it is something else: nothing is done', async () => {
    await sleepers(1);
    const { told, wrote } = await asking(
      async () => {
        await sleepers(1);
        return yes;
      },
      'kill_executions',
      { namespace: 'asked' },
    );
    expect(told).toMatchObject({
      isError: true,
      structured: { error: 'conflict', message: expect.stringContaining('it is now 2. Nothing was done') },
    });
    expect(questions).toHaveLength(1);
    // What the test itself has started is all that was written.
    expect(wrote.map(({ path }) => path)).toEqual(['/api/v1/main/executions/asked/sleeper']);
    await asking(yes, 'kill_executions', { namespace: 'asked' });
  });

  test('the model can not say yes for the user', async () => {
    const { told, wrote } = await asking({ action: 'decline' }, 'delete_key', { ...key(), confirm: 'color' });
    expect(questions).toHaveLength(1);
    expect([told.structured.error, wrote, isThere()]).toEqual(['declined', [], true]);
  });

  test('what needs no confirmation asks nothing', async () => {
    const { told } = await asking(yes, 'get_key', key());
    expect([told.isError, questions]).toEqual([false, []]);
  });

  test('a client that can not ask is told what to do, and does it', async () => {
    const first = await asking(yes, 'delete_key', key(), unable);
    expect(first.told).toMatchObject({ isError: true, structured: { error: 'invalid_input' } });
    expect(first.told.text).toContain('call again with the same arguments and confirm: \\"color\\"');
    expect([first.wrote, isThere()]).toEqual([[], true]);
    const second = await asking(yes, 'delete_key', { ...key(), confirm: 'color' }, unable);
    expect(questions).toEqual([]);
    expect(second.told.structured).toMatchObject({ done: 'deleted' });
    expect(second.wrote).toHaveLength(1);
  });
});

describe('on the wire', () => {
  interface Options {
    readonly who?: string;
    readonly tool?: string;
    /** What the client declares. */
    readonly can?: object;
    readonly requestState?: string;
    readonly inputResponses?: object;
  }

  const form = { elicitation: { form: {} } };
  const accepted = { confirm: yes };

  const call = (args: object, { who = 'eve', tool = 'delete_key', can = form, ...params }: Options = {}): Promise<Answered> =>
    wireCall(program.base, { token: tokens.get(who), tool, args, can, ...params });
  const asked = async (args: object = key(), options: Options = {}): Promise<string> => {
    const { result } = await call(args, options);
    expect(result).toMatchObject({ resultType: 'input_required', inputRequests: { confirm: { method: 'elicitation/create' } } });
    return result?.requestState ?? '';
  };
  const refusal = { code: -32602, message: 'Invalid or expired requestState' };

  test('an answer counts for the call that was asked about, however its arguments are ordered', async () => {
    const requestState = await asked();
    const { result } = await call({ key: 'color', namespace: 'asked' }, { requestState, inputResponses: accepted });
    expect(result?.structuredContent).toMatchObject({ done: 'deleted' });
  });

  test.each<[string, (state: string) => [object, Options]]>([
    ['of another user', (requestState) => [key(), { who: 'vic', requestState }]],
    ['for other arguments', (requestState) => [key('shape'), { requestState }]],
    ['for more arguments', (requestState) => [{ ...key(), flow_id: 'x' }, { requestState }]],
    ['for another tool', (requestState) => [key(), { tool: 'get_key', requestState }]],
    ['that was changed', (requestState) => [key(), { requestState: `${requestState.slice(0, -4)}AAAA` }]],
    ['that is none', () => [key(), { requestState: 'v1.e30.e30' }]],
    ['for no tool', (requestState) => [{}, { tool: 'auth_status', requestState }]],
  ])('an answer to a question %s is refused', async (_, change) => {
    const [args, params] = change(await asked());
    const { result, requests } = await during(kestra, () => call(args, { ...params, inputResponses: accepted }));
    expect(result.error).toMatchObject(refusal);
    expect(requests).toEqual([]);
  });

  test('an answer counts once, however many come at the same time', async () => {
    await saveFlows(kestra, flow('asked', 'quick', 'log.Log', 'message: x'));
    const id = await execute(kestra, 'asked', 'quick');
    await reached(kestra, id, 'SUCCESS');
    const args = { namespace: 'asked', flow_id: 'quick' };
    const requestState = await asked(args, { tool: 'replay_executions' });
    const again = () => call(args, { tool: 'replay_executions', requestState, inputResponses: accepted });
    const { result, requests } = await during(kestra, async () => [...(await Promise.all([again(), again(), again()])), await again()]);
    expect(result.filter((one) => one.result?.structuredContent?.done === 'started again: 1')).toHaveLength(1);
    expect(result.filter(({ error }) => error?.message === refusal.message)).toHaveLength(3);
    expect(writes(requests)).toHaveLength(1);
  });

  test.each([{}, { confirm: 'color' }])('a client that answers without having been asked gets nothing done: %j', async (more) => {
    const { result, requests } = await during(kestra, () => call({ ...key(), ...more }, { inputResponses: accepted }));
    expect(result.result).toMatchObject({ resultType: 'complete', isError: true });
    expect([writes(requests), isThere()]).toEqual([[], true]);
  });

  test('a client that brings back the question without an answer gets nothing done', async () => {
    const { result } = await call(key(), { requestState: await asked() });
    expect(result).toMatchObject({ isError: true, structuredContent: { error: 'declined' } });
    expect(isThere()).toBe(true);
  });

  test.each([{}, { elicitation: { url: {} } }, { sampling: {} }])('one that declares %j is not asked', async (can) => {
    const { result } = await call(key(), { can });
    expect(result).toMatchObject({ resultType: 'complete', isError: true, structuredContent: { error: 'invalid_input' } });
  });

  test('a bare elicitation means forms', async () => {
    await asked(key(), { can: { elicitation: {} } });
  });

  test('what was chosen for the many is in the question, and what is asked for one action does not confirm another', async () => {
    await sleepers(1);
    const args = { namespace: 'asked', flow_id: 'sleeper' };
    const { result } = await call(args, { tool: 'pause_executions' });
    expect(JSON.stringify(result?.inputRequests)).toContain('Pause executions: 1? (1 of asked.sleeper)');
    const unable = { can: {} };
    const first = (await call(args, { tool: 'pause_executions', ...unable })).result?.structuredContent;
    const confirm = /confirm: "([^"]+)"/.exec(String(first?.next))?.[1];
    const other = await call({ ...args, confirm }, { tool: 'kill_executions', ...unable });
    expect(other.result?.structuredContent).toMatchObject({ error: 'conflict' });
    const change = await call({ namespace: 'asked', flow_id: 'quick', new_state: 'FAILED' }, { tool: 'change_executions_state' });
    expect(JSON.stringify(change.result?.inputRequests)).toContain('Change state of executions, new_state: FAILED: ');
  });

  test('P17 a question and its answer are in the audit, a no and what is no answer to it as such', async () => {
    const before = program.stderr.length;
    const requestState = await asked();
    await call(key(), { requestState, inputResponses: { confirm: { action: 'decline' } } });
    await call(key(), { requestState, inputResponses: accepted });
    await call(key(), { requestState: 'v1.e30.e30', inputResponses: accepted });
    const lines = program.stderr
      .slice(before)
      .split('\n')
      .flatMap((line) => (line.includes('"audit"') ? [JSON.parse(line) as Record<string, unknown>] : []));
    expect(lines).toEqual([
      expect.objectContaining({ tool: 'delete_key', namespace: 'asked', code: 'invalid_input' }),
      expect.objectContaining({ tool: 'delete_key', namespace: 'asked', code: 'declined', upstream: [] }),
      expect.objectContaining({ tool: 'delete_key', namespace: 'asked', code: 'invalid_state', upstream: [] }),
      expect.objectContaining({ tool: 'delete_key', namespace: 'asked', code: 'invalid_state', upstream: [] }),
    ]);
  });
});

test('KESTRA_MCP_AUTH=none asks too: what it signs is good while it runs', async () => {
  const { KESTRA_API_URL, KESTRA_MCP_PORT } = await settings({ kestra, idp });
  const alone = await Program.start(
    { KESTRA_API_URL, KESTRA_MCP_PORT, KESTRA_MCP_AUTH: 'none', KESTRA_API_TOKEN: 'kestra-admin-token' },
    idp,
  );
  try {
    const client = newClient(() => yes);
    await client.connect(new StreamableHTTPClientTransport(new URL(`${alone.base}/mcp`)));
    const { structuredContent } = await client.callTool({ name: 'delete_key', arguments: key() });
    expect(structuredContent).toMatchObject({ done: 'deleted' });
    await client.close();
  } finally {
    await alone.stop();
  }
});
