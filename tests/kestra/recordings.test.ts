import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { differences, events, type Ids, translate } from './compare.ts';
import type { Version } from './dialect.ts';
import { array, isObject, object } from './json.ts';
import { current } from './lifecycle.ts';
import { anyOrder, anyTotal, anyValue, inFlight, skipped } from './recordings-notes.ts';
import { type Kestra, startKestra } from './server.ts';

interface Exchange {
  note: string;
  absent?: boolean;
  request: {
    method: string;
    path: string;
    query?: Record<string, string | number | boolean | string[]>;
    headers: Record<string, string>;
    body?: unknown;
  };
  response: { status: number; headers: Record<string, string>; body: unknown };
}

const scenarios = ['session', 'flows', 'executions', 'triggers', 'namespaces', 'outputs', 'extras', 'plugins'];
const versions: Version[] = ['1.3.25', '2.0.0-SNAPSHOT'];

function load(version: Version, scenario: string): Exchange[] {
  const file = new URL(`recordings/${version}/${scenario}.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { exchanges: Exchange[] }).exchanges;
}

describe.each(versions)('the recordings of %s', (version) => {
  let kestra: Kestra;
  const ids: Ids = new Map();

  beforeAll(async () => {
    kestra = await startKestra({ version, plugins: [] });
  });
  afterAll(async () => {
    await kestra.close();
  });

  describe.each(scenarios)('%s', (scenario) => {
    const exchanges = load(version, scenario).filter((exchange) => !exchange.absent);
    test.each(exchanges.map((exchange, index) => ({ title: `${index}: ${exchange.note}`, exchange })))('$title', async ({ exchange }) => {
      const name = `${version} ${scenario}: ${exchange.note}`;
      if (skipped[name]) return;
      const { method } = exchange.request;
      if (method !== 'GET') await settled(kestra);
      const deadline = Date.now() + 3000;
      for (;;) {
        const found = await play(kestra, exchange, ids, name);
        if (found.length === 0) return;
        if (method !== 'GET' || Date.now() > deadline) {
          expect(found, name).toEqual([]);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    });
  });

  test('the recordings hold nothing that is dangerous but the PUT of a missing flow', () => {
    expect(kestra.offences.map((offence) => offence.target)).toEqual(['/api/v1/main/flows/acme.rec/nope']);
    expect(kestra.openFollows).toBe(0);
  });
});

/** Waits until only sleepers, pauses and scheduled runs are under way. */
async function settled(kestra: Kestra): Promise<void> {
  const still = (): boolean =>
    [...kestra.state.executions.values()].every((execution) => {
      const state = current(execution.life);
      if (state === 'CREATED') return execution.scheduleDate !== undefined;
      if (state === 'RUNNING')
        return execution.flowId === 'sleeper' && execution.taskRuns?.some((run) => current(run.life) === 'RUNNING') === true;
      return state !== 'RESTARTED' && state !== 'KILLING';
    });
  for (let turn = 0; turn < 200 && !still(); turn++) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function play(kestra: Kestra, exchange: Exchange, ids: Ids, name: string): Promise<string[]> {
  const { response: recorded } = exchange;
  const response = await send(kestra, exchange, ids);
  const streams = recorded.headers['content-type'] === 'text/event-stream';
  const text = streams ? await readStream(response, String(recorded.body)) : await response.text();
  const type = response.headers.get('content-type')?.split(';')[0];
  const found: string[] = [];
  if (response.status !== recorded.status) found.push(`status ${response.status} instead of ${recorded.status}: ${text.slice(0, 300)}`);
  if (type !== recorded.headers['content-type']) found.push(`content type ${type} instead of ${recorded.headers['content-type']}`);
  const challenge = recorded.headers['www-authenticate'];
  if (challenge && response.headers.get('www-authenticate') !== challenge) found.push('no challenge');
  if (found.length) return found;
  return [
    ...found,
    ...(streams ? differentStreams(String(recorded.body), text, ids, name) : differentBodies(recorded.body, text, ids, name)),
  ];
}

function differentBodies(recorded: unknown, text: string, ids: Ids, name: string): string[] {
  if (recorded === null) return text === '' ? [] : [`a body where there is none: ${text.slice(0, 100)}`];
  const present = typeof recorded === 'string' ? text : (JSON.parse(text) as unknown);
  const learnt: Ids = new Map(ids);
  const found = differences(relaxed(recorded, name), relaxed(present, name), learnt);
  if (found.length === 0) for (const [id, here] of learnt) ids.set(id, here);
  return found;
}

/** Leaves out what depended on the moment at which the recording was made. */
function relaxed(body: unknown, name: string): unknown {
  const vague = [...(inFlight[name] ? ['taskRunList', 'state', 'attempts'] : []), ...(anyValue[name] ?? [])];
  const plain = vague.length
    ? (JSON.parse(JSON.stringify(body, (key, value: unknown) => (vague.includes(key) ? typeof value : value))) as unknown)
    : body;
  if (!(anyOrder[name] || anyTotal[name]) || !isObject(plain)) return plain;
  const rows = array(plain.results).map((row) => Object.keys(object(row)).sort());
  return { ...plain, results: rows, ...(anyTotal[name] ? { total: typeof plain.total } : {}) };
}

function differentStreams(recorded: string, present: string, ids: Ids, name: string): string[] {
  const [then, here] = [events(recorded), events(present)];
  const [first, last] = [differences(then[0], here[0], ids, 'first'), differences(then.at(-1), here.at(-1), ids, 'last')];
  if (inFlight[name]) return [...first, ...(then.at(-1)?.id === here.at(-1)?.id ? [] : ['another last event'])];
  const kinds = (list: typeof then): string[] => [...new Set(list.map((event) => `${event.id} ${Object.keys(object(event.data)).sort()}`))];
  const strange = kinds(here).filter((kind) => !kinds(then).includes(kind) && !kinds(then).includes(kind.replace('taskRunList,', '')));
  return [...first, ...last, ...strange.map((kind) => `an event of another form: ${kind}`)];
}

async function readStream(response: Response, recorded: string): Promise<string> {
  const reader = response.body?.getReader();
  const ends = events(recorded).at(-1)?.id === 'end';
  const wanted = events(recorded).length;
  const decoder = new TextDecoder();
  const timer = setTimeout(() => void reader?.cancel(), 2000);
  let text = '';
  for (;;) {
    const next = await reader?.read();
    if (!next || next.done) break;
    text += decoder.decode(next.value, { stream: true });
    if (!ends && recorded.includes('"thread"') && events(text).length >= wanted) break;
    if (!ends && !recorded.includes('"thread"') && events(text).length >= 2) break;
  }
  clearTimeout(timer);
  await reader?.cancel();
  return text;
}

async function send(kestra: Kestra, { note, request }: Exchange, ids: Ids): Promise<Response> {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(request.query ?? {})) {
    for (const one of Array.isArray(value) ? value : [value])
      query.append(key, key === 'scheduleDate' ? tomorrow() : translate(String(one), ids));
  }
  const path = translate(request.path, ids);
  const url = `${kestra.url}${path}${query.size ? `?${query}` : ''}`;
  const headers: Record<string, string> = { ...request.headers };
  if (headers.authorization) headers.authorization = kestra.headers.authorization;
  if (note === 'wrong password') headers.authorization = `Basic ${Buffer.from('kestra@example.com:wrong').toString('base64')}`;
  if (note === 'bearer token on an OSS server') headers.authorization = 'Bearer abc';
  const body = bodyOf(request.body, ids);
  return await fetch(url, { method: request.method, headers, ...(body === undefined ? {} : { body }) });
}

function tomorrow(): string {
  return new Date(Date.now() + 86_400_000).toISOString();
}

function bodyOf(body: unknown, ids: Ids): FormData | string | undefined {
  if (body === undefined || body === null) return undefined;
  if (typeof body === 'string') return translate(body, ids);
  const parts = isObject(body) ? body.multipart : undefined;
  if (!isObject(parts)) return translate(JSON.stringify(body), ids);
  const form = new FormData();
  for (const [name, value] of Object.entries(parts)) form.append(name, isObject(value) ? new Blob(["print('hi')\n"]) : String(value));
  return form;
}
