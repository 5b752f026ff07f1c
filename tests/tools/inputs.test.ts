import { describe, expect, test } from 'vitest';
import { during, executionsOf, partsOf, saveFlows, writes } from '../harness/kestra.ts';
import { hello, onEveryKestra } from './setting.ts';

const inputs = `inputs:
  - id: text
    type: STRING
  - id: count
    type: INT
    defaults: 3
  - id: ratio
    type: FLOAT
    required: false
  - id: flag
    type: BOOL
    defaults: false
  - id: day
    type: DATE
    required: false
  - id: settings
    type: JSON
    required: false
  - id: names
    type: ARRAY
    itemType: STRING
    required: false
  - id: choice
    type: SELECT
    required: false
    values: [small, large]
  - id: data
    type: FILE
    required: false
  - id: token
    type: SECRET
    required: false
`;

onEveryKestra('the inputs of execute_flow', (at) => {
  const run = async (given: Record<string, unknown>) => {
    if (!at.kestra.state.flow('acme', 'inputs')) await saveFlows(at.kestra, hello('acme', 'inputs', inputs));
    const { result, requests } = await during(at.kestra, () =>
      at.server.call('execute_flow', { namespace: 'acme', flow_id: 'inputs', inputs: given }),
    );
    const posts = writes(requests);
    return { result, posts, parts: posts[0] ? await partsOf(posts[0]) : [] };
  };
  const lastInputs = () => executionsOf(at.kestra, 'acme', 'inputs').at(-1)?.inputs;

  test('strings go out as they are, everything else as JSON', async () => {
    const { result, parts } = await run({
      text: '  "quoted" {{ not.rendered }} ünï\n',
      count: 7,
      ratio: 0.5,
      flag: true,
      settings: { a: [1, null, 'x'] },
      names: ['a', 'b,c'],
    });
    expect(result.structured.state).toBe('SUCCESS');
    expect(Object.fromEntries(parts.map(({ name, content }) => [name, content.toString('utf8')]))).toEqual({
      text: '  "quoted" {{ not.rendered }} ünï\n',
      count: '7',
      ratio: '0.5',
      flag: 'true',
      settings: '{"a":[1,null,"x"]}',
      names: '["a","b,c"]',
    });
    expect(lastInputs()).toMatchObject({ count: 7, flag: true, names: ['a', 'b,c'] });
  });

  test('null means left out, so that the default counts', async () => {
    const { result, parts } = await run({ text: 'x', count: null, ratio: null });
    expect(result.structured.state).toBe('SUCCESS');
    expect(parts.map(({ name }) => name)).toEqual(['text']);
    expect(lastInputs()).toMatchObject({ count: 3 });
  });

  test('required ones that are missing, or null, are listed with all that the flow takes, before anything is started', async () => {
    for (const given of [{}, { text: null }]) {
      const { result, posts } = await run(given);
      expect(result).toMatchObject({ isError: true, structured: { error: 'invalid_input' } });
      expect(result.structured.message).toBe(
        'Required inputs are missing: text. Its inputs are: text STRING (required); count INT (default 3); ratio FLOAT; flag BOOL (default false); day DATE; settings JSON; names ARRAY; choice SELECT (one of small, large); data FILE; token SECRET.',
      );
      expect(posts).toEqual([]);
    }
  });

  test('one that the flow does not have is refused: Kestra would drop it without a word', async () => {
    const { result, posts } = await run({ text: 'x', cuont: 5 });
    expect(result.structured.message).toMatch(/^The flow has no input "cuont"\. Its inputs are: text STRING \(required\); count INT/);
    expect(posts).toEqual([]);
  });

  test('a flow without inputs says that it takes none', async () => {
    await saveFlows(at.kestra, hello('acme', 'plain'));
    const { structured } = await at.server.call('execute_flow', { namespace: 'acme', flow_id: 'plain', inputs: { a: 1 } });
    expect(structured.message).toBe('The flow has no input "a". It takes no inputs.');
  });

  test("one of the wrong type is refused in Kestra's own words, and nothing is started", async () => {
    const before = executionsOf(at.kestra, 'acme', 'inputs').length;
    const { result } = await run({ text: 'x', count: 'many' });
    expect(result).toMatchObject({ isError: true, structured: { error: 'kestra_refused' } });
    expect(result.structured.kestra_says).toContain('Invalid value for input `count`');
    expect(executionsOf(at.kestra, 'acme', 'inputs')).toHaveLength(before);
  });

  test('a value outside of a SELECT is refused: Kestra would take it', async () => {
    const { result, posts } = await run({ text: 'x', choice: 'huge' });
    expect(result).toMatchObject({ isError: true, structured: { error: 'invalid_input' } });
    expect(result.structured.message).toBe('The input choice is one of small, large; "huge" is not.');
    expect(posts).toEqual([]);
  });

  test('a secret goes to Kestra and is in no answer and no log line', async () => {
    const { result, parts } = await run({ text: 'x', token: 'hunter-2-secret' });
    expect(parts.find(({ name }) => name === 'token')?.content.toString()).toBe('hunter-2-secret');
    expect(result.structured.quoted).toMatchObject({ inputs: { token: '(hidden)' } });
    expect(JSON.stringify(result)).not.toContain('hunter-2');
    expect(at.server.stderr).not.toContain('hunter-2');
  });

  describe('a FILE', () => {
    test('may be text', async () => {
      const { result, parts } = await run({ text: 'x', data: { name: 'orders.csv', text: 'id;name\n1;Ünal\n' } });
      expect(result.structured.state).toBe('SUCCESS');
      expect(parts.find(({ name }) => name === 'data')).toMatchObject({ filename: 'orders.csv' });
      const [content] = [...at.kestra.state.storage].filter(([uri]) => uri.endsWith('/orders.csv')).map(([, bytes]) => Buffer.from(bytes));
      expect(content?.toString('utf8')).toBe('id;name\n1;Ünal\n');
    });

    test.each([
      ['Q3 report (final).csv', 'Q3_report_final_.csv'],
      ['../../etc/a#b?.csv', '._._etc_a_b_.csv'],
      ['Übersicht.csv', 'Übersicht.csv'],
    ])('is called so that Kestra can store it: %s', async (name, filename) => {
      const { result, parts } = await run({ text: 'x', data: { name, text: 'a' } });
      expect(result.structured.state).toBe('SUCCESS');
      expect(parts.find((part) => part.name === 'data')).toMatchObject({ filename });
    });

    test('may be anything, as base64', async () => {
      const bytes = Buffer.from([0, 255, 13, 10, 45, 45]);
      const { result, parts } = await run({ text: 'x', data: { name: 'a.bin', base64: bytes.toString('base64') } });
      expect(result.structured.state).toBe('SUCCESS');
      expect(parts.find(({ name }) => name === 'data')?.content).toEqual(bytes);
    });

    test('may be the address of a file that Kestra keeps', async () => {
      const { posts, parts } = await run({ text: 'x', data: 'kestra:///acme/inputs/executions/1/inputs/data/a.csv' });
      expect(posts).toHaveLength(1);
      expect(parts.find(({ name }) => name === 'data')?.content.toString()).toMatch(/^kestra:\/\/\//);
    });

    test.each([
      ['a path, which Kestra would read on its own machine', '/etc/passwd'],
      ['an address of a file there', 'file:///etc/passwd'],
      ['a bare text', 'id;name'],
      ['a number', 5],
      ['nothing but a name', { name: 'a.csv' }],
      ['text and base64 at once', { name: 'a.csv', text: 'a', base64: 'YQ==' }],
      ['what is not base64', { name: 'a.csv', base64: '***' }],
      ['text without a name', { text: 'a' }],
    ])('may not be %s', async (_, data) => {
      const { result, posts } = await run({ text: 'x', data });
      expect(result).toMatchObject({ isError: true, structured: { error: 'invalid_input' } });
      expect(result.structured.message).toMatch(/^The input data is a FILE: give \{"name": "…", "text": "…"\}/);
      expect(posts).toEqual([]);
    });

    test('may have 1 MiB, and not a byte more', async () => {
      const most = await run({ text: 'x', data: { name: 'big.txt', text: 'x'.repeat(1024 * 1024) } });
      expect(most.result.structured.state).toBe('SUCCESS');
      const more = await run({ text: 'x', data: { name: 'big.txt', text: 'x'.repeat(1024 * 1024 + 1) } });
      expect(more.result.structured.message).toBe(
        'The file for data has 1048577 bytes; 1 MiB is the most. Put it where the flow can fetch it and pass its address.',
      );
      expect(more.posts).toEqual([]);
    });

    test('is made only of what the flow calls a FILE: to a JSON input the same object is JSON', async () => {
      const { parts } = await run({ text: 'x', settings: { name: 'orders.csv', text: 'a' } });
      const part = parts.find(({ name }) => name === 'settings');
      expect(part).not.toHaveProperty('filename');
      expect(part?.content.toString()).toBe('{"name":"orders.csv","text":"a"}');
    });
  });
});
