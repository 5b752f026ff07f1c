import { readFileSync } from 'node:fs';
import type { Version } from '../dialect.ts';
import { array, type JsonObject, object } from '../json.ts';
import { notFound } from '../refusal.ts';
import { type Call, json, param, type Route } from '../route.ts';

/** Answers about plugins are the recorded ones, by path. */
const recorded = new Map<Version, Map<string, JsonObject>>();

function answers(version: Version): Map<string, JsonObject> {
  const known = recorded.get(version);
  if (known) return known;
  const found = new Map<string, JsonObject>();
  for (const scenario of ['plugins', 'extras']) {
    const file = new URL(`../recordings/${version}/${scenario}.json`, import.meta.url);
    for (const exchange of array(object(JSON.parse(readFileSync(file, 'utf8'))).exchanges).map(object)) {
      const [request, response] = [object(exchange.request), object(exchange.response)];
      if (String(request.path).startsWith('/api/v1/plugins') && response.status === 200) found.set(String(request.path), response);
    }
  }
  recorded.set(version, found);
  return found;
}

function answer(call: Call): Response {
  const path = call.target.split('?')[0] ?? '';
  const response = answers(call.world.version).get(decodeURIComponent(path));
  if (!response) throw notFound(`Class '${param(call, 'cls')}' doesn't exists `);
  return json(response.body);
}

export const pluginRoutes: Route[] = [
  { on: 'GET /api/v1/plugins', handle: answer },
  { on: 'GET /api/v1/plugins/{cls}', handle: answer },
  { on: 'GET /api/v1/plugins/inputs', handle: answer },
];
