import { describe, expect, test } from 'vitest';
import { ended, execute, saveFlows } from '../harness/kestra.ts';
import { flow, onEveryKestra } from './setting.ts';

onEveryKestra('get_execution_logs', (at) => {
  const log = (id: string, level: string, message: string) =>
    `  - id: ${id}\n    type: io.kestra.plugin.core.log.Log\n    level: ${level}\n    message: ${message}\n`;
  const ran = async (id: string, tasks: string): Promise<string> => {
    await saveFlows(at.kestra, `id: ${id}\nnamespace: talk\ntasks:\n${tasks}`);
    const execution = await execute(at.kestra, 'talk', id);
    await ended(at.kestra, execution);
    return execution;
  };
  const logs = async (args: Record<string, unknown>) => (await at.server.call('get_execution_logs', args)).structured;
  const linesOf = (structured: Record<string, unknown>) =>
    String(structured.logs ?? '')
      .split('\n')
      .map((line) => line.replace(/^\S+ /, ''));

  test('newest first, counted by level', async () => {
    const id = await ran('mixed', log('a', 'INFO', 'one') + log('b', 'WARN', 'two') + log('c', 'ERROR', 'three'));
    const structured = await logs({ execution_id: id });
    expect(structured).toMatchObject({
      execution_id: id,
      flow_id: 'mixed',
      state: 'SUCCESS',
      lines: 3,
      by_level: { INFO: 1, WARN: 1, ERROR: 1 },
    });
    expect(linesOf(structured)).toEqual(['ERROR c three', 'WARN b two', 'INFO a one']);
  });

  test('of one task, from a level on, or with a text', async () => {
    const id = await ran('picked', log('a', 'INFO', 'one') + log('b', 'WARN', 'two') + log('c', 'ERROR', 'three'));
    expect(linesOf(await logs({ execution_id: id, task_id: 'b' }))).toEqual(['WARN b two']);
    expect(linesOf(await logs({ execution_id: id, min_level: 'WARN' }))).toEqual(['ERROR c three', 'WARN b two']);
    expect(linesOf(await logs({ execution_id: id, query: 'THRE' }))).toEqual(['ERROR c three']);
    expect(await logs({ execution_id: id, query: 'nowhere' })).toMatchObject({ lines: 0, note: 'No line fits these conditions.' });
  });

  test('an error that is older than the lines shown is there all the same', async () => {
    const many = Array.from({ length: 30 }, (_, i) => log(`n${i}`, 'INFO', `noise ${i}`)).join('');
    const id = await ran('buried', log('bad', 'ERROR', 'the needle') + many);
    const structured = await logs({ execution_id: id, tail: 5 });
    expect(structured).toMatchObject({
      lines: 31,
      shown: expect.stringContaining('the newest 5'),
      last_errors: expect.stringContaining('ERROR bad the needle'),
    });
    expect(linesOf(structured)).toHaveLength(5);
    expect(structured.logs).not.toContain('needle');
  });

  test('ten thousand lines make a bounded answer', async () => {
    const id = await ran('flood', log('a', 'INFO', 'one'));
    const [line] = at.kestra.state.logs.filter(({ executionId }) => executionId === id);
    if (line) for (let i = 0; i < 10_000; i++) at.kestra.state.logs.push({ ...line, message: `line ${i} ${'x'.repeat(80)}` });
    const { text, structured } = await at.server.call('get_execution_logs', { execution_id: id, tail: 1000 });
    expect(structured).toMatchObject({ lines: 10_001, cut: expect.stringContaining('logs shows the first') });
    expect(text.length).toBeLessThanOrEqual(25_000);
    expect(linesOf(structured)[0]).toContain('line 9999');
  });

  test('a secret in a message is hidden', async () => {
    const id = await ran('leaky', log('a', 'INFO', '"Authorization: Bearer abcdefghijklmnop"'));
    expect(linesOf(await logs({ execution_id: id }))).toEqual(['INFO a Authorization: Bearer (hidden)']);
  });

  test('one that does not exist', async () => {
    expect(await logs({ execution_id: 'nosuch' })).toMatchObject({ error: 'not_found' });
  });
});

describe('a loop of Kestra 2', () => {
  onEveryKestra('its iterations', (at) => {
    test('are followed to the reason, and their logs can be read', async () => {
      if (at.version === '1.3.25') return;
      await saveFlows(
        at.kestra,
        flow(
          'talk',
          'loop',
          'flow.Loop',
          'values: ["a", "b"]\ntasks:\n  - id: inner\n    type: io.kestra.plugin.core.execution.Fail\n    condition: "{{ item.value == \'b\' }}"\n    errorMessage: b is bad',
        ),
      );
      const id = await execute(at.kestra, 'talk', 'loop');
      await ended(at.kestra, id);
      const { structured } = await at.server.call('diagnose_execution', { execution_id: id });
      expect(structured).toMatchObject({
        state: 'FAILED',
        failed_tasks: [{ task_id: 'work' }],
        failed_iterations: 1,
        iterations: [{ iteration: 1, quoted: { value: 'b' }, cause: { quoted: 'b is bad' }, failed_tasks: [{ task_id: 'inner' }] }],
      });
      const [iteration] = structured.iterations as { execution_id: string }[];
      expect((await at.server.call('get_execution_logs', { execution_id: iteration?.execution_id })).structured.logs).toContain('b is bad');
    });
  });
});
