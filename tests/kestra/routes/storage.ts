import { matching, readFilters } from '../filters.ts';
import { page, wholeNumber } from '../paging.ts';
import { illegalArgument, notFound } from '../refusal.ts';
import { type Call, empty, json, param, type Route } from '../route.ts';
import { executionOf } from './executions.ts';

const executions = '/api/v1/{tenant}/executions/{executionId}';
const namespaces = '/api/v1/{tenant}/namespaces/{namespace}';
const logs = '/api/v1/{tenant}/logs';
const blueprints = '/api/v1/{tenant}/blueprints/community/{kind}';

/** A file of storage, which must be one of the execution's. */
function stored(call: Call): Buffer {
  const execution = call.world.state.executions.get(param(call, 'executionId'));
  if (!execution) throw notFound(`Unable to find execution id '${param(call, 'executionId')}'`);
  const path = call.query.get('path') ?? '';
  const folder = `kestra:///${execution.namespace.replaceAll('.', '/')}/${execution.flowId}/executions/${execution.id}/`;
  if (!path.startsWith(folder)) throw illegalArgument('Invalid prefix path');
  const content = call.world.state.storage.get(path);
  if (!content) throw notFound();
  return Buffer.from(content);
}

function preview(call: Call): Response {
  const lines = stored(call)
    .toString('utf8')
    .split(/(?<=\n)/);
  const most = wholeNumber(call, 'maxRows') ?? 100;
  const extension = /\.(\w+)$/.exec(call.query.get('path') ?? '')?.[1] ?? '';
  return json({
    extension,
    type: 'TEXT',
    content: lines.slice(0, most).join(''),
    ...(call.line === '1.3' ? { maxLine: most } : {}),
    truncated: lines.length > most,
  });
}

function stats(call: Call): Response {
  const path = call.query.get('path') ?? '';
  const file = call.world.state.files.get(`${param(call, 'namespace')}:${path.startsWith('/') ? path : `/${path}`}`);
  if (!file) throw notFound(`File '${path}' was not found in namespace '${param(call, 'namespace')}'.`);
  return json({
    type: file.content ? 'File' : 'Directory',
    size: file.content?.length ?? 0,
    fileName: path.slice(path.lastIndexOf('/') + 1),
    lastModifiedTime: file.modified,
    creationTime: file.created,
    metadata: {},
  });
}

function deleteLogs(call: Call): Response {
  const id = param(call, 'executionId');
  const taskId = call.query.get('taskId');
  const { logs: all } = call.world.state;
  all.splice(0, all.length, ...all.filter((log) => log.executionId !== id || (taskId !== null && log.taskId !== taskId)));
  return empty(200);
}

/** The community's, as far as anybody needs them here. */
const known = [
  {
    id: 's3-to-postgres',
    title: 'Load files from S3 into PostgreSQL',
    description: 'Copies and loads.',
    tags: ['AWS'],
    includedTasks: ['io.kestra.plugin.aws.s3.Download'],
  },
  { id: 'hello', title: 'Say hello', description: 'A first flow.', tags: [], includedTasks: ['io.kestra.plugin.core.log.Log'] },
];

function searchBlueprints(call: Call): Response {
  const has = (text: string, q: string): boolean => text.toLowerCase().includes(q.toLowerCase());
  const rows =
    call.line === '1.3'
      ? known.filter(({ title }) => has(title, call.query.get('q') ?? ''))
      : matching(known, readFilters(call, 'other'), ({ title }, { field, value }) => field !== 'q' || has(title, value));
  return json(page(call, 'searchBlueprints', rows));
}

function blueprint(call: Call): (typeof known)[number] {
  const found = known.find(({ id }) => id === param(call, 'id'));
  if (!found) throw notFound();
  return found;
}

/** The open-source edition takes secrets from its environment; of Enterprise each namespace has its own, and those of the ones above. */
function holders(call: Call): string[] {
  const names = param(call, 'namespace').split('.');
  const above = names.map((_, index) => names.slice(0, names.length - index).join('.'));
  return call.edition === 'OSS' ? above.slice(0, 1) : above;
}

const source = 'id: copied\nnamespace: company.team\ntasks:\n  - id: say\n    type: io.kestra.plugin.core.log.Log\n    message: hello\n';

export const storageRoutes: Route[] = [
  { on: `GET ${executions}/file/metas`, handle: (call) => json({ size: stored(call).length }) },
  { on: `GET ${executions}/file/preview`, handle: preview },
  {
    on: `GET ${executions}/file`,
    handle: (call) => new Response(new Uint8Array(stored(call)), { headers: { 'content-type': 'application/octet-stream' } }),
  },
  { on: `GET ${namespaces}/files/stats`, handle: stats },
  {
    on: `GET ${namespaces}/inherited-secrets`,
    handle: (call) => json(Object.fromEntries(holders(call).map((name) => [name, call.world.state.secrets.map(({ key }) => key)]))),
  },
  { on: `DELETE ${logs}/{executionId}`, handle: deleteLogs },
  {
    on: 'GET /api/v1/{tenant}/metrics/{executionId}',
    handle: (call) =>
      json(
        page(
          call,
          'searchByExecution',
          call.world.state.metrics.filter((one) => one.executionId === executionOf(call).id),
        ),
      ),
  },
  {
    on: 'GET /api/v1/{tenant}/metrics/names/{namespace}/{flowId}',
    handle: (call) => json([...new Set(ofFlow(call).map(({ name }) => name))]),
  },
  {
    on: 'GET /api/v1/{tenant}/metrics/aggregates/{namespace}/{flowId}/{metric}',
    handle: (call) => {
      const values = ofFlow(call).filter(({ name }) => name === param(call, 'metric'));
      const sum = values.reduce((total, { value }) => total + value, 0);
      const day = 86_400_000;
      const dates = Array.from({ length: 31 }, (_, index) => new Date(Date.now() - (30 - index) * day).toISOString());
      return json({ groupBy: 'day', aggregations: dates.map((date, index) => ({ date, value: index === 30 ? sum : 0 })) });
    },
  },
  {
    on: 'GET /api/v1/{tenant}/concurrency-limit/search',
    handle: (call) => json({ results: call.world.state.limits, total: call.world.state.limits.length }),
  },
  { on: `GET ${blueprints}`, handle: searchBlueprints },
  { on: `GET ${blueprints}/{id}`, handle: (call) => json({ ...blueprint(call), kind: 'FLOW', source }) },
];

function ofFlow(call: Call) {
  return call.world.state.metrics.filter((one) => one.namespace === param(call, 'namespace') && one.flowId === param(call, 'flowId'));
}
