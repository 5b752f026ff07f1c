import { expect, test } from 'vitest';
import { during, saveFlows } from '../harness/kestra.ts';
import { startServer } from '../harness/server.ts';
import { hello, onEveryKestra } from './setting.ts';

onEveryKestra('describe_inputs', (at) => {
  const describe = async (flow_id: string) => (await at.server.call('describe_inputs', { namespace: 'desc', flow_id })).structured;

  test('types, choices, bounds, defaults and what is required', async () => {
    const inputs = `inputs:
  - id: name
    type: STRING
    description: whom to greet
  - id: count
    type: INT
    min: 1
    max: 9
    defaults: 3
  - id: size
    type: SELECT
    values: [small, large]
    required: false
  - id: tags
    type: MULTISELECT
    values: [a, b]
    defaults: [a]
  - id: list
    type: ARRAY
    itemType: INT
    required: false
  - id: at
    type: DATETIME
    required: false
  - id: settings
    type: JSON
    defaults: '{"deep": true}'
  - id: key
    type: SECRET
    defaults: hunter2
  - id: data
    type: FILE
`;
    await saveFlows(at.kestra, hello('desc', 'typed', inputs));
    const { quoted, text } = { ...(await describe('typed')), text: '' } as { quoted?: { schema: unknown }; text: string };
    expect(text).not.toContain('hunter2');
    expect(quoted?.schema).toEqual({
      type: 'object',
      properties: {
        name: { type: 'string', description: 'whom to greet' },
        count: { type: 'integer', minimum: 1, maximum: 9, default: 3 },
        size: { type: 'string', enum: ['small', 'large'] },
        tags: { type: 'array', items: { type: 'string', enum: ['a', 'b'] }, default: ['a'] },
        list: { type: 'array', items: { type: 'integer' } },
        at: { type: 'string', format: 'date-time' },
        settings: { description: 'any JSON', default: { deep: true } },
        key: { type: 'string', writeOnly: true, default: '(hidden)' },
        data: {
          type: 'object',
          properties: { name: { type: 'string' }, text: { type: 'string' }, base64: { type: 'string' } },
          required: ['name'],
          description: 'or the kestra:// address of a file that Kestra has',
        },
      },
      required: ['name', 'data'],
      additionalProperties: false,
    });
  });

  test('a flow without inputs, and one that is not there', async () => {
    await saveFlows(at.kestra, hello('desc', 'bare'));
    expect(await describe('bare')).toMatchObject({ flow_id: 'bare', revision: 1, inputs: 'none: execute_flow needs nothing else' });
    expect(await describe('nosuch')).toMatchObject({
      error: 'not_found',
      message: expect.stringContaining('There is no flow nosuch in desc.'),
    });
  });

  test('an input that depends on another is not required, and says when it is asked for', async () => {
    const inputs = `inputs:
  - id: kind
    type: STRING
  - id: more
    type: STRING
    dependsOn:
      inputs: [kind]
      condition: "{{ inputs.kind == 'b' }}"
`;
    await saveFlows(at.kestra, hello('desc', 'depends', inputs));
    expect(await describe('depends')).toMatchObject({
      quoted: { schema: { required: ['kind'], properties: { more: { description: "asked for only if {{ inputs.kind == 'b' }}" } } } },
    });
  });

  test('a default that is an expression is rendered, for those who may execute', async () => {
    await saveFlows(at.kestra, hello('desc', 'rendered', 'inputs:\n  - id: where\n    type: STRING\n    defaults: "{{ 1 + 1 }}"\n'));
    const { result, asked } = await during(at.kestra, () => describe('rendered'));
    expect(asked).toContain('POST main/executions/desc/rendered/validate');
    expect(result.note).toMatch(/^Rendered by Kestra just now: where\./);
    const viewer = await startServer({ kestra: at.kestra, env: { KESTRA_MCP_ROLE: 'kestra-viewer' } });
    const seen = await during(at.kestra, () => viewer.call('describe_inputs', { namespace: 'desc', flow_id: 'rendered' }));
    await viewer.stop();
    expect(seen.asked).toEqual(['GET main/flows/desc/rendered']);
    expect(seen.result.structured).toMatchObject({
      quoted: { schema: { properties: { where: { default: '{{ 1 + 1 }}' } } } },
      note: expect.stringMatching(/^Shown as expressions: where\./),
    });
  });
});
