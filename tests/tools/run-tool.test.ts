import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { during, saveFlows, writes } from '../harness/kestra.ts';
import { type Server, startServer } from '../harness/server.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { hello } from './setting.ts';

describe('the tools that are not listed', () => {
  let kestra: Kestra;
  let server: Server;
  beforeAll(async () => {
    kestra = await startKestra({ version: '2.0.0-SNAPSHOT' });
    server = await startServer({ kestra, env: { KESTRA_MCP_TOOLS: 'list_flows,get_flow' } });
    await saveFlows(kestra, hello('hidden', 'one'));
  });
  afterAll(async () => {
    await server.stop();
    await kestra.close();
  });

  test('are found with their arguments, and called with run_tool', async () => {
    const { structured } = await server.call('search_tools', { query: 'stop a running execution' });
    expect(structured.tools).toContainEqual(
      expect.objectContaining({
        name: 'kill_execution',
        effect: 'destroy',
        subject: 'execution',
        arguments: expect.objectContaining({ properties: { execution_id: expect.anything() }, required: ['execution_id'] }),
      }),
    );
    const answer = await server.call('run_tool', { name: 'search_flows', arguments: { query: 'one' } });
    expect(answer).toMatchObject({ isError: false, structured: { total: 1, flows: [{ flow_id: 'one' }] } });
  });

  test('are found by subject and effect', async () => {
    const { structured } = await server.call('search_tools', { subject: 'execution', effect: 'read' });
    const { execution, ...others } = structured.tools as Record<string, string[]>;
    expect(execution).toContain('get_execution');
    expect(execution).not.toContain('kill_execution');
    expect(others).toEqual({});
  });

  test('words that fit nothing are answered with what there is', async () => {
    const { structured } = await server.call('search_tools', { query: 'frobnicate' });
    expect(structured).toMatchObject({
      found: 0,
      note: expect.stringContaining('No tool fits'),
      tools: { flow: expect.arrayContaining(['list_flows']) },
    });
  });

  test('the audit names the tool that ran, not run_tool', async () => {
    await server.call('run_tool', { name: 'list_executions', arguments: { namespace: 'hidden', flow_id: 'one' } });
    const records = server.log.filter(({ audit }) => audit === 'tools/call');
    expect(records.at(-1)).toMatchObject({ tool: 'list_executions', namespace: 'hidden', code: 'ok' });
    expect(records.map(({ tool }) => tool)).not.toContain('run_tool');
  });

  test('arguments are held to the schema of that tool', async () => {
    const wrong = await server.call('run_tool', { name: 'search_flows', arguments: { text: 'one' } });
    expect(wrong).toMatchObject({
      isError: true,
      structured: { error: 'invalid_input', message: expect.stringContaining('There is no argument "text"') },
    });
    const asText = await server.call('run_tool', { name: 'search_flows', arguments: '{"query":"one"}' });
    expect(asText).toMatchObject({ isError: false, structured: { total: 1 } });
    expect(await server.call('run_tool', {})).toMatchObject({ isError: true, structured: { message: 'name: is missing (string)' } });
  });

  test('one that is not there, or run_tool itself, is answered so that a model can go on', async () => {
    for (const name of ['nosuch', 'run_tool']) {
      expect(await server.call('run_tool', { name })).toMatchObject({
        isError: true,
        text: 'There is no tool of that name for you: search_tools shows those there are.',
      });
    }
  });

  test('a viewer neither finds nor runs what changes something', async () => {
    const viewer = await startServer({ kestra, env: { KESTRA_MCP_ROLE: 'kestra-viewer' } });
    const { structured } = await viewer.call('search_tools', { query: 'kill execution' });
    const { result, requests } = await during(kestra, () =>
      viewer.call('run_tool', { name: 'kill_execution', arguments: { execution_id: 'abc' } }),
    );
    await viewer.stop();
    expect(JSON.stringify(structured)).not.toContain('kill_execution');
    expect(result).toMatchObject({ isError: true, structured: { error: 'unknown_tool' } });
    expect(requests).toEqual([]);
  });
});

describe('settings', () => {
  const listed = async (env: Record<string, string>, edition: 'OSS' | 'EE' = 'OSS') => {
    const kestra = await startKestra({ version: '2.0.0-SNAPSHOT', edition });
    const server = await startServer({ kestra, env });
    const tools = await server.listTools();
    return { kestra, server, tools, names: tools.map(({ name }) => name) };
  };

  test('KESTRA_MCP_TOOLS names the tools that are listed; whatever is not stays in reach', async () => {
    const { kestra, server, names } = await listed({ KESTRA_MCP_TOOLS: 'trigger, get_flow' });
    await server.stop();
    await kestra.close();
    expect(names).toEqual(expect.arrayContaining(['get_flow', 'search_triggers', 'search_tools', 'run_tool']));
    expect(names).not.toContain('list_flows');
    expect(names).not.toContain('get_execution');
  });

  test('with all, every tool is listed and none needs to be searched for', async () => {
    const { kestra, server, names } = await listed({ KESTRA_MCP_TOOLS: 'all' });
    await server.stop();
    await kestra.close();
    expect(names).toEqual(expect.arrayContaining(['list_flows', 'restart_execution']));
    expect(names).not.toContain('search_tools');
  });

  test('a word that is no tool stops the program, with the words that there are', async () => {
    const kestra = await startKestra({ version: '2.0.0-SNAPSHOT' });
    await expect(startServer({ kestra, env: { KESTRA_MCP_TOOLS: 'list_flow' } })).rejects.toThrow();
    await kestra.close();
  });

  test('KESTRA_MCP_READ_ONLY leaves only what changes nothing, behind run_tool too', async () => {
    const { kestra, server, tools, names } = await listed({ KESTRA_MCP_READ_ONLY: 'true' });
    // A caller's own credential is no matter of what they may change in Kestra.
    const others = tools.filter(({ name }) => name !== 'register_kestra_token');
    for (const { name, annotations } of others) expect(annotations, name).toMatchObject({ readOnlyHint: true });
    expect(names).toEqual(expect.arrayContaining(['get_flow', 'diagnose_execution', 'auth_status', 'run_tool']));
    const { result, requests } = await during(kestra, () =>
      server.call('run_tool', { name: 'execute_flow', arguments: { namespace: 'a', flow_id: 'b' } }),
    );
    expect(result.isError).toBe(true);
    expect(writes(requests)).toEqual([]);
    await expect(server.call('execute_flow', { namespace: 'a', flow_id: 'b' })).rejects.toThrow(/not found/);
    await server.stop();
    await kestra.close();
  });
});
