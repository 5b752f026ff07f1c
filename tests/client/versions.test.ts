import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lineOf } from '../../src/kestra/instance.ts';
import { execute, reached, saveFlows } from '../harness/kestra.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { connect, failure } from './connect.ts';
import { json, listen, page } from './server.ts';

const flow = (namespace: string, id: string) =>
  `id: ${id}\nnamespace: ${namespace}\ntasks:\n  - id: hold\n    type: io.kestra.plugin.core.flow.Pause\n`;

describe('the version of the server', () => {
  test.each([
    ['1.3.25', '1.3'],
    ['1.4.2', '1.3'],
    ['1.30.0', '1.3'],
    ['2.0.0-SNAPSHOT', '2.0'],
    ['2.7.1', '2.0'],
    ['3.1', '2.0'],
    ['10.0.0', '2.0'],
    ['1.0.5', '1.3'],
    ['0.24', '1.3'],
    ['v2.0.1', '2.0'],
    ['develop', '2.0'],
  ])('%s is spoken to as %s', (version, line) => {
    expect(lineOf(version)).toBe(line);
  });

  test.each(['3.1', '1.0.5', '0.24', '1.30.0', '2.10.0'])('%s was not tested, which the log says once', async (version) => {
    const server = await listen((request, response) => json(response, request.url === '/api/v1/configs' ? { version } : page));
    const { kestra, invoke, logged } = connect(server.url);
    await invoke('searchFlows', { query: { page: 1, size: 1 } });
    await invoke('searchFlows', { query: { page: 1, size: 1 } });
    expect(logged.filter(({ level }) => level === 'warn')).toEqual([
      expect.objectContaining({ version, msg: expect.stringContaining('not one that was tested') }),
    ]);
    await kestra.close();
    await server.close();
  });

  test.each(['1.3.25', '2.0.0-SNAPSHOT', '2.0.4'])('%s raises no warning', async (version) => {
    const server = await listen((_, response) => json(response, { version }));
    const { kestra, logged } = connect(server.url);
    await kestra.instance();
    expect(logged.map(({ level }) => level)).toEqual(['info']);
    await kestra.close();
    await server.close();
  });
});

describe('a server of 1.x that becomes 2.0 while it is used', () => {
  let server: Kestra;
  beforeEach(async () => {
    server = await startKestra({ version: '1.3.25' });
  });
  afterEach(() => server.close());

  test('a write within the seconds in which the version is not asked again fails clearly, and the next one takes the new route', async () => {
    await saveFlows(server, flow('upgrade.write', 'hold'));
    const executionId = await execute(server, 'upgrade.write', 'hold');
    await reached(server, executionId, 'PAUSED');
    const { kestra, invoke } = connect(server.url);
    await invoke('getExecution', { path: { executionId } });
    server.upgrade('2.0.0-SNAPSHOT');
    const old = await failure(invoke('killExecution', { path: { executionId } }));
    expect(old.message).toContain('Its version may have changed a moment ago: try once more.');
    const before = server.requests.length;
    await invoke('killExecution', { path: { executionId } });
    expect(server.requests.slice(before).map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /api/v1/configs',
      `DELETE /api/v1/main/executions/${executionId}/actions/kill`,
    ]);
    await kestra.close();
  });

  test('its lists are never unfiltered, though the version is not asked again', async () => {
    await saveFlows(server, flow('upgrade.one', 'hold'), flow('upgrade.two', 'hold'));
    const executionId = await execute(server, 'upgrade.one', 'hold');
    await reached(server, executionId, 'PAUSED');
    const { kestra, invoke } = connect(server.url);
    const names = async () =>
      (await invoke('searchNamespaces', { query: { page: 1, size: 10, filters: { q: { EQUALS: 'upgrade.one' } } } })).results.map(
        ({ id }) => id,
      );
    const severe = () =>
      invoke('listLogsFromExecution', { path: { executionId }, query: { filters: { level: { GREATER_THAN_OR_EQUAL_TO: 'ERROR' } } } });
    expect(await names()).toEqual(['upgrade.one']);
    expect(await severe()).toEqual([]);
    server.upgrade('2.0.0-SNAPSHOT');
    expect(await names()).toEqual(['upgrade.one']);
    expect(await severe()).toEqual([]);
    await kestra.close();
  });

  test('a list whose shape the old contract does not explain is refused, not shown as empty, and the next is right', async () => {
    await saveFlows(
      server,
      `${flow('upgrade.triggers', 'hold')}triggers:\n  - id: nightly\n    type: io.kestra.plugin.core.trigger.Schedule\n    cron: "0 3 * * *"\n`,
    );
    const { kestra, invoke } = connect(server.url);
    const triggers = () =>
      invoke('searchTriggers', { query: { page: 1, size: 10, filters: { namespace: { EQUALS: 'upgrade.triggers' } } } });
    expect((await triggers()).results.map(({ state }) => state.triggerId)).toEqual(['nightly']);
    server.upgrade('2.0.0-SNAPSHOT');
    expect((await failure(triggers())).message).toContain('Its version may have changed a moment ago: try once more.');
    expect((await triggers()).results.map(({ state }) => state.triggerId)).toEqual(['nightly']);
    await kestra.close();
  });
});

describe('when the version is asked again', () => {
  const settings = async (behave: (target: string, nth: number) => number | 'drop') => {
    let configurations = 0;
    let asked = 0;
    const server = await listen((request, response) => {
      if (request.url === '/api/v1/configs') {
        configurations++;
        return json(response, { version: '2.0.0' });
      }
      const what = behave(request.url ?? '', ++asked);
      if (what === 'drop') request.socket.destroy();
      else json(response, page, what);
    });
    return { server, asked: () => configurations };
  };
  const list = { query: { page: 1, size: 1 } };

  test('not while nothing speaks against it', async () => {
    const { server, asked } = await settings(() => 200);
    const { kestra, invoke } = connect(server.url);
    for (let i = 0; i < 3; i++) await invoke('searchFlows', list);
    await invoke('createFlow', { body: 'id: a' });
    expect(asked()).toBe(1);
    await kestra.close();
    await server.close();
  });

  test.each([404, 405])('after %i', async (status) => {
    const { server, asked } = await settings((_, nth) => (nth === 1 ? status : 200));
    const { kestra, invoke } = connect(server.url);
    await failure(invoke('searchFlows', list));
    await invoke('searchFlows', list);
    expect(asked()).toBe(2);
    await kestra.close();
    await server.close();
  });

  test('after a connection that broke', async () => {
    const { server, asked } = await settings((_, nth) => (nth === 1 ? 'drop' : 200));
    const { kestra, invoke } = connect(server.url);
    await failure(invoke('createFlow', { body: 'id: a' }));
    await invoke('searchFlows', list);
    expect(asked()).toBe(2);
    await kestra.close();
    await server.close();
  });

  test('after a connection that the server closed while nothing was asked: it may have been replaced', async () => {
    const { server, asked } = await settings(() => 200);
    const { kestra, invoke } = connect(server.url);
    await invoke('searchFlows', list);
    const port = Number(new URL(server.url).port);
    await server.close();
    const after = await listen(
      (request, response) => json(response, request.url === '/api/v1/configs' ? { version: '1.3.25' } : page),
      port,
    );
    expect(asked()).toBe(1);
    await invoke('searchFlows', list);
    expect((await kestra.instance()).version).toBe('1.3.25');
    await kestra.close();
    await after.close();
  });
});
