import { expect, test } from 'vitest';
import { during, expectInnocent, writes } from '../harness/kestra.ts';
import { onEveryKestra } from './setting.ts';

onEveryKestra('validate_flow', (at) => {
  const validate = async (source: string) => {
    const { result, requests } = await during(at.kestra, () => at.server.call('validate_flow', { source }));
    expect(writes(requests)).toEqual([]);
    return result;
  };

  test('a flow that Kestra accepts', async () => {
    const { structured, isError } = await validate(
      'id: fine\nnamespace: val\ntasks:\n  - id: a\n    type: io.kestra.plugin.core.log.Log\n    message: hi\n',
    );
    expect(isError).toBe(false);
    expect(structured).toEqual({ valid: true, namespace: 'val', flow_id: 'fine', next: 'create_or_update_flow saves it' });
    expect(at.kestra.state.flow('val', 'fine')).toBeUndefined();
  });

  test('a type that is not installed, with its line and where to look', async () => {
    const { structured } = await validate(
      'id: bad\nnamespace: val\n# words\ntasks:\n  - id: a\n    type: io.kestra.plugin.core.log.Nope\n',
    );
    expect(structured).toMatchObject({
      valid: false,
      quoted: { problems: [{ problem: 'Invalid type: io.kestra.plugin.core.log.Nope', lines: [6] }] },
      next: expect.stringContaining('search_plugins'),
    });
  });

  test('what only the other line of Kestra has, with what to write here', async () => {
    const gone = at.kestra.version.startsWith('1.') ? 'Loop' : 'ForEach';
    const { structured } = await validate(
      `id: bad\nnamespace: val\ntasks:\n  - id: a\n    type: io.kestra.plugin.core.flow.${gone}\n    values: [1]\n    tasks: []\n`,
    );
    expect(structured).toMatchObject({
      valid: false,
      quoted: { problems: [{ problem: expect.stringContaining(gone), lines: [5] }] },
      next: expect.stringContaining(gone === 'Loop' ? 'flow.ForEach instead' : 'flow.Loop instead'),
    });
  });

  test('a property that the type does not have', async () => {
    const { structured } = await validate(
      'id: bad\nnamespace: val\ntasks:\n  - id: a\n    type: io.kestra.plugin.core.log.Log\n    message: hi\n    foo: 1\n',
    );
    expect(structured).toMatchObject({
      valid: false,
      quoted: { problems: [{ problem: expect.stringContaining('Unrecognized field "foo"'), lines: [7] }] },
      next: expect.stringContaining('get_plugin_schema'),
    });
  });

  test('what Kestra finds once it could read the flow: each with its line', async () => {
    const { structured } = await validate(
      'id: bad\nnamespace: val\ntasks:\n  - id: a\n    type: io.kestra.plugin.core.log.Log\n  - id: a\n    type: io.kestra.plugin.core.log.Log\n    message: hi\n',
    );
    const { problems } = structured.quoted as { problems: { problem: string; lines?: number[] }[] };
    expect(problems).toContainEqual({ problem: expect.stringContaining('Duplicate task id with name [a]'), lines: [4, 6] });
    expect(problems).toContainEqual({ problem: expect.stringContaining('message: must not be null'), lines: [4] });
  });

  test('what is not YAML is refused with the line, without asking Kestra', async () => {
    const { result, asked } = await during(at.kestra, () => at.server.call('validate_flow', { source: 'id: x\nnamespace: val\ntasks: [' }));
    expect(result.isError).toBe(true);
    expect(result.structured.message).toMatch(/not valid YAML[\s\S]*line 3/);
    expect(asked).toEqual([]);
    await expectInnocent(at.kestra);
  });
});
