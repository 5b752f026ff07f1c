import { at, duration, now } from '../clock.ts';
import { matching, readFilters } from '../filters.ts';
import { isObject, type Json } from '../json.ts';
import { page, sorted } from '../paging.ts';
import { notFound, Refusal } from '../refusal.ts';
import { type Call, empty, json, param, type Route, text, visible } from '../route.ts';
import type { KeyValue } from '../state.ts';

const kv = '/api/v1/{tenant}/namespaces/{namespace}/kv';

/** Moments are known without quotes only, and one at midnight is taken for its day. */
function typeOf(raw: string, value: Json): string {
  if (typeof value === 'number') return 'NUMBER';
  if (typeof value === 'boolean') return 'BOOLEAN';
  if (isObject(value) || Array.isArray(value)) return 'JSON';
  if (typeof value !== 'string') return 'STRING';
  if (raw.trim().startsWith('"')) return duration(value) === undefined ? 'STRING' : 'DURATION';
  if (/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value)) return /T00:00:00(\.0+)?Z$/.test(value) ? 'DATE' : 'DATETIME';
  if (/^\d{4}-\d\d-\d\d$/.test(value)) return 'DATE';
  return duration(value) === undefined ? 'STRING' : 'DURATION';
}

function keyName(call: Call): string {
  return `${param(call, 'namespace')}/${param(call, 'key')}`;
}

async function set(call: Call): Promise<Response> {
  const raw = await text(call, 'text/plain');
  const before = call.world.state.keys.get(keyName(call));
  const ttl = call.request.headers.get('ttl');
  const description = call.request.headers.get('description');
  const lifetime = ttl ? duration(ttl) : undefined;
  const date = now();
  call.world.state.keys.set(keyName(call), {
    namespace: param(call, 'namespace'),
    key: param(call, 'key'),
    value: literal(raw),
    type: typeOf(raw, literal(raw)),
    revision: (before?.revision ?? 0) + 1,
    ...(description ? { description } : {}),
    created: before?.created ?? date,
    updated: date,
    ...(lifetime === undefined ? {} : { expires: at(Date.now() + lifetime) }),
  });
  return empty(200);
}

function literal(raw: string): Json {
  try {
    return JSON.parse(raw) as Json;
  } catch {
    if (/^[\d-]+(T[\d:.]+Z?)?$|^P/.test(raw.trim())) return raw.trim();
    throw new Refusal(422, `Invalid JSON: Unrecognized token '${raw.split(/\W/)[0] ?? ''}'`);
  }
}

function get(call: Call): Response {
  const row = call.world.state.keys.get(keyName(call));
  if (!row) throw notFound(`No value found for key '${param(call, 'key')}' in namespace '${param(call, 'namespace')}'`);
  return json({ type: row.type ?? typeOf('', row.value), value: row.value, revision: row.revision, updated: row.updated });
}

function rowJson(call: Call, row: KeyValue): object {
  return {
    namespace: row.namespace,
    key: row.key,
    [call.line === '1.3' ? 'version' : 'revision']: row.revision,
    ...(row.description ? { description: row.description } : {}),
    creationDate: row.created,
    updateDate: row.updated,
    ...(row.expires ? { expirationDate: row.expires } : {}),
  };
}

function rows(call: Call): KeyValue[] {
  return visible(call, [...call.world.state.keys.values()]).sort((a, b) => (a.key < b.key ? -1 : 1));
}

function listAll(call: Call): Response {
  const found = matching(rows(call), readFilters(call, 'keys'), (row, { field, value }) => {
    if (field === 'namespace') return row.namespace;
    if (field === 'q') return row.key.toLowerCase().includes(value.toLowerCase());
    if (field === 'updated') return row.updated;
    if (field === 'expirationDate') return row.expires;
    return true;
  });
  const { results, total } = page(call, 'listAllKeys', sorted(call, found, { key: (row) => row.key, namespace: (row) => row.namespace }));
  return json({ results: results.map((row) => rowJson(call, row)), total });
}

export const kvRoutes: Route[] = [
  { on: `PUT ${kv}/{key}`, handle: set },
  { on: `GET ${kv}/{key}`, handle: get },
  { on: `DELETE ${kv}/{key}`, handle: (call) => json(call.world.state.keys.delete(keyName(call))) },
  {
    on: `GET ${kv}`,
    line: '1.3',
    handle: (call) =>
      json(
        rows(call)
          .filter((row) => row.namespace === param(call, 'namespace'))
          .map((row) => rowJson(call, row)),
      ),
  },
  { on: 'GET /api/v1/{tenant}/kv', handle: listAll },
];
