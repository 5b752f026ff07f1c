import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { during } from '../harness/kestra.ts';
import { type Server, startServer } from '../harness/server.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';

const viewer = [
  'search_namespaces',
  'list_flows',
  'search_flows',
  'get_flow',
  'describe_inputs',
  'search_plugins',
  'get_plugin_schema',
  'validate_flow',
  'get_execution',
  'list_executions',
  'search_executions',
  'diagnose_execution',
  'get_execution_logs',
  'search_triggers',
  'list_apps',
  'get_app',
  'auth_status',
  'register_kestra_token',
  'search_tools',
  'run_tool',
];
const operator = [...viewer, 'execute_flow', 'kill_execution', 'resume_execution', 'restart_execution', 'replay_execution'];
const editor = [...operator, 'create_or_update_flow', 'create_app'];

/** Arguments with which each tool would do something. */
const harmful: Record<string, Record<string, unknown>> = {
  execute_flow: { namespace: 'acme', flow_id: 'a' },
  kill_execution: { execution_id: '7LdXZArwo9rJEQ1YyjrG3J' },
  resume_execution: { execution_id: '7LdXZArwo9rJEQ1YyjrG3J' },
  restart_execution: { execution_id: '7LdXZArwo9rJEQ1YyjrG3J' },
  replay_execution: { execution_id: '7LdXZArwo9rJEQ1YyjrG3J' },
  create_or_update_flow: { source: 'id: a\nnamespace: acme\ntasks:\n  - id: t\n    type: io.kestra.plugin.core.log.Log\n    message: x\n' },
  create_app: { app_data: 'id: a\nnamespace: acme\n' },
};

let kestra: Kestra;
beforeAll(async () => {
  kestra = await startKestra({ version: '2.0.0-SNAPSHOT', edition: 'EE' });
});
afterAll(() => kestra.close());

describe.each([
  ['kestra-viewer', viewer],
  ['kestra-operator', operator],
  ['kestra-editor', editor],
  ['kestra-admin', editor],
])('KESTRA_MCP_ROLE=%s', (role, allowed) => {
  let server: Server;
  beforeAll(async () => {
    server = await startServer({ kestra, env: { KESTRA_MCP_ROLE: role } });
  });
  afterAll(() => server.stop());

  test('lists what it allows and nothing else', async () => {
    const names = (await server.listTools()).map(({ name }) => name);
    expect([...names].sort()).toEqual([...allowed].sort());
  });

  test('answers a tool that it does not allow like one that does not exist', async () => {
    const unknown = await server.call('no_such_tool').catch((error: unknown) => error);
    expect(unknown).toMatchObject({ code: -32602, message: expect.stringContaining('Tool "no_such_tool" not found') });
    const others = editor.filter((name) => !allowed.includes(name));
    expect(others).toHaveLength(editor.length - allowed.length);
    for (const name of others) {
      const { result, requests } = await during(kestra, () => server.call(name, harmful[name]).catch((error: unknown) => error));
      expect(result).toMatchObject({ code: -32602, message: expect.stringContaining(`Tool "${name}" not found`) });
      expect(requests).toEqual([]);
      const behind = await during(kestra, () => server.call('run_tool', { name, arguments: harmful[name] }));
      expect(behind).toMatchObject({ result: { isError: true, structured: { error: 'unknown_tool' } }, requests: [] });
    }
  });
});

test('another role is a mistake that is named at the start', async () => {
  await expect(startServer({ kestra, env: { KESTRA_MCP_ROLE: 'root' } })).rejects.toThrow();
});
