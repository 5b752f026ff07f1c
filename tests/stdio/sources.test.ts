import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { taskSource } from '../../src/tools/task-source.ts';
import { type Server, startServer } from '../harness/server.ts';

const head = 'id: a\nnamespace: acme\n';
const many = (count: number, line: (i: number) => string): string => Array.from({ length: count }, (_, i) => line(i)).join('');

describe('a source that is made to keep the server busy', () => {
  let server: Server;
  beforeAll(async () => {
    server = await startServer({ env: { KESTRA_API_URL: 'http://127.0.0.1:1', KESTRA_API_TOKEN: 't' } });
  });
  afterAll(() => server.stop());

  // Where the time grows with the square of the size, each of these takes minutes.
  test.each<[string, string, RegExp]>([
    ['very many keys', `${head}${many(60_000, (i) => `k${i}: 1\n`)}x: 1\nx: 2\n`, /Map keys must be unique at line 60004/],
    ['very many keys in one line', `${head}l: {${many(60_000, (i) => `k${i}: 1, `)}x: 1, x: 2}\n`, /Map keys must be unique at line 3/],
    ['very many mistakes', `${head}${'@a: b\n'.repeat(60_000)}`, /not valid YAML.* at line 3, column 1: @a: b/],
    ['very many documents', `${head}${'---\na: 1\n'.repeat(60_000)}`, /2 YAML documents or more/],
    ['very many aliases', `${head}x: &a 1\nl: [${'*a, '.repeat(60_000)}]\n`, /aliases more than 100 times/],
    ['an endless line that is wrong', `${head}l: @${'x'.repeat(500_000)}`, /not valid YAML/],
  ])('%s: a short answer in time', async (_, source, says) => {
    const started = performance.now();
    const { isError, structured, text } = await server.call('create_or_update_flow', { source });
    expect([isError, structured.error]).toEqual([true, 'invalid_input']);
    expect(structured.message).toMatch(says);
    expect(text.length).toBeLessThan(1000);
    expect(performance.now() - started).toBeLessThan(15_000);
  });

  test.each([
    ['1', '"1"'],
    ['true', "'true'"],
    ['namespace', '"name\\x73pace"'],
  ])('%s and %s are the same key to some parser', async (one, other) => {
    const { structured } = await server.call('create_or_update_flow', { source: `${head}${one}: a\n${other}: b\n` });
    expect(structured.message).toMatch(/Map keys must be unique/);
  });
});

test('the failed part of such a source is found in time too', () => {
  const started = performance.now();
  expect(taskSource(`${head}${many(60_000, (i) => `k${i}: 1\n`)}tasks:\n  - id: last\n    type: x\n`, 'last')).toBe(
    '  - id: last\n    type: x',
  );
  expect(performance.now() - started).toBeLessThan(15_000);
});
