import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { during, expectInnocent, saveFlows, writes } from '../harness/kestra.ts';
import { type Server, startServer } from '../harness/server.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';

/** What must never become part of a path. */
const hostile = [
  '..',
  '.',
  '../..',
  '%2e%2e',
  '%2E%2E%2F',
  '..%2fsearch',
  '/',
  'a/b',
  'a/../b',
  '\\',
  '?',
  'a?delete=true',
  '#',
  'a#b',
  ';',
  'a;jsessionid=1',
  '\0',
  'a\0',
  '\r\n',
  'a\r\nAuthorization: Basic eDp5',
  'a\nb',
  ' ',
  ' a',
  '{namespace}',
  '*',
  'ｂｙ－ｑｕｅｒｙ',
  'seаrch',
  'a\u200bb',
  'a\u202eb',
  '．．',
  '∕',
  'x'.repeat(10_000),
];
/** Names that Kestra allows, and literals of its routes. */
const literals = ['by-query', 'search', 'restart', 'validate', 'kill'];

const task = 'tasks:\n  - id: log\n    type: io.kestra.plugin.core.log.Log\n    message: hi\n';

const places: [string, string, Record<string, unknown>][] = [
  ['list_flows', 'namespace', {}],
  ['get_flow', 'namespace', { flow_id: 'a' }],
  ['get_flow', 'flow_id', { namespace: 'a' }],
  ['execute_flow', 'namespace', { flow_id: 'a' }],
  ['execute_flow', 'flow_id', { namespace: 'a' }],
  ['get_execution', 'execution_id', {}],
  ['kill_execution', 'execution_id', {}],
  ['list_executions', 'namespace', { flow_id: 'a' }],
  ['list_executions', 'flow_id', { namespace: 'a' }],
  ['search_triggers', 'namespace', {}],
  ['search_triggers', 'flow_id', { namespace: 'a' }],
  ['get_app', 'uid', {}],
];

describe.each(['1.3.25', '2.0.0-SNAPSHOT'] as const)('arguments that become part of a path, on %s', (version) => {
  let kestra: Kestra;
  let server: Server;
  beforeAll(async () => {
    kestra = await startKestra({ version, edition: 'EE' });
    server = await startServer({ kestra });
    await server.call('auth_status');
  });
  afterAll(async () => {
    await server.stop();
    await kestra.close();
  });

  test.each(places)('%s refuses every hostile %s, says which it is, and asks Kestra nothing', async (tool, name, others) => {
    for (const value of [...hostile, '']) {
      const { result, requests } = await during(kestra, () => server.call(tool, { ...others, [name]: value }));
      expect(requests, JSON.stringify(value).slice(0, 100)).toEqual([]);
      expect(result.isError).toBe(true);
      expect(result.text).toContain(`${name}: `);
      expect(result.text.length).toBeLessThan(500);
    }
  });

  test.each(places)('%s refuses a %s that is no text', async (tool, name, others) => {
    for (const value of [7, true, ['a'], { a: 1 }]) {
      const { result, requests } = await during(kestra, () => server.call(tool, { ...others, [name]: value }));
      expect(requests).toEqual([]);
      expect([result.isError, result.structured.error]).toEqual([true, 'invalid_input']);
      expect(result.text).toContain(`${name}: `);
    }
  });

  test.each(places)('%s with a %s that is a literal of Kestra’s routes reaches nothing but its own', async (tool, name, others) => {
    for (const value of literals) {
      const { result, requests } = await during(kestra, () => server.call(tool, { ...others, [name]: value }));
      expect(result.text.length).toBeGreaterThan(10);
      expect(writes(requests)).toEqual([]);
    }
    await expectInnocent(kestra);
  });

  test('execute_flow starts a flow of such a name, or sends nothing at all', async () => {
    const bulk = new Set(['restart/by-query', 'kill/by-query', 'restart/by-ids', 'resume/by-query']);
    for (const namespace of ['restart', 'resume', 'kill', 'acme']) {
      for (const flowId of ['by-query', 'by-ids', 'flow']) {
        await saveFlows(kestra, `id: ${flowId}\nnamespace: ${namespace}\n${task}`);
        const { result, requests } = await during(kestra, () => server.call('execute_flow', { namespace, flow_id: flowId }));
        const sent = writes(requests).map(({ method, path }) => `${method} ${path}`);
        if (result.isError) {
          expect(sent).toEqual([]);
          expect(result.text).toContain('nothing was sent');
        } else {
          expect(sent).toEqual([`POST /api/v1/main/executions/${namespace}/${flowId}`]);
          expect(result.structured).toMatchObject({ namespace, flow_id: flowId, state: 'SUCCESS' });
          bulk.delete(`${namespace}/${flowId}`);
        }
      }
    }
    expect(bulk).toContain('restart/by-query');
    expect(bulk).toContain('restart/by-ids');
    expect(bulk).toContain('resume/by-query');
    await expectInnocent(kestra);
  });

  test('is alive afterwards', async () => {
    expect((await server.listTools()).length).toBe(27);
    expect((await server.call('list_flows', { namespace: 'acme' })).isError).toBe(false);
  });
});

describe('arguments that become part of a filter', () => {
  let kestra: Kestra;
  let server: Server;
  beforeAll(async () => {
    kestra = await startKestra({ version: '2.0.0-SNAPSHOT' });
    server = await startServer({ kestra });
    await server.call('auth_status');
  });
  afterAll(async () => {
    await server.stop();
    await kestra.close();
  });

  test.each([
    ['list_flows', { namespace: 'acme' }],
    ['search_namespaces', {}],
  ])('%s: any text is the value of its filter and nothing else', async (tool, others) => {
    for (const value of [...hostile.filter(({ length }) => length <= 500), 'a,b', 'a&filters[namespace][EQUALS]=b', ']=x', 'é🙂']) {
      const { requests } = await during(kestra, () => server.call(tool, { ...others, query: value }));
      const [first] = requests;
      const pairs = new URLSearchParams(first?.query);
      expect(pairs.get('filters[q][EQUALS]')).toBe(value);
      expect([...pairs.keys()].filter((key) => key.startsWith('filters')).length).toBe(Object.keys(others).length + 1);
    }
    await expectInnocent(kestra);
  });

  test('a text that is too long is refused', async () => {
    const { result, requests } = await during(kestra, () => server.call('search_namespaces', { query: 'x'.repeat(10_000) }));
    expect([result.isError, requests]).toEqual([true, []]);
  });

  test('a task id of any form finds nothing and harms nothing', async () => {
    await saveFlows(kestra, `id: flow\nnamespace: acme.tasks\n${task}`);
    const { structured } = await server.call('execute_flow', { namespace: 'acme.tasks', flow_id: 'flow' });
    for (const task_id of hostile.filter(({ length }) => length <= 256)) {
      const { result, asked } = await during(kestra, () =>
        server.call('get_execution', { execution_id: structured.execution_id, task_id }),
      );
      expect(result.isError).toBe(false);
      expect(result.text).toContain('has run here; these have: log');
      expect(asked).toEqual([`GET main/executions/${structured.execution_id}`]);
    }
  });

  test.each([
    ['a colon', { 'a:b': 'c' }],
    ['a space', { 'a b': 'c' }],
    ['a line feed', { 'a\nb': 'c' }],
    ['Kestra’s own', { 'system.correlationId': 'c' }],
    ['an empty one', { '': 'c' }],
    ['a very long one', { ['x'.repeat(100_000)]: 'c' }],
    ['a value that is no text', { a: 7 }],
    ['a very long value', { a: 'x'.repeat(100_000) }],
  ])('a label is checked before anything is sent: %s', async (_, labels) => {
    const { result, requests } = await during(kestra, () => server.call('execute_flow', { namespace: 'acme', flow_id: 'a', labels }));
    expect([result.isError, result.structured.error, requests]).toEqual([true, 'invalid_input', []]);
    expect(result.text).toContain('labels');
    expect(result.text.length).toBeLessThan(1000);
  });

  test('a label of any other form arrives as it is', async () => {
    await saveFlows(kestra, `id: labelled\nnamespace: acme\n${task}`);
    const labels = { team: 'a:b, c&d=e#f %h"é🙂', 'x[y]': 'z' };
    const { structured } = await server.call('execute_flow', { namespace: 'acme', flow_id: 'labelled', labels });
    expect(kestra.state.executions.get(String(structured.execution_id))?.labels).toEqual(
      expect.arrayContaining(Object.entries(labels).map(([key, value]) => ({ key, value }))),
    );
  });
});

describe('arguments that are not what the tool takes', () => {
  let server: Server;
  beforeAll(async () => {
    server = await startServer({ env: { KESTRA_API_URL: 'http://127.0.0.1:1', KESTRA_API_TOKEN: 't' } });
  });
  afterAll(() => server.stop());

  test.each<[string, Record<string, unknown>]>([
    ['many that do not exist', Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`argument_${i}`, i]))],
    ['one with a very long name', { ['x'.repeat(1_000_000)]: 1 }],
    ['one with a name that moves the cursor', { '\u001b[2J\u202e': 1 }],
    ['a prototype', JSON.parse('{"__proto__": {"namespace": "a"}, "constructor": 1}') as Record<string, unknown>],
    ['a number that is none', { namespace: 'a', page: 1.5 }],
    ['a number out of bounds', { namespace: 'a', size: 1e308 }],
    ['a very deep one', { namespace: JSON.parse(`${'['.repeat(1000)}${']'.repeat(1000)}`) as unknown }],
  ])('%s: a short answer says so', async (_, args) => {
    const { isError, text, structured } = await server.call('list_flows', args);
    expect([isError, structured.error]).toEqual([true, 'invalid_input']);
    expect(text.length).toBeLessThan(2000);
    expect(text).not.toMatch(/\p{Cc}(?<!\n)|\p{Cf}|ZodError/u);
  });

  test('null is the same as leaving it out', async () => {
    expect((await server.call('list_flows', { namespace: null })).text).toContain('namespace: ');
  });
});
