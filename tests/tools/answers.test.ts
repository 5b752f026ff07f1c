import { describe, expect, test } from 'vitest';
import { ended, execute, saveFlows } from '../harness/kestra.ts';
import { startServer } from '../harness/server.ts';
import { flow, hello, onEveryKestra } from './setting.ts';

onEveryKestra('answers', (at) => {
  const outputs = async (flowId: string, values: string): Promise<Record<string, unknown>> => {
    const more = `outputs:\n  - id: all\n    type: STRING\n    value: "{{ outputs.work.values.again }}"\n`;
    await saveFlows(at.kestra, flow('texts', flowId, 'output.OutputValues', values, more));
    const id = await execute(at.kestra, 'texts', flowId);
    await ended(at.kestra, id);
    const { structured, text } = await at.server.call('get_execution', { execution_id: id, task_id: 'work' });
    return { ...structured, text };
  };

  test('are the same as text and as structured content', async () => {
    await saveFlows(at.kestra, hello('texts', 'same'));
    const { text, structured } = await at.server.call('get_flow', { namespace: 'texts', flow_id: 'same' });
    const { source, ...facts } = structured;
    expect(text.split('\n')[0]).toBe(JSON.stringify(facts));
    expect(text).toContain(String(source));
  });

  test('hold no control characters, and nothing that hides or turns text around', async () => {
    const evil =
      'red \\u001b[31mtext\\u001b[0m, a bell\\u0007, \\u202eturned\\u202c, hid\\u200bden, a \\u009b1Acsi, \\U000E0041tag, ok 👩‍💻 ünï';
    await saveFlows(at.kestra, hello('texts', 'evil', `description: "${evil}"\nlabels:\n  "na\\u0008me": "va\\u0007lue"\n`));
    const { text, structured } = await at.server.call('list_flows', { namespace: 'texts', query: 'evil' });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u202a-\u202e\u2066-\u2069]|\u{e0041}/u);
    expect(JSON.stringify(structured)).not.toMatch(/\\u001b|\\u0007/);
    expect(text).toContain('red text, a bell, turned, hidden');
    expect(text).toContain('ok 👩‍💻 ünï');
    expect(text).toContain('"name":"value"');
  });

  test('hide what stands under a name that speaks of a secret, at every depth', async () => {
    const answer = await outputs(
      'secrets',
      'values:\n  user: ada\n  password: p-1\n  nested:\n    api_key: p-2\n    list:\n      - accessToken: p-3\n  Authorization: p-4\n  clientSecret: p-5\n  token_empty: ""\n  again:\n    cookie: p-6\n    said: use Bearer p-789012345 there',
    );
    expect(JSON.stringify(answer)).not.toMatch(/p-\d/);
    expect(JSON.stringify(answer)).toContain('"user":"ada"');
    // What an expression renders is JSON text.
    expect(answer.quoted).toEqual({ outputs: { all: '{"cookie":"(hidden)","said":"use Bearer (hidden) there"}' } });
    expect(answer.task_outputs).toMatchObject([
      {
        quoted: {
          outputs: {
            values: { token_empty: '', password: '(hidden)', nested: { api_key: '(hidden)', list: [{ accessToken: '(hidden)' }] } },
          },
        },
      },
    ]);
  });

  describe('that are too long', () => {
    test('lose the rows of a list that do not fit, and say how to get them', async () => {
      const long = 'x'.repeat(140);
      const many = Array.from({ length: 130 }, (_, i) => hello('long', `flow-${String(i).padStart(3, '0')}`, `description: ${long}\n`));
      await saveFlows(at.kestra, ...many);
      const { text, structured } = await at.server.call('list_flows', { namespace: 'long', size: 200 });
      expect(text.length).toBeLessThanOrEqual(25_000);
      const shown = (structured.flows as unknown[]).length;
      expect(shown).toBeGreaterThan(30);
      expect(structured).toMatchObject({ total: 130, cut: `flows shows ${shown} of 130 rows: ask for a smaller size or another page` });
    });

    test('lose the end of a source, and say so', async () => {
      const source = hello('long', 'source', `description: ${'y'.repeat(40_000)}\n`);
      await saveFlows(at.kestra, source);
      const { text, structured } = await at.server.call('get_flow', { namespace: 'long', flow_id: 'source' });
      expect(text.length).toBeLessThanOrEqual(25_000);
      expect(structured.cut).toMatch(new RegExp(`^source shows the first \\d+ of ${source.length} characters and is not whole$`));
      expect(structured).toMatchObject({ revision: 1, link: expect.any(String) });
    });

    test('lose what is inside of large outputs, and say so', async () => {
      const answer = await outputs(
        'large',
        `values:\n  rows: [${Array.from({ length: 9000 }, (_, i) => i + 10_000).join(', ')}]\n  last: here`,
      );
      expect(String(answer.text).length).toBeLessThanOrEqual(25_000);
      expect(answer.cut).toBe('lists and maps show their first 100');
      const [{ quoted }] = answer.task_outputs as [{ quoted: { outputs: { values: { rows: unknown[]; last: string } } } }];
      expect(quoted.outputs.values.rows).toHaveLength(101);
      expect(quoted.outputs.values.rows.at(-1)).toBe('8900 more');
      expect(quoted.outputs.values.last).toBe('here');
    });

    test('lose the end of long texts in outputs, and say so', async () => {
      const answer = await outputs('wordy', `values:\n  story: ${'once '.repeat(8000)}\n  short: word`);
      expect(String(answer.text).length).toBeLessThanOrEqual(25_000);
      expect(answer.cut).toBe('texts are cut at 500 characters');
      expect(JSON.stringify(answer.task_outputs)).toMatch(/… \(\d+ characters\)/);
      expect(JSON.stringify(answer.task_outputs)).toContain('"short":"word"');
    });

    test('are as long as the administrator says', async () => {
      await saveFlows(at.kestra, hello('long', 'short', `description: ${'z'.repeat(5000)}\n`));
      const server = await startServer({ kestra: at.kestra, env: { KESTRA_MCP_ANSWER_CHARACTERS: '2000' } });
      const { text } = await server.call('get_flow', { namespace: 'long', flow_id: 'short' });
      await server.stop();
      expect(text.length).toBeLessThanOrEqual(2000);
    });
  });

  test('link to the address that KESTRA_UI_URL gives', async () => {
    await saveFlows(at.kestra, hello('texts', 'linked'));
    const server = await startServer({ kestra: at.kestra, env: { KESTRA_UI_URL: 'https://kestra.example.com/ui/' } });
    const { structured } = await server.call('get_flow', { namespace: 'texts', flow_id: 'linked' });
    await server.stop();
    expect(structured.link).toBe('https://kestra.example.com/ui/main/flows/edit/texts/linked');
  });

  test('leave an audit line that names the client, the tool, the place and the outcome, and no arguments', async () => {
    await at.server.call('list_flows', { namespace: 'texts', query: 'not-for-the-log' });
    await expect
      .poll(() => at.server.log.at(-1))
      .toMatchObject({
        audit: 'tools/call',
        user: 'stdio',
        client: 'kestra-mcp-tests',
        tool: 'list_flows',
        namespace: 'texts',
        decision: 'allowed',
        code: 'ok',
        upstream: expect.arrayContaining(['searchFlows 200']),
        ms: expect.any(Number),
      });
    expect(at.server.stderr).not.toContain('not-for-the-log');
  });
});
