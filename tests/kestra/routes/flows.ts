import { now } from '../clock.ts';
import { reply } from '../contract.ts';
import { matching, readFilters } from '../filters.ts';
import { flowJson, labelsOf } from '../flow-json.ts';
import { type JsonObject, objects } from '../json.ts';
import { page, sorted, wholeNumber } from '../paging.ts';
import { notFound, Refusal } from '../refusal.ts';
import { body, type Call, empty, flag, json, param, type Route, text, visible } from '../route.ts';
import { saveFlow } from '../save-flow.ts';
import type { Flow } from '../state.ts';
import { syncTriggers } from '../triggers-of.ts';
import { checkFlow, nameOf } from '../validate.ts';
import { warnings } from '../violations.ts';
import { splitDocuments } from '../yaml-documents.ts';

const flows = '/api/v1/{tenant}/flows';

/** The types of body that a flow source may come in. */
function source(call: Call): Promise<string> {
  const allowed = call.line === '1.3' ? ['application/x-yaml', 'application/json'] : ['application/x-yaml'];
  return text(call, ...allowed);
}

function entity(message: string): Refusal {
  return new Refusal(422, `Invalid entity: flow.id: ${message}`, [{ path: 'flow.id', message }]);
}

/** Checks a source and gives its definition, or refuses in Kestra's words. */
function accept(call: Call, given: string): JsonObject {
  const verdict = checkFlow(given, { line: call.line, plugins: call.world.plugins });
  if ('refusal' in verdict) throw verdict.refusal;
  return verdict.flow;
}

function save(call: Call, definition: JsonObject, given: string): Flow {
  return saveFlow(call.world, definition, given);
}

async function create(call: Call): Promise<Response> {
  const given = await source(call);
  if (given === '') throw new Refusal(422, 'Invalid route params: Required Body [flow] not specified');
  const definition = accept(call, given);
  if (call.world.state.flow(String(definition.namespace), String(definition.id))) throw entity('Flow id already exists');
  return reply<'createFlow'>(flowJson(save(call, definition, given), { source: true, fresh: true }));
}

async function update(call: Call): Promise<Response> {
  const [namespace, id] = [param(call, 'namespace'), param(call, 'id')];
  const before = call.world.state.flow(namespace, id);
  const given = await source(call);
  if (!before) {
    call.offend(`PUT of the flow ${namespace}/${id}, which does not exist: this can kill a real Kestra`);
    throw notFound();
  }
  const definition = accept(call, given);
  if (definition.id !== id) throw entity('Illegal flow id update');
  if (definition.namespace !== namespace) {
    throw new Refusal(422, 'Invalid entity: flow.namespace: Illegal namespace update', [
      { path: 'flow.namespace', message: 'Illegal namespace update' },
    ]);
  }
  if (given.trim() === before.source.trim()) return reply<'updateFlow'>(flowJson(before, { source: true }));
  return reply<'updateFlow'>(flowJson(save(call, definition, given), { source: true, fresh: true }));
}

function get(call: Call): Response {
  const revision = wholeNumber(call, 'revision');
  const flow = call.world.state.flow(param(call, 'namespace'), param(call, 'id'), revision);
  if (!flow) {
    const gone = call.world.state.flows.get(`${param(call, 'namespace')}/${param(call, 'id')}`)?.at(-1);
    if (gone && flag(call, 'allowDeleted')) return reply<'getFlow'>(flowJson(gone, { source: flag(call, 'source') }));
    throw notFound();
  }
  return reply<'getFlow'>(flowJson(flow, { source: flag(call, 'source') }));
}

function revisions(call: Call): Response {
  const rows = (call.world.state.flows.get(`${param(call, 'namespace')}/${param(call, 'id')}`) ?? []).filter((flow) => !flow.deleted);
  return json(rows.map((flow) => flowJson(flow, { source: true })));
}

function remove(call: Call): Response {
  const flow = call.world.state.flow(param(call, 'namespace'), param(call, 'id'));
  if (!flow) throw notFound();
  const gone = { ...flow, revision: flow.revision + 1, deleted: true, updated: now() };
  call.world.state.saveFlow(gone);
  syncTriggers(call.world, gone);
  return empty(204);
}

async function setDisabled(call: Call, disabled: boolean): Promise<Response> {
  let count = 0;
  for (const one of objects(await body(call))) {
    const flow = call.world.state.flow(String(one.namespace), String(one.id));
    if (!flow) continue;
    if (flow.disabled !== disabled) {
      const marked = `${flow.source.replace(/^disabled:.*\n?/m, '').trimEnd()}\n${disabled ? 'disabled: true\n' : ''}`;
      save(call, { ...flow.definition, disabled }, marked);
    }
    count++;
  }
  return json({ count });
}

async function validate(call: Call): Promise<Response> {
  const { state } = call.world;
  const verdicts = splitDocuments(await source(call)).map((document, index) => {
    const verdict = checkFlow(document, { line: call.line, plugins: call.world.plugins });
    const { flow } = verdict;
    const constraints = 'constraints' in verdict && verdict.constraints ? { constraints: verdict.constraints } : {};
    if (!flow) return { index, ...constraints, outdated: false };
    const latest = state.flow(String(flow.namespace), String(flow.id))?.revision ?? 0;
    const { revision } = flow;
    return {
      index,
      ...nameOf(flow),
      ...constraints,
      outdated: typeof revision === 'number' && revision !== latest,
      deprecationPaths: [],
      warnings: warnings(flow, (namespace, id) => state.flow(namespace, id) !== undefined),
      infos: [],
    };
  });
  return reply<'validateFlows'>(verdicts);
}

/** Flows for which the filters hold; on 1.3 the flat parameters count as well. */
export function searchedFlows(call: Call): Flow[] {
  const rows = matching(
    visible(call, call.world.state.latestFlows()),
    readFilters(call, 'flows'),
    (flow, { field, key, value, operator }) => {
      if (field === 'namespace') return flow.namespace;
      if (field === 'flowId') return flow.id;
      if (field === 'labels') return labelsOf(flow.definition.labels).flatMap((label) => (label.key === key ? [label.value] : []));
      if (field === 'q') return fulltext(flow, value) === (operator === 'EQUALS');
      if (field === 'scope') return flow.namespace === 'system' ? 'SYSTEM' : 'USER';
      return true;
    },
  );
  if (call.line === '2.0') return rows;
  const [q, namespace] = [call.query.get('q'), call.query.get('namespace')];
  const labels = call.query.getAll('labels');
  return rows.filter(
    (flow) =>
      (!q || fulltext(flow, q)) &&
      (!namespace || flow.namespace === namespace || flow.namespace.startsWith(`${namespace}.`)) &&
      labels.every((label) => labelsOf(flow.definition.labels).some((own) => `${own.key}:${own.value}` === label)),
  );
}

function fulltext(flow: Flow, q: string): boolean {
  const text = `${flow.namespace}.${flow.id}`.toLowerCase();
  return q
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

function search(call: Call): Response {
  const rows = sorted(call, searchedFlows(call), {
    id: (flow) => flow.id,
    namespace: (flow) => flow.namespace,
    revision: (flow) => flow.revision,
    updated: (flow) => flow.updated,
  });
  const { results, total } = page(call, 'searchFlows', rows);
  return reply<'searchFlows'>({ results: results.map((flow) => flowJson(flow)), total });
}

function searchSource(call: Call): Response {
  const [q, namespace] = [call.query.get('q') ?? '', call.query.get('namespace')];
  const rows = visible(call, call.world.state.latestFlows())
    .filter((flow) => !namespace || flow.namespace === namespace || flow.namespace.startsWith(`${namespace}.`))
    .filter((flow) => flow.source.toLowerCase().includes(q.toLowerCase()));
  const { results, total } = page(call, 'searchFlowsBySourceCode', rows);
  return json({ results: results.map((flow) => ({ model: flowJson(flow), fragments: fragments(flow.source, q) })), total });
}

/** The lines around each hit, which is marked. */
function fragments(given: string, q: string): string[] {
  const lines = given.split('\n');
  return lines.flatMap((line, index) => {
    const at = line.toLowerCase().indexOf(q.toLowerCase());
    if (at < 0 || q === '') return [];
    const marked = `${line.slice(0, at)}[mark]${line.slice(at, at + q.length)}[/mark]${line.slice(at + q.length)}`;
    return [[lines[index - 1], marked, lines[index + 1], lines[index + 2]].filter((one) => one !== undefined).join('\n')];
  });
}

function byQuery(call: Call): Response {
  const given = [...call.query.keys()].some((key) => key.startsWith('filters['));
  const flat = call.line === '1.3' && [...call.query.keys()].some((key) => ['namespace', 'q', 'labels', 'scope'].includes(key));
  if (!given && !flat) call.offend('a bulk route for flows without filters: it takes every flow');
  throw new Refusal(501, 'bulk operations by query are not pretended');
}

export const flowRoutes: Route[] = [
  { on: `POST ${flows}`, handle: create },
  { on: `PUT ${flows}/{namespace}/{id}`, handle: update },
  { on: `GET ${flows}/{namespace}/{id}`, handle: get },
  { on: `DELETE ${flows}/{namespace}/{id}`, handle: remove },
  { on: `GET ${flows}/{namespace}/{id}/revisions`, handle: revisions },
  { on: `POST ${flows}/validate`, handle: validate },
  { on: `GET ${flows}/search`, handle: search },
  { on: `GET ${flows}/source`, handle: searchSource },
  {
    on: `GET ${flows}/{namespace}`,
    handle: (call) =>
      json(
        call.world.state
          .latestFlows()
          .filter((flow) => flow.namespace === param(call, 'namespace'))
          .map((flow) => flowJson(flow)),
      ),
  },
  {
    on: `GET ${flows}/distinct-namespaces`,
    handle: (call) => json([...new Set(visible(call, call.world.state.latestFlows()).map((flow) => flow.namespace))].sort()),
  },
  { on: `POST ${flows}/disable/by-ids`, handle: (call) => setDisabled(call, true) },
  { on: `POST ${flows}/enable/by-ids`, handle: (call) => setDisabled(call, false) },
  ...['POST disable', 'POST enable', 'DELETE delete', 'GET export'].map((one): Route => {
    const [method, what] = one.split(' ');
    return { on: `${method} ${flows}/${what}/by-query`, handle: byQuery };
  }),
];
