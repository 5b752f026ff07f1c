import { duration, newId, now } from '../clock.ts';
import { reply } from '../contract.ts';
import { newExecution } from '../engine.ts';
import { type Filters, matching, readFilters } from '../filters.ts';
import { flowOfExecutionJson, inputJson } from '../flow-json.ts';
import { declaredInputs, readInput, readInputs } from '../inputs.ts';
import { array, isObject, type Json, type JsonObject, objects, string } from '../json.ts';
import { runLabels } from '../labels.ts';
import { current, stateNames } from '../lifecycle.ts';
import { type Page, page, pageOf, sorted } from '../paging.ts';
import { apiExecutionJson, executionJson, lightExecutionJson, oldExecutionJson } from '../present.ts';
import { illegalArgument, illegalState, notFound, Refusal } from '../refusal.ts';
import { body, type Call, empty, flag, json, param, parts, type Route, visible } from '../route.ts';
import type { Execution, Flow } from '../state.ts';

const executions = '/api/v1/{tenant}/executions';

/** The execution that the path names. */
export function executionOf(call: Call): Execution {
  const execution = call.world.state.executions.get(param(call, 'executionId'));
  if (!execution) throw notFound();
  return execution;
}

/** The flow, at its revision, that an execution runs. */
export function flowOf(call: Call, execution: Execution): Flow {
  const { state } = call.world;
  const flow =
    state.flow(execution.namespace, execution.flowId, execution.flowRevision) ?? state.flow(execution.namespace, execution.flowId);
  if (!flow) throw notFound('Requested Flow is not found.');
  return flow;
}

/** Where the files of an execution lie. */
export function folderOf(flow: Flow, executionId: string): string {
  return `${flow.namespace.replaceAll('.', '/')}/${flow.id}/executions/${executionId}`;
}

async function create(call: Call): Promise<Response> {
  const given = await parts(call);
  // A revision or a date that can't be read is ignored: the newest runs, at once.
  const revision = /^\d+$/.exec(call.query.get('revision') ?? '')?.[0];
  const flow = call.world.state.flow(param(call, 'namespace'), param(call, 'id'), revision ? Number(revision) : undefined);
  if (!flow) throw notFound('Requested Flow is not found.');
  if (flow.disabled) throw illegalState('Requested Flow is disabled.');
  const id = newId();
  const labels = runLabels(flow, call.query.getAll('labels'), 'api', id);
  const declared = declaredInputs(flow.definition);
  const inputs = readInputs(declared, given, folderOf(flow, id), call.line);
  for (const [uri, content] of inputs.files) call.world.state.storage.set(uri, content);
  const scheduleDate = call.query.get('scheduleDate');
  const kind = (['TEST', 'PLAYGROUND'] as const).find((one) => one === call.query.get('kind'));
  const breakpoints = call.query.get('breakpoints');
  const date = now();
  const execution: Execution = {
    ...newExecution(flow, [{ state: 'CREATED', date }], () => labels, id),
    ...(declared.length ? { inputs: inputs.values } : {}),
    ...(isObject(flow.definition.variables) ? { variables: flow.definition.variables } : {}),
    ...(scheduleDate && !Number.isNaN(Date.parse(scheduleDate)) ? { scheduleDate } : {}),
    ...(kind ? { kind } : {}),
    ...(breakpoints ? { breakpoints: breakpoints.split(',').map((one) => ({ id: one })) } : {}),
  };
  call.engine.start(execution, flow);
  const settled = (): void => {
    if (call.line === '1.3' && execution.inputs) execution.inputs = stored(declared, inputs.values);
  };
  if (flag(call, 'wait')) {
    await call.world.state.ended(id);
    settled();
  }
  const url = `${call.world.url}/ui/main/executions/${flow.namespace}/${flow.id}/${id}`;
  const answer = reply<'createExecution'>({ ...executionJson(execution, call.line), url });
  settled();
  return answer;
}

/** 1.3 gives dates and durations back as they were sent once, and ever after as they are stored. */
function stored(declared: JsonObject[], inputs: JsonObject): JsonObject {
  const types = new Map(declared.map((input) => [String(input.id), input.type]));
  const store = (id: string, value: Json | undefined): Json | undefined => {
    if (typeof value !== 'string') return value;
    if (types.get(id) === 'DATETIME') return value.replace(/(?:\.(\d+))?Z$/, (_, fraction = '') => `.${fraction.padEnd(6, '0')}Z`);
    return types.get(id) === 'DURATION' ? (duration(value) ?? 0) / 1000 : value;
  };
  return Object.fromEntries(Object.entries(inputs).map(([id, value]) => [id, store(id, value)]));
}

async function validateInputs(call: Call): Promise<Response> {
  const flow = call.world.state.flow(param(call, 'namespace'), param(call, 'id'));
  if (!flow) throw notFound('Requested Flow is not found.');
  return json({
    id: flow.id,
    namespace: flow.namespace,
    inputs: verdicts(declaredInputs(flow.definition), await parts(call), call),
    checks: [],
  });
}

/** What Kestra says about each input. */
export function verdicts(declared: JsonObject[], given: Awaited<ReturnType<typeof parts>>, call: Call): JsonObject[] {
  const known: JsonObject = {};
  return declared.map((input) => {
    const verdict = readInput(input, given, { folder: '', line: call.line }, known, new Map());
    known[String(input.id)] = verdict.value ?? null;
    return {
      input: inputJson(input),
      ...(verdict.value === undefined ? {} : { value: verdict.value }),
      enabled: true,
      isDefault: verdict.isDefault,
      errors: verdict.error === undefined ? [] : [{ message: verdict.error, renderError: false }],
    };
  });
}

/** A page of executions, whole ones on 1.3 and light ones on 2.0. */
function listed(call: Call, { results, total }: Page<Execution>): Response {
  if (call.line === '2.0') return reply<'searchExecutions'>({ results: results.map(lightExecutionJson), total });
  return reply<'searchExecutions'>({ results: results.map(oldExecutionJson), total });
}

/** The executions for which the filters hold; on 1.3 the flat parameters count as well. */
export function searchedExecutions(call: Call): Execution[] {
  const filters = readFilters(call, 'executions');
  checkStates(call, filters);
  const asked = filters.all.some((filter) => filter.field === 'kind');
  const all = visible(call, [...call.world.state.executions.values()]).filter((execution) => asked || execution.kind === undefined);
  const rows = matching(all, filters, (execution, { field, key, value, operator }) => {
    switch (field) {
      case 'namespace':
        return execution.namespace;
      case 'flowId':
        return execution.flowId;
      case 'state':
        return current(execution.life);
      // Both are about the start, unless `dateFilter` says otherwise.
      case 'startDate':
      case 'endDate':
        return execution.life[0]?.date;
      case 'labels':
        if (key === undefined) throw new Refusal(500, `Internal server error: Unsupported operation for query: ${operator}`);
        if (operator === 'CONTAINS') throw new Refusal(500, 'Internal server error: Unsupported operation: CONTAINS');
        // Kestra finds nothing with these two once a key is given.
        if (operator === 'IN' || operator === 'NOT_IN') return operator === 'NOT_IN';
        return execution.labels.flatMap((label) => (label.key === key ? [label.value] : []));
      case 'q':
        return fulltext(execution, value) === (operator === 'EQUALS');
      case 'kind':
        return execution.kind;
      case 'parentId':
        return execution.parentId;
      case 'triggerExecutionId':
        return triggerExecution(execution);
      case 'childFilter':
        return triggerExecution(execution) ? 'CHILD' : 'MAIN';
      case 'scope':
        return execution.namespace === 'system' ? 'SYSTEM' : 'USER';
      default:
        return true;
    }
  });
  return call.line === '1.3' ? rows.filter((execution) => flat(call, execution)) : rows;
}

function triggerExecution(execution: Execution): string | undefined {
  const variables = execution.trigger?.variables;
  return typeof variables === 'object' && variables !== null && !Array.isArray(variables) ? string(variables.executionId) : undefined;
}

function checkStates(call: Call, filters: Filters): void {
  const many = (operator: string, value: string): string[] => (operator.endsWith('IN') ? value.split(',') : [value]);
  for (const filter of [...filters.all, ...filters.any.flat()]) {
    if (filter.field !== 'state') continue;
    const wrong = many(filter.operator, filter.value).find((name) => !stateNames[call.line].some((known) => known === name));
    if (wrong !== undefined) throw illegalArgument(`No enum constant io.kestra.core.models.flows.State.Type.${wrong}`);
  }
}

function fulltext(execution: Execution, q: string): boolean {
  return `${execution.namespace} ${execution.flowId} ${execution.id}`.toLowerCase().includes(q.toLowerCase());
}

function flat(call: Call, execution: Execution): boolean {
  const { query } = call;
  const [namespace, flowId, q] = [query.get('namespace'), query.get('flowId'), query.get('q')];
  const states = query.getAll('state').flatMap((one) => one.split(','));
  return (
    (!namespace || execution.namespace === namespace || execution.namespace.startsWith(`${namespace}.`)) &&
    (!flowId || execution.flowId === flowId) &&
    (!q || fulltext(execution, q)) &&
    (states.length === 0 || states.includes(current(execution.life))) &&
    query.getAll('labels').every((label) => execution.labels.some((own) => `${own.key}:${own.value}` === label))
  );
}

const sortable = {
  id: (execution: Execution) => execution.id,
  namespace: (execution: Execution) => execution.namespace,
  flowId: (execution: Execution) => execution.flowId,
  'state.current': (execution: Execution) => current(execution.life),
  'state.startDate': (execution: Execution) => execution.life[0]?.date,
  'state.endDate': (execution: Execution) => execution.life.at(-1)?.date,
  'state.duration': (execution: Execution) => Date.parse(execution.life.at(-1)?.date ?? '') - Date.parse(execution.life[0]?.date ?? ''),
};

function search(call: Call): Response {
  pageOf(call, 'searchExecutions');
  return listed(call, page(call, 'searchExecutions', sorted(call, searchedExecutions(call), sortable)));
}

function byFlow(call: Call): Response {
  const [namespace, flowId] = [call.query.get('namespace'), call.query.get('flowId')];
  const rows = visible(call, [...call.world.state.executions.values()]).filter(
    (execution) => execution.namespace === namespace && execution.flowId === flowId && execution.kind === undefined,
  );
  return listed(call, page(call, 'searchExecutionsByFlowId', rows));
}

async function latest(call: Call): Promise<Response> {
  const found = objects(await body(call)).flatMap(({ namespace, id, flowId }) => {
    const all = visible(call, [...call.world.state.executions.values()]).filter(
      (execution) => execution.namespace === namespace && execution.flowId === (id ?? flowId) && execution.kind === undefined,
    );
    const last = all.sort((a, b) => (String(a.life[0]?.date) < String(b.life[0]?.date) ? -1 : 1)).at(-1);
    return last && id !== undefined ? [last] : [];
  });
  return json(
    found.map((execution) => ({
      id: execution.id,
      flowId: execution.flowId,
      namespace: execution.namespace,
      startDate: execution.life[0]?.date,
      status: current(execution.life),
    })),
  );
}

async function webhook(call: Call): Promise<Response> {
  const flow = call.world.state.flow(param(call, 'namespace'), param(call, 'id'));
  const hook = objects(flow?.definition.triggers).find(
    (trigger) => String(trigger.type).endsWith('.Webhook') && trigger.key === param(call, 'key'),
  );
  if (!flow || !hook) throw notFound('Webhook not found');
  const raw = await call.request.text();
  const headers = Object.fromEntries(
    [...call.request.headers].filter(([name]) => name !== 'x-pretence-target').map(([name, value]) => [name, [value]]),
  );
  const id = newId();
  const execution: Execution = {
    ...newExecution(flow, [{ state: 'CREATED', date: now() }], () => runLabels(flow, [], 'trigger', id), id),
    trigger: {
      id: String(hook.id),
      type: String(hook.type),
      variables: { body: raw ? JSON.parse(raw) : null, headers, parameters: {} },
    },
  };
  const { deleted: _deleted, originalId: _original, metadata: _metadata, ...rest } = executionJson(execution, call.line);
  call.engine.start(execution, flow);
  return json({ tenantId: 'main', ...rest, url: `${call.world.url}/ui/main/executions/${flow.namespace}/${flow.id}/${id}` });
}

function get(call: Call): Response {
  const execution = executionOf(call);
  return reply<'getExecution'>(call.line === '1.3' ? oldExecutionJson(execution) : apiExecutionJson(execution));
}

function remove(call: Call): Response {
  const execution = executionOf(call);
  call.engine.run(execution.id)?.abandon();
  call.world.state.executions.delete(execution.id);
  if (call.query.get('deleteLogs') !== 'false') {
    const kept = call.world.state.logs.filter((log) => log.executionId !== execution.id);
    call.world.state.logs.splice(0, call.world.state.logs.length, ...kept);
  }
  call.world.state.changed(execution.id);
  return empty(204);
}

async function killMany(call: Call): Promise<Response> {
  const ids = array(await body(call)).map(String);
  const { state } = call.world;
  const missing = ids.filter((id) => !state.executions.has(id));
  const finished = ids.filter((id) => {
    const execution = state.executions.get(id);
    return execution && ['SUCCESS', 'FAILED', 'WARNING', 'KILLED', 'CANCELLED'].includes(current(execution.life));
  });
  if (missing.length || finished.length) {
    const invalid = (message: string) => (id: string) => ({
      message,
      rootBean: id,
      rootBeanClass: 'java.lang.String',
      leafBean: id,
      propertyPath: [{ name: 'execution', kind: 'PROPERTY', inIterable: false }],
      invalidValue: id,
      executableParameters: [],
      messageTemplate: '{messageTemplate}',
    });
    const invalids = [...missing.map(invalid('execution not found')), ...finished.map(invalid('execution already finished'))];
    return json({ message: 'invalid bulk kill', invalids }, 400);
  }
  for (const id of ids) {
    const execution = state.executions.get(id);
    if (execution) call.engine.kill(execution, true);
  }
  return call.line === '1.3' ? json({ count: ids.length }) : json({ operationId: newId(), totalItems: ids.length }, 202);
}

function byQuery(call: Call): Response {
  const keys = [...call.query.keys()];
  const flatKeys = ['namespace', 'flowId', 'q', 'state', 'labels', 'startDate', 'endDate', 'timeRange', 'scope'];
  if (!keys.some((key) => key.startsWith('filters[') || (call.line === '1.3' && flatKeys.includes(key)))) {
    call.offend('a bulk route for executions without filters: it takes every execution');
  }
  throw new Refusal(501, 'bulk operations by query are not pretended');
}

const bulk = ['change-status', 'force-run', 'labels', 'pause', 'replay', 'restart', 'resume', 'unqueue'];

export const executionRoutes: Route[] = [
  { on: `POST ${executions}/{namespace}/{id}`, handle: create },
  { on: `POST ${executions}/trigger/{namespace}/{id}`, line: '1.3', handle: create },
  { on: `POST ${executions}/{namespace}/{id}/validate`, handle: validateInputs },
  { on: `GET ${executions}/search`, handle: search },
  { on: `GET ${executions}`, handle: byFlow },
  { on: `POST ${executions}/latest`, handle: latest },
  {
    on: `GET ${executions}/namespaces`,
    handle: (call) => json([...new Set(visible(call, call.world.state.latestFlows()).map((flow) => flow.namespace))].sort()),
  },
  { on: `POST ${executions}/webhook/{namespace}/{id}/{key}`, handle: webhook },
  { on: `GET ${executions}/{executionId}`, handle: get },
  { on: `DELETE ${executions}/{executionId}`, handle: remove },
  { on: `GET ${executions}/{executionId}/flow`, handle: (call) => json(flowOfExecutionJson(flowOf(call, executionOf(call)), call.line)) },
  { on: `DELETE ${executions}/kill/by-ids`, handle: killMany },
  { on: `DELETE ${executions}/kill/by-query`, handle: byQuery },
  { on: `DELETE ${executions}/by-query`, handle: byQuery },
  ...bulk.map((what): Route => ({ on: `POST ${executions}/${what}/by-query`, handle: byQuery })),
];
