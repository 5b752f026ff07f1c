import { reply } from '../contract.ts';
import { matching, readFilters } from '../filters.ts';
import { page, sorted } from '../paging.ts';
import { logJson } from '../present.ts';
import { type Call, json, param, type Route, visible } from '../route.ts';
import { type Log, rank } from '../state.ts';

const logs = '/api/v1/{tenant}/logs';

/** A log's values for a filter; a level is compared by rank, and EQUALS means "at least" on 1.3. */
function filtered(call: Call, rows: Log[]): Log[] {
  return matching(rows, readFilters(call, 'logs'), (log, { field, value, operator }) => {
    switch (field) {
      case 'namespace':
        return log.namespace;
      case 'flowId':
        return log.flowId;
      case 'executionId':
        return log.executionId;
      case 'taskId':
        return log.taskId;
      case 'taskRunId':
        return log.taskRunId;
      case 'attemptNumber':
        return String(log.attemptNumber);
      case 'startDate':
      case 'endDate':
        return log.timestamp;
      case 'level': {
        const difference = rank(log.level) - rank(value);
        if (operator === 'LESS_THAN_OR_EQUAL_TO') return difference <= 0;
        return operator === 'NOT_EQUALS' ? difference < 0 : difference >= 0;
      }
      case 'q':
        return log.message.toLowerCase().includes(value.toLowerCase());
      default:
        return true;
    }
  });
}

function flat(call: Call, rows: Log[]): Log[] {
  const { query } = call;
  const [namespace, flowId, q, taskId, taskRunId, minLevel, attempt] = [
    'namespace',
    'flowId',
    'q',
    'taskId',
    'taskRunId',
    'minLevel',
    'attempt',
  ].map((name) => query.get(name));
  return rows.filter(
    (log) =>
      (!namespace || log.namespace === namespace || log.namespace.startsWith(`${namespace}.`)) &&
      (!flowId || log.flowId === flowId) &&
      (!taskId || log.taskId === taskId) &&
      (!taskRunId || log.taskRunId === taskRunId) &&
      (!attempt || String(log.attemptNumber) === attempt) &&
      (!minLevel || rank(log.level) >= rank(minLevel)) &&
      (!q || log.message.toLowerCase().includes(q.toLowerCase())),
  );
}

function ofExecution(call: Call): Log[] {
  const { state } = call.world;
  const execution = state.executions.get(param(call, 'executionId'));
  const rows = state.logs.filter((log) => log.executionId === param(call, 'executionId'));
  if (call.line === '1.3') return flat(call, rows);
  const hidden = execution?.kind === 'LOOP' && ![...call.query.keys()].some((key) => key.startsWith('filters[kind]'));
  return hidden ? [] : filtered(call, rows);
}

function searchable(call: Call): Log[] {
  const { state } = call.world;
  const loops = new Set([...state.executions.values()].filter((one) => one.kind === 'LOOP').map((one) => one.id));
  return visible(
    call,
    state.logs.filter((log) => !loops.has(log.executionId)),
  );
}

function search(call: Call): Response {
  const found = filtered(call, searchable(call));
  const rows = call.line === '1.3' ? flat(call, found) : found;
  const { results, total } = page(
    call,
    'searchLogs',
    sorted(call, rows, { timestamp: (log) => log.timestamp, level: (log) => rank(log.level) }),
  );
  return json({ results: results.map((log) => logJson(log)), total });
}

function download(call: Call): Response {
  const text = ofExecution(call)
    .map((log) => `${log.timestamp} ${log.level} ${log.message}`)
    .join('\n');
  return new Response(text, { headers: { 'content-type': 'text/plain' } });
}

export const logRoutes: Route[] = [
  { on: `GET ${logs}/search`, handle: search },
  { on: `GET ${logs}/{executionId}`, handle: (call) => reply<'listLogsFromExecution'>(ofExecution(call).map((log) => logJson(log))) },
  { on: `GET ${logs}/{executionId}/download`, handle: download },
];
