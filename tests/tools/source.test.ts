import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { during, expectInnocent } from '../harness/kestra.ts';
import { type Server, startServer } from '../harness/server.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';

const tasks = 'tasks:\n  - id: say\n    type: io.kestra.plugin.core.log.Log\n    message: hello\n';

const refused: Record<string, { source: string; says: string | RegExp }> = {
  'not YAML': { source: 'id: a\nnamespace: [acme\n', says: /^The source is not valid YAML\. .*/ },
  'nothing but a comment': { source: '# nothing\n', says: 'The source is empty.' },
  'a list': { source: '- id: a\n- namespace: acme\n', says: 'The source must be a YAML mapping with id, namespace and tasks.' },
  'a bare text': { source: 'create a flow please', says: 'The source must be a YAML mapping with id, namespace and tasks.' },
  'no namespace': { source: `id: a\n${tasks}`, says: 'The source has no namespace: add a line such as "namespace: company.team".' },
  'no id': { source: `namespace: acme\n${tasks}`, says: 'The source has no id: add a line such as "id: my-flow".' },
  'a duplicate key': {
    source: `id: a\nnamespace: acme\nnamespace: acme.secret\n${tasks}`,
    says: /not valid YAML\. Map keys must be unique/,
  },
  'a duplicate key further down': {
    source: `id: a\nnamespace: acme\n${tasks}    message: again\n`,
    says: /not valid YAML\. Map keys must be unique at line 7/,
  },
  'a duplicate key, once in quotes': { source: `id: a\nnamespace: acme\n"namespace": other\n${tasks}`, says: /Map keys must be unique/ },
  'two documents': {
    source: `id: a\nnamespace: acme\n${tasks}---\nid: b\nnamespace: acme.secret\n${tasks}`,
    says: /holds 2 YAML documents/,
  },
  'a second, empty document': { source: `id: a\nnamespace: acme\n${tasks}---\n`, says: /holds 2 YAML documents/ },
  'a merge key': { source: `id: a\nnamespace: acme\n<<: {namespace: other}\n${tasks}`, says: /no merge keys, tags or complex keys/ },
  'a complex key': { source: `id: a\nnamespace: acme\n? [x, y]\n: z\n${tasks}`, says: /no merge keys, tags or complex keys/ },
  'a namespace that is a list': { source: `id: a\nnamespace: [acme, other]\n${tasks}`, says: /^namespace must be plain text/ },
  'a namespace that is a mapping': { source: `id: a\nnamespace: {name: acme}\n${tasks}`, says: /^namespace must be plain text/ },
  'a namespace that is a number': { source: `id: a\nnamespace: 123\n${tasks}`, says: /^namespace must be plain text/ },
  'a namespace that Kestra reads as a number': { source: `id: a\nnamespace: 1_000\n${tasks}`, says: /^namespace must be plain text/ },
  'a namespace that Kestra reads as no': { source: `id: a\nnamespace: off\n${tasks}`, says: /^namespace must be plain text/ },
  'a namespace that is an alias': { source: `id: &a acme\nnamespace: *a\n${tasks}`, says: /^namespace must be plain text/ },
  'a namespace with a tag': { source: `id: a\nnamespace: !!binary YWNtZQ==\n${tasks}`, says: /^namespace must be plain text/ },
  'a namespace with a tag of its own': { source: `id: a\nnamespace: !secret acme\n${tasks}`, says: /Unresolved tag: !secret at line 2/ },
  'a null namespace': { source: `id: a\nnamespace:\n${tasks}`, says: /^namespace must be plain text/ },
  'a namespace that Kestra does not allow': {
    source: `id: a\nnamespace: ../acme\n${tasks}`,
    says: 'namespace: "../acme" is not a namespace that Kestra allows.',
  },
  'a namespace with an expression': { source: `id: a\nnamespace: "{{ x }}"\n${tasks}`, says: /is not a namespace that Kestra allows/ },
  'an id that is a list': { source: `id: [a]\nnamespace: acme\n${tasks}`, says: /^id must be plain text/ },
  'an id that Kestra does not allow': {
    source: `id: a/b\nnamespace: acme\n${tasks}`,
    says: 'id: "a/b" is not a flow id that Kestra allows.',
  },
  'an alias that is not defined': { source: `id: a\nnamespace: acme\nlabels: *none\n${tasks}`, says: /Unresolved alias|aliases more than/ },
};

/** A hundred million strings in 400 characters. */
const bomb = `id: a\nnamespace: acme\n${['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  .map(
    (name, i, all) =>
      `${name}: &${name} [${Array(10)
        .fill(i === 0 ? 'x' : `*${all[i - 1]}`)
        .join(', ')}]`,
  )
  .join('\n')}\n${tasks}`;

describe('sources that two parsers could read differently', () => {
  let kestra: Kestra;
  let server: Server;

  beforeAll(async () => {
    kestra = await startKestra({ version: '2.0.0-SNAPSHOT' });
    server = await startServer({ kestra });
  });
  afterAll(async () => {
    await expectInnocent(kestra);
    await server.stop();
    await kestra.close();
  });

  /** Calls the tool with a source that must be refused before anything is sent to Kestra. */
  const refusal = async (source: string): Promise<unknown> => {
    const { result, requests } = await during(kestra, () => server.call('create_or_update_flow', { source }));
    expect(result).toMatchObject({ isError: true, structured: { error: 'invalid_input' } });
    expect(requests).toEqual([]);
    return result.structured.message;
  };

  test.each(Object.entries(refused))('%s', async (_, { source, says }) => {
    const message = await refusal(source);
    if (typeof says === 'string') expect(message).toBe(says);
    else expect(message).toMatch(says);
  });

  test('an alias bomb, at once', async () => {
    const started = performance.now();
    expect(await refusal(bomb)).toMatch(/uses aliases more than 100 times/);
    expect(performance.now() - started).toBeLessThan(3000);
  });

  test.each([['['], ['{a: '], ['- ']])('%j nested thousands of times, and the process lives on', async (open) => {
    const nested = open === '- ' ? open.repeat(50_000) : open.repeat(20_000);
    expect(await refusal(`id: a\nnamespace: acme\nx:\n  ${nested}\n`)).toBe('The source is nested too deeply.');
  });

  test('a source of more than a million characters', async () => {
    expect(await refusal(`id: a\nnamespace: acme\ndescription: ${'x'.repeat(1_000_000)}\n${tasks}`)).toMatch(
      /^The source has \d+ characters; 1000000 are allowed\.$/,
    );
  });

  test('quotes make plain text of what looks like something else', async () => {
    const { structured } = await server.call('create_or_update_flow', { source: `id: "123"\nnamespace: 'off'\n${tasks}` });
    expect(structured).toMatchObject({ done: 'created', namespace: 'off', flow_id: '123' });
  });

  test('anchors and aliases that hide nothing are allowed', async () => {
    const source = `id: anchors\nnamespace: acme\nvariables:\n  one: &one hello\n  two: *one\n${tasks}`;
    expect((await server.call('create_or_update_flow', { source })).structured).toMatchObject({ done: 'created' });
    expect(kestra.state.flow('acme', 'anchors')?.source).toBe(source);
  });
});
