import { afterEach, describe, expect, test } from 'vitest';
import { events } from './compare.ts';
import type { Edition, Version } from './dialect.ts';
import { array, type JsonObject, object, objects } from './json.ts';
import { seed } from './seed.ts';
import { type Kestra, startKestra } from './server.ts';

const running: Kestra[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((kestra) => kestra.close()));
});

async function start(version: Version = '2.0.0-SNAPSHOT', edition: Edition = 'OSS'): Promise<Kestra> {
  const kestra = await startKestra({ version, edition });
  running.push(kestra);
  return kestra;
}

function parsed(text: string): JsonObject {
  try {
    return object(JSON.parse(text));
  } catch {
    return {};
  }
}

const main = '/api/v1/main';
const core = 'io.kestra.plugin.core';

async function ask(
  kestra: Kestra,
  method: string,
  path: string,
  init: RequestInit = {},
): Promise<{ status: number; body: JsonObject; text: string }> {
  const response = await fetch(`${kestra.url}${path}`, { method, ...init, headers: { ...kestra.headers, ...init.headers } });
  const text = await response.text();
  return { status: response.status, text, body: parsed(text) };
}

async function save(kestra: Kestra, source: string): Promise<void> {
  const { status, text } = await ask(kestra, 'POST', `${main}/flows`, { body: source, headers: { 'content-type': 'application/x-yaml' } });
  expect(status, text).toBe(200);
}

function task(id: string, type: string, rest = ''): string {
  return `  - {id: ${id}, type: ${core}.${type}${rest ? `, ${rest}` : ''}}\n`;
}

function flow(id: string, tasks: string): string {
  return `id: ${id}\nnamespace: a.b\ntasks:\n${tasks}`;
}

async function run(kestra: Kestra, id: string, query = '?wait=true'): Promise<JsonObject> {
  const { status, body, text } = await ask(kestra, 'POST', `${main}/executions/a.b/${id}${query}`, { body: new FormData() });
  expect(status, text).toBe(200);
  return body;
}

const stateOf = (execution: JsonObject): unknown => object(execution.state).current;
const tasksOf = (execution: JsonObject): string[] => objects(execution.taskRunList).map((one) => `${one.taskId} ${stateOf(one)}`);

describe('a run', () => {
  test('of log tasks takes a moment', async () => {
    const kestra = await start();
    await save(kestra, flow('quick', task('one', 'log.Log', 'message: x') + task('two', 'log.Log', 'message: y')));
    const begun = Date.now();
    expect(stateOf(await run(kestra, 'quick'))).toBe('SUCCESS');
    expect(Date.now() - begun).toBeLessThan(2000);
  });

  test('chooses, loops and allows failures', async () => {
    const kestra = await start('1.3.25');
    const inner = (name: string): string => `[{id: ${name}, type: ${core}.log.Log, message: x}]`;
    const tasks = `${task('if', 'flow.If', `condition: "{{ 1 == 2 }}", then: ${inner('then')}, else: ${inner('else')}`)}${task(
      'each',
      'flow.ForEach',
      `values: ["x", "y"], tasks: ${inner('round')}`,
    )}${task('fails', 'execution.Fail', 'allowFailure: true')}`;
    await save(kestra, flow('mixed', tasks));
    const execution = await run(kestra, 'mixed');
    expect(stateOf(execution)).toBe('WARNING');
    expect(tasksOf(execution)).toEqual(['if SUCCESS', 'else SUCCESS', 'each SUCCESS', 'round SUCCESS', 'round SUCCESS', 'fails WARNING']);
  });

  test('of a loop on 2.0 has executions that no search finds', async () => {
    const kestra = await start();
    await save(
      kestra,
      flow(
        'loops',
        task('each', 'flow.Loop', `values: ["x", "y"], tasks: [{id: say, type: ${core}.log.Log, message: "{{ item.value }}"}]`),
      ),
    );
    const execution = await run(kestra, 'loops');
    expect(tasksOf(execution)).toEqual(['each SUCCESS']);
    expect((await ask(kestra, 'GET', `${main}/executions/search`)).body.total).toBe(1);
    expect((await ask(kestra, 'GET', `${main}/executions/search?filters[kind][EQUALS]=LOOP`)).body.total).toBe(2);
  });

  test.each<Version>(['1.3.25', '2.0.0-SNAPSHOT'])('that is killed takes its subflows along (%s)', async (version) => {
    const kestra = await start(version);
    await save(kestra, flow('leaf', task('nap', 'flow.Sleep', 'duration: PT1H')));
    await save(kestra, flow('parent', task('child', 'flow.Subflow', 'namespace: a.b, flowId: leaf')));
    const { id } = await run(kestra, 'parent', '');
    await new Promise((resolve) => setTimeout(resolve, 60));
    const kill = version === '1.3.25' ? 'kill' : 'actions/kill';
    const { status } = await ask(kestra, 'DELETE', `${main}/executions/${id}/${kill}`);
    expect(status).toBe(version === '1.3.25' ? 202 : 200);
    await kestra.state.ended(String(id));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([...kestra.state.executions.values()].map((one) => one.life.at(-1)?.state)).toEqual(['KILLED', 'KILLED']);
  });

  test('with a date without a zone starts at once, as in Kestra', async () => {
    const kestra = await start();
    await save(kestra, flow('later', task('one', 'log.Log', 'message: x')));
    const { id } = await run(kestra, 'later', '?scheduleDate=2999-01-01T00:00:00');
    await kestra.state.ended(String(id));
    const { body } = await ask(kestra, 'GET', `${main}/executions/${id}`);
    expect(stateOf(body)).toBe('SUCCESS');
    expect(stateOf(await run(kestra, 'later', '?scheduleDate=2999-01-01T00:00:00Z'))).toBe('CREATED');
  });
});

describe('what a client must never do', () => {
  test('is noted', async () => {
    const kestra = await start();
    const yaml = { 'content-type': 'application/x-yaml' };
    expect((await ask(kestra, 'PUT', `${main}/flows/a.b/none`, { body: flow('none', ''), headers: yaml })).status).toBe(404);
    await ask(kestra, 'POST', `${main}/executions/restart/by-query`);
    await ask(kestra, 'POST', `${main}/flows/disable/by-query?namespace=a.b`);
    expect((await ask(kestra, 'GET', `${main}/dashboards`)).status).toBe(501);
    expect(kestra.offences.map(({ target }) => target.slice(main.length))).toEqual([
      '/flows/a.b/none',
      '/executions/restart/by-query',
      '/flows/disable/by-query?namespace=a.b',
      '/dashboards',
    ]);
  });
});

describe('following', () => {
  test('ends with the execution', async () => {
    const kestra = await start();
    await save(kestra, flow('quick', task('one', 'log.Log', 'message: x')));
    const { id } = await run(kestra, 'quick', '');
    const { text } = await ask(kestra, 'GET', `${main}/executions/${id}/follow`);
    expect(events(text).map((event) => event.id)).toEqual(expect.arrayContaining(['start', 'progress', 'end']));
    expect(kestra.openFollows).toBe(0);
  });

  test('an execution that is not there begins and hangs, until the client goes away', async () => {
    const kestra = await start();
    const controller = new AbortController();
    const response = await fetch(`${kestra.url}${main}/executions/none/follow`, { headers: kestra.headers, signal: controller.signal });
    const reader = response.body?.getReader();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toContain('id: start');
    expect(kestra.openFollows).toBe(1);
    controller.abort();
    await expect.poll(() => kestra.openFollows).toBe(0);
  });
});

describe('faults', () => {
  test('drop the connection before or after the work is done', async () => {
    const kestra = await start();
    await save(kestra, flow('quick', task('one', 'log.Log', 'message: x')));
    const post = (): Promise<unknown> => ask(kestra, 'POST', `${main}/executions/a.b/quick`, { body: new FormData() });
    kestra.faults.add({ kind: 'dropBefore' }, { path: '/executions/' });
    await expect(post()).rejects.toThrow('fetch failed');
    expect(kestra.state.executions.size).toBe(0);
    const fault = kestra.faults.add({ kind: 'dropAfter' }, { method: 'POST', path: /\/executions\/a\.b\// });
    await expect(post()).rejects.toThrow('fetch failed');
    expect(kestra.state.executions.size).toBe(1);
    expect(fault.hits).toBe(1);
    expect(kestra.requests.filter((request) => request.status === undefined)).toHaveLength(2);
  });

  test('spoil answers', async () => {
    const kestra = await start();
    const search = (): ReturnType<typeof ask> => ask(kestra, 'GET', `${main}/flows/search`, { redirect: 'manual' });
    kestra.faults.add({ kind: 'html' });
    expect((await search()).text).toContain('<form');
    kestra.faults.add({ kind: 'redirect' });
    expect((await search()).status).toBe(302);
    kestra.faults.add({ kind: 'status', status: 429, retryAfter: 2 }, { skip: 1 });
    expect((await search()).status).toBe(200);
    expect((await search()).status).toBe(429);
    kestra.faults.add({ kind: 'truncated' });
    expect((await search()).text).toBe('{"results":[');
    kestra.faults.add({ kind: 'cut' });
    await expect(search()).rejects.toThrow();
    kestra.faults.add({ kind: 'empty' });
    expect(await search()).toMatchObject({ status: 200, text: '' });
  });
});

describe('versions and editions', () => {
  test('an upgrade changes the dialect and keeps the rest', async () => {
    const kestra = await start('1.3.25');
    await save(kestra, flow('quick', task('one', 'log.Log', 'message: x')));
    expect((await ask(kestra, 'GET', `${main}/flows/search?namespace=none`)).body.total).toBe(0);
    kestra.upgrade('2.0.0-SNAPSHOT');
    expect((await ask(kestra, 'GET', '/api/v1/configs')).body.version).toBe('2.0.0-SNAPSHOT');
    expect((await ask(kestra, 'GET', `${main}/flows/search?namespace=none`)).body.total).toBe(1);
  });

  test('EE knows its users by token', async () => {
    const kestra = await start('2.0.0-SNAPSHOT', 'EE');
    const { body } = await ask(kestra, 'GET', '/api/v1/me', { headers: { authorization: 'Bearer ada-token' } });
    expect(object(body.profile).firstName).toBe('Ada');
    const basic = `Basic ${Buffer.from('ada@acme.example:Ada-12345').toString('base64')}`;
    expect((await ask(kestra, 'GET', '/api/v1/me', { headers: { authorization: basic } })).status).toBe(401);
    expect((await ask(kestra, 'GET', '/api/v1/configs', { headers: { authorization: '' } })).status).toBe(401);
    expect((await ask(kestra, 'GET', `${main}/nothing-here`)).status).toBe(403);
    const old = await start('1.3.25', 'EE');
    expect((await ask(old, 'GET', '/api/v1/me', { headers: { authorization: basic } })).status).toBe(200);
  });

  test('EE lets a user see only what is theirs', async () => {
    const kestra = await startKestra({
      version: '2.0.0-SNAPSHOT',
      edition: 'EE',
      users: [{ username: 'ops', token: 'ops-token', namespaces: ['acme.ops'], readOnly: true }],
    });
    running.push(kestra);
    seed(kestra);
    expect((await ask(kestra, 'GET', `${main}/flows/acme.ops/cleanup_tmp`)).status).toBe(200);
    expect((await ask(kestra, 'GET', `${main}/flows/acme.data/each_country`)).status).toBe(403);
    expect((await ask(kestra, 'POST', `${main}/executions/acme.ops/cleanup_tmp`)).status).toBe(403);
    const { body } = await ask(kestra, 'GET', `${main}/flows/search?size=100`);
    expect(new Set(objects(body.results).map((one) => one.namespace))).toEqual(new Set(['acme.ops']));
  });

  test.each<Version>(['1.3.25', '2.0.0-SNAPSHOT'])('EE has apps, OSS has not (%s)', async (version) => {
    const kestra = await start(version, 'EE');
    seed(kestra);
    const q = version === '1.3.25' ? 'q=report' : 'filters[q][EQUALS]=report';
    const { body } = await ask(kestra, 'GET', `${main}/apps/catalog?page=1&size=10&${q}`);
    expect(body.total).toBe(1);
    const uid = objects(body.results)[0]?.uid;
    expect((await ask(kestra, 'GET', `${main}/apps/${uid}`)).body.name).toBe('Sales report');
    const oss = await start(version);
    expect((await ask(oss, 'GET', `${main}/apps/catalog`)).status).toBe(404);
    expect(oss.strays).toHaveLength(1);
  });
});

test.each<Version>(['1.3.25', '2.0.0-SNAPSHOT'])('the seeds are a company with a past (%s)', async (version) => {
  const kestra = await start(version);
  seed(kestra);
  const { body } = await ask(kestra, 'GET', `${main}/executions/search?size=100&sort=state.startDate:desc`);
  expect(body.total).toBe(11);
  const failed = objects(body.results).find((one) => stateOf(one) === 'FAILED');
  const logs = JSON.parse((await ask(kestra, 'GET', `${main}/logs/${failed?.id}`)).text) as unknown;
  expect(array(logs).map((log) => object(log).level)).toEqual(['INFO', 'ERROR', 'TRACE', 'ERROR']);
  const early = '2020-01-01T00:00:00Z';
  const all = await ask(kestra, 'GET', `${main}/executions/search?filters[startDate][GREATER_THAN_OR_EQUAL_TO]=${early}`);
  expect(all.body.total).toBe(12);
  expect(kestra.offences).toEqual([]);
});
