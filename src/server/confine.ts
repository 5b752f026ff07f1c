import { type Reach, within } from '../access/grant.ts';
import { PublicError } from '../errors.ts';
import type { Call, Invoke, OperationId, Reply } from '../kestra/operation.ts';
import type { Target, Tool } from '../tools/tool.ts';
import { insist } from './layers/authorize.ts';

type Row = Readonly<Record<string, unknown>>;

/** The lists that Kestra can filter by namespace, and where a row says its own. */
const filtered: Readonly<Partial<Record<OperationId, (row: Row) => unknown>>> = {
  searchFlows: (row) => row.namespace,
  searchExecutions: (row) => row.namespace,
  searchTriggers: (row) => (row.state as Row | undefined)?.namespace,
  searchLogs: (row) => row.namespace,
  listAllKeys: (row) => row.namespace,
};

/** Short lists that not every Kestra can filter by namespace: fetched whole, limited, and paged here. */
const whole: Readonly<Partial<Record<OperationId, (row: Row) => unknown>>> = {
  searchNamespaces: (row) => row.id,
  searchConcurrencyLimits: (row) => row.namespace,
};
const wholePage = 1000;

/** Lists that Kestra limits to one namespace and those below it, and no other way. */
const single: Readonly<Partial<Record<OperationId, (row: Row) => unknown>>> = {
  searchFlowsBySourceCode: (row) => (row.model as Row | undefined)?.namespace,
};

/** What is the same for everybody: it belongs to no namespace. */
const shared: ReadonlySet<OperationId> = new Set(['listPlugins', 'getPluginDocumentation']);

/** Operations that concern one thing whose namespace was authorized, by the target or by a hop, things that a narrowed list gave, or nobody's. */
const pinned: ReadonlySet<OperationId> = new Set([
  'getFlow',
  'createFlow',
  'updateFlow',
  'validateFlows',
  'createExecution',
  'getExecution',
  'followExecution',
  'killExecution',
  'listLogsFromExecution',
  'replayExecution',
  'replayExecutionWithinputs',
  'restartExecution',
  'resumeExecution',
  'resumeExecutionFromBreakpoint',
  'validateNewExecutionInputs',
  'getTaskOutputsInformation',
  'getTaskRunOutputs',
  'listFlowRevisions',
  'getFlowDependencies',
  'generateFlowGraph',
  'generateFlowGraphFromSource',
  'enableFlowsByIds',
  'disableFlowsByIds',
  'deleteFlow',
  'deleteFlowsByIds',
  'pauseExecution',
  'setLabelsOnTerminatedExecution',
  'updateExecutionStatus',
  'updateTaskRunState',
  'forceRunExecution',
  'unqueueExecution',
  'deleteExecution',
  'evalExpression',
  'evalTaskRunExpression',
  'getFileMetadatasFromExecution',
  'previewFileFromExecution',
  'downloadFileFromExecution',
  'getLatestExecutions',
  'searchByExecution',
  'listFlowMetrics',
  'aggregateMetricsFromFlow',
  'killExecutionsByIds',
  'pauseExecutionsByIds',
  'resumeExecutionsByIds',
  'restartExecutionsByIds',
  'replayExecutionsByIds',
  'deleteExecutionsByIds',
  'updateExecutionsStatusByIds',
  'forceRunByIds',
  'unqueueExecutionsByIds',
  'disableTriggerById',
  'createBackfill',
  'pauseBackfill',
  'unpauseBackfill',
  'deleteBackfill',
  'unlockTrigger',
  'restartTrigger',
  'deleteTrigger',
  'disabledTriggersByIds',
  'listNamespaceDirectoryFiles',
  'searchNamespaceFiles',
  'getFileContent',
  'getFileMetadatas',
  'createNamespaceFile',
  'moveFileDirectory',
  'deleteFileDirectory',
  'getKeyValue',
  'setKeyValue',
  'deleteKeyValue',
  'getNamespace',
  'createNamespace',
  'updateNamespace',
  'getFlowDependenciesFromNamespace',
  'getInheritedSecrets',
  'deleteLogsFromExecution',
  'getTestSuite',
  'createTestSuite',
  'updateTestSuite',
  'deleteTestSuite',
  'runTestSuite',
  'validateTestSuite',
  'searchTestSuites',
  'searchTestSuitesResults',
  'searchBlueprints',
  'getBlueprint',
  'getBlueprintSource',
]);

/**
 * Kestra as a caller may use it whose grants name namespaces: lists are narrowed by a filter that Kestra applies, never by dropping rows
 * afterwards; a target that is known by an execution id is looked up first; whatever can't be narrowed is refused.
 */
export const confine = async (invoke: Invoke, where: Reach, tool: Tool, target: Target): Promise<Invoke> => {
  if (where === 'everywhere' || tool.effect === 'session') return invoke;
  if (target.executionId !== undefined)
    insist(where, (await invoke('getExecution', { path: { executionId: target.executionId } })).namespace);
  const filter = `^(${where.map((namespace) => namespace.replaceAll('.', '\\.')).join('|')})(\\..*)?$`;
  return async (id, call) => {
    if (pinned.has(id) || shared.has(id)) return invoke(id, call);
    const rowOf = single[id];
    if (rowOf) return held(await invoke(id, inOne(call, where)), where, rowOf, id);
    const nameOf = tool.narrow === 'rows' ? whole[id] : undefined;
    if (nameOf) return limited(invoke, id, call, (row) => inside(where, nameOf(row)));
    const namespaceOf = tool.narrow === 'regex' ? filtered[id] : undefined;
    if (!namespaceOf)
      throw new PublicError('forbidden', `This lists things of every namespace; your roles are for ${where.join(', ')} and below.`);
    return held(await invoke(id, narrowed(call, filter)), where, namespaceOf, id);
  };
};

/** The reply, if every row of it is within the reach. @throws PublicError `internal` */
const held = <R>(reply: R, where: readonly string[], namespaceOf: (row: Row) => unknown, id: OperationId): R => {
  for (const row of (reply as { results: readonly Row[] }).results) {
    const namespace = namespaceOf(row);
    if (!inside(where, namespace)) {
      throw new PublicError('internal', 'Kestra listed something outside of your namespaces, so nothing of it is shown.', {
        id,
        namespace,
      });
    }
  }
  return reply;
};

/** The call for one namespace of the caller's. */
const inOne = <C>(call: C, where: readonly string[]): C => {
  const { query = {}, ...rest } = call as { query?: { namespace?: string } };
  const namespace = query.namespace ?? (where.length === 1 ? where[0] : undefined);
  if (namespace === undefined) throw new PublicError('forbidden', `Name a namespace: your roles are for ${where.join(', ')} and below.`);
  insist(where, namespace);
  return { ...rest, query: { ...query, namespace } } as C;
};

const inside = (where: readonly string[], namespace: unknown): boolean => typeof namespace === 'string' && within(where, namespace);

interface Page {
  readonly total: number;
  readonly results: readonly Row[];
}

const limited: <Id extends OperationId>(invoke: Invoke, id: Id, call: Call<Id>, shown: (row: Row) => boolean) => Promise<Reply<Id>> =
  async (invoke, id, call, shown) => {
    const { query } = call as { query?: { page?: number; size?: number } };
    const rows: Row[] = [];
    for (let page = 1; ; page++) {
      const { total, results } = (await invoke(id, { ...call, query: { ...query, page, size: wholePage } })) as Page;
      rows.push(...results);
      if (results.length === 0 || rows.length >= total) break;
    }
    const mine = rows.filter(shown);
    const { page = 1, size = mine.length } = query ?? {};
    return { total: mine.length, results: mine.slice((page - 1) * size, page * size) } as never;
  };

const narrowed = <C>(call: C, filter: string): C => {
  const { query = {}, ...rest } = call as { query?: { filters?: { namespace?: object } } };
  return { ...rest, query: { ...query, filters: { ...query.filters, namespace: { ...query.filters?.namespace, REGEX: filter } } } } as C;
};
