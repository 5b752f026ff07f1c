import { expect, test } from 'vitest';
import { onEveryKestra } from './setting.ts';

onEveryKestra('what is installed', (at) => {
  test('search_plugins finds types by words, the nearest first', async () => {
    const { structured } = await at.server.call('search_plugins', { query: 'schedule cron' });
    expect(structured).toMatchObject({
      types: [{ type: 'io.kestra.plugin.core.trigger.Schedule', kind: 'trigger', quoted: { about: expect.stringMatching(/cron/i) } }, {}],
    });
    const found = await at.server.call('search_plugins', { query: 'log message', size: 2 });
    expect(found.structured).toMatchObject({ page: 1, size: 2, types: [{ type: 'io.kestra.plugin.core.log.Log', kind: 'task' }, {}] });
  });

  test('says when nothing fits', async () => {
    const { structured } = await at.server.call('search_plugins', { query: 'frobnicate' });
    expect(structured).toMatchObject({
      total: 0,
      types: [],
      note: expect.stringMatching(/^None of the \d+ types that are installed fits these words\.$/),
    });
  });

  test('get_plugin_schema gives the properties, required ones first, and an example', async () => {
    const { structured, text } = await at.server.call('get_plugin_schema', { type: 'io.kestra.plugin.core.log.Log' });
    expect(structured).toMatchObject({
      type: 'io.kestra.plugin.core.log.Log',
      quoted: { required: { message: { type: expect.any(String) } }, optional: { level: expect.anything() } },
      example: expect.stringContaining('type: io.kestra.plugin.core.log.Log'),
    });
    expect(text.indexOf('"required"')).toBeLessThan(text.indexOf('"optional"'));
    expect(text).not.toContain('<svg');
    expect(text.length).toBeLessThan(8000);
  });

  test('of a type that is not installed it names the nearest', async () => {
    const { structured, isError } = await at.server.call('get_plugin_schema', { type: 'io.kestra.core.tasks.flows.Pause' });
    expect(isError).toBe(true);
    expect(structured).toMatchObject({
      error: 'not_found',
      message: expect.stringMatching(/is not installed here\. The nearest are: .*io\.kestra\.plugin\.core\.flow\.Pause/),
    });
  });
});
