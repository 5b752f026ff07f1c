import { reply, type Schema } from '../contract.ts';
import { matching, readFilters } from '../filters.ts';
import { array, string } from '../json.ts';
import { page, sorted } from '../paging.ts';
import { bodyObject, type Call, json, param, type Route, visible } from '../route.ts';
import type { State } from '../state.ts';

const namespaces = '/api/v1/{tenant}/namespaces';

/** All namespaces: those of flows and those made on their own, with every level above them. */
export function namespacesOf(state: State): string[] {
  const all = new Set<string>(['system']);
  for (const name of [...state.latestFlows().map((flow) => flow.namespace), ...state.namespaces.keys()]) {
    const parts = name.split('.');
    for (let length = 1; length <= parts.length; length++) all.add(parts.slice(0, length).join('.'));
  }
  return [...all].sort();
}

function search(call: Call): Response {
  let rows = visible(
    call,
    namespacesOf(call.world.state).map((namespace) => ({ namespace })),
  ).map((row) => row.namespace);
  if (call.line === '1.3') {
    const q = call.query.get('q');
    rows = rows.filter((name) => !q || name.toLowerCase().includes(q.toLowerCase()));
  } else {
    rows = matching(rows, readFilters(call, 'other'), (name, { field, value }) => {
      if (field === 'namespace') return name;
      if (field === 'q') return name.toLowerCase().includes(value.toLowerCase());
      return true;
    });
  }
  const { results, total } = page(call, 'searchNamespaces', sorted(call, rows, { id: (name) => name }));
  return reply<'searchNamespaces'>({ results: results.map((id) => namespaceJson(call, id)), total });
}

function namespaceJson(call: Call, id: string): Schema<'NamespaceOrNamespaceLight'> {
  const own = call.world.state.namespaces.get(id);
  if (call.edition === 'OSS' || !own) return { id };
  const { description, variables } = own;
  return {
    id,
    deleted: false,
    ...(description ? { description } : {}),
    ...(variables ? { variables: variables as Record<string, object> } : {}),
  };
}

async function autocomplete(call: Call): Promise<Response> {
  const given = await bodyObject(call);
  const q = (string(given.q) ?? '').toLowerCase();
  const ids = array(given.ids);
  const found = namespacesOf(call.world.state).filter((name) => name.toLowerCase().includes(q) || ids.includes(name));
  return json(found);
}

function secrets(call: Call): Response {
  const results = call.world.state.secrets.map(({ key }) => ({ key }));
  return json({ readOnly: true, results, total: results.length });
}

export const namespaceRoutes: Route[] = [
  { on: `GET ${namespaces}/search`, handle: search },
  { on: `POST ${namespaces}/autocomplete`, handle: autocomplete },
  { on: `GET ${namespaces}/{id}`, handle: (call) => json(namespaceJson(call, param(call, 'id'))) },
  { on: `GET ${namespaces}/{namespace}/secrets`, line: '1.3', handle: secrets },
  { on: 'GET /api/v1/{tenant}/secrets', handle: secrets },
];
