import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { substitutes } from '../../src/kestra/dialect.ts';
import { tools } from '../../src/tools/catalog.ts';
import { type ListedTool, type Server, startServer } from '../harness/server.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';

const fourteen = [
  'search_namespaces',
  'list_flows',
  'get_flow',
  'create_or_update_flow',
  'execute_flow',
  'get_execution',
  'list_executions',
  'kill_execution',
  'search_triggers',
  'list_apps',
  'get_app',
  'create_app',
  'auth_status',
  'register_kestra_token',
];

const names = [
  'search_namespaces',
  'list_flows',
  'search_flows',
  'get_flow',
  'describe_inputs',
  'search_plugins',
  'get_plugin_schema',
  'validate_flow',
  'create_or_update_flow',
  'execute_flow',
  'get_execution',
  'list_executions',
  'search_executions',
  'diagnose_execution',
  'get_execution_logs',
  'kill_execution',
  'resume_execution',
  'restart_execution',
  'replay_execution',
  'search_triggers',
  'list_apps',
  'get_app',
  'create_app',
  'auth_status',
  'register_kestra_token',
  'search_tools',
  'run_tool',
];

/** What a client forwards to the model of the official Python server's tools: 39 of them. */
const official = 9850;
const tokens = (value: unknown): number => JSON.stringify(value).length / 4;

describe.each(['current', 'legacy'] as const)('tools/list (%s client)', (client) => {
  let kestra: Kestra;
  let server: Server;
  let listed: ListedTool[];

  beforeAll(async () => {
    kestra = await startKestra({ version: '2.0.0-SNAPSHOT', edition: 'EE' });
    server = await startServer({ kestra, client });
    listed = await server.listTools();
  });
  afterAll(async () => {
    await server.stop();
    await kestra.close();
  });

  test('names the tools in their order', () => {
    expect(listed.map(({ name }) => name)).toEqual(names);
  });

  test('costs at most 5,000 tokens, no tool more than 300, the fourteen 2,400: half of the official server', () => {
    expect(listed.length).toBeLessThanOrEqual(27);
    for (const tool of listed) expect(tokens(tool), tool.name).toBeLessThanOrEqual(300);
    expect(tokens(listed.filter(({ name }) => fourteen.includes(name)))).toBeLessThanOrEqual(2400);
    expect(tokens(listed)).toBeLessThanOrEqual(5000);
    expect(tokens(listed) / official).toBeLessThan(0.45);
  });

  test('has an input schema that takes nothing but what it names, and no output schema', () => {
    for (const tool of listed) {
      expect(tool.inputSchema, tool.name).toMatchObject({ type: 'object', additionalProperties: false });
      expect(tool, tool.name).not.toHaveProperty('outputSchema');
    }
  });

  test.each(names)('%s reads as it did', async (name) => {
    const tool = listed.find((each) => each.name === name);
    await expect(`${JSON.stringify(tool, null, 2)}\n`).toMatchFileSnapshot(`__snapshots__/${name}.json`);
  });

  test('the annotations say which tool only reads, which may destroy and which can do anything', () => {
    const hints = Object.fromEntries(listed.map(({ name, annotations }) => [name, annotations]));
    for (const name of ['search_namespaces', 'list_flows', 'get_flow', 'get_execution', 'list_executions', 'search_triggers', 'get_app']) {
      expect(hints[name], name).toMatchObject({ readOnlyHint: true });
    }
    expect(hints.create_or_update_flow).toMatchObject({ destructiveHint: false });
    // Twice is two apps.
    expect(hints.create_app).not.toHaveProperty('idempotentHint');
    expect(hints.execute_flow).toMatchObject({ destructiveHint: true, idempotentHint: false, openWorldHint: true });
    expect(hints.kill_execution).toMatchObject({ destructiveHint: true });
  });

  test('the instructions cost less than 300 tokens', () => {
    expect((server.instructions ?? '').length / 4).toBeLessThan(300);
  });

  test('the instructions name only tools that there are', () => {
    const mentioned = server.instructions?.match(/\b[a-z]+(_[a-z]+)+\b/g) ?? [];
    const words = [...names, ...tools.flatMap(({ input }) => Object.keys(input.shape))];
    expect(mentioned.length).toBeGreaterThan(5);
    expect(mentioned.filter((word) => !words.includes(word))).toEqual([]);
  });

  test('the descriptions name only tools that there are, and say which comes next', () => {
    for (const { name, description = '' } of listed) {
      const words = [...names, ...tools.flatMap(({ input }) => Object.keys(input.shape))];
      expect(
        (description.match(/\b[a-z]+(_[a-z]+)+\b/g) ?? []).filter((word) => !words.includes(word)),
        name,
      ).toEqual([]);
    }
  });
});

test.each(['1.3.25', '2.0.0-SNAPSHOT'] as const)('without Enterprise (Kestra %s) there are at most 24', async (version) => {
  const kestra = await startKestra({ version });
  const server = await startServer({ kestra });
  const listed = await server.listTools();
  await server.stop();
  await kestra.close();
  expect(listed.map(({ name }) => name)).toEqual(names.filter((name) => !/_apps?$/.test(name)));
  expect(listed.length).toBeLessThanOrEqual(24);
});

test('while Kestra can not be reached, the tools of every edition are listed, without waiting for it', async () => {
  const gone = await startKestra({ version: '2.0.0-SNAPSHOT' });
  await gone.close();
  const server = await startServer({ kestra: gone });
  const listed = await server.listTools();
  expect(listed.map(({ name }) => name)).toEqual(names.filter((name) => !name.includes('app')));
  const { structured, isError } = await server.call('search_namespaces');
  await server.stop();
  expect(isError).toBe(true);
  expect(structured).toMatchObject({ error: 'kestra_unreachable', message: expect.stringMatching(/^Kestra is not reachable\. Try again/) });
});

test('operations.json holds the operations that tools use, and the one that tells what a Kestra is', () => {
  const listed: unknown = JSON.parse(readFileSync(new URL('../../openapi/operations.json', import.meta.url), 'utf8'));
  const used = new Set<string>([...tools.flatMap(({ uses }) => uses), ...substitutes, 'getConfiguration']);
  expect(listed).toEqual([...used].sort());
});
