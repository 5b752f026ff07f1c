import type { OldSchema, Schema } from './contract.ts';
import type { Line } from './dialect.ts';
import type { JsonObject } from './json.ts';
import { stateJson } from './lifecycle.ts';
import type { Execution, Log, TaskRun } from './state.ts';

/** An execution as 1.3 always gives it, and 2.0 in answers to actions and when followed. */
export function executionJson(execution: Execution, line: Line): Schema<'Execution'> {
  return {
    id: execution.id,
    namespace: execution.namespace,
    flowId: execution.flowId,
    flowRevision: execution.flowRevision,
    ...(execution.taskRuns ? { taskRunList: execution.taskRuns.map((run) => taskRunJson(run, execution, line)) } : {}),
    ...(execution.inputs ? { inputs: execution.inputs } : {}),
    ...(execution.variables ? { variables: execution.variables } : {}),
    ...partsJson(execution),
    deleted: false,
    metadata: metadataJson(execution),
  };
}

/** An execution of 1.3, which knows no loops. */
export function oldExecutionJson(execution: Execution): OldSchema<'Execution'> {
  const { kind: _, ...shown } = executionJson(execution, '1.3');
  return { ...shown, ...(execution.kind && execution.kind !== 'LOOP' ? { kind: execution.kind } : {}) };
}

/** What every form of an execution has at its end. */
function partsJson(
  execution: Execution,
): Pick<
  Schema<'ApiExecution'>,
  'outputs' | 'labels' | 'state' | 'parentId' | 'originalId' | 'trigger' | 'scheduleDate' | 'kind' | 'breakpoints'
> {
  return {
    ...(execution.outputs ? { outputs: execution.outputs } : {}),
    labels: execution.labels.map(({ key, value }) => ({ key, value })),
    state: stateJson(execution.life),
    ...(execution.parentId ? { parentId: execution.parentId } : {}),
    originalId: execution.originalId,
    ...(execution.trigger ? { trigger: execution.trigger } : {}),
    ...(execution.scheduleDate ? { scheduleDate: execution.scheduleDate } : {}),
    ...(execution.kind ? { kind: execution.kind } : {}),
    ...(execution.breakpoints ? { breakpoints: execution.breakpoints } : {}),
  };
}

function metadataJson(execution: Execution): Schema<'ExecutionMetadata'> {
  return { attemptNumber: execution.attemptNumber, originalCreatedDate: execution.originalCreatedDate };
}

/** An execution in a list of 2.0. */
export function lightExecutionJson(execution: Execution): Schema<'ApiLightExecution'> {
  return {
    tenantId: 'main',
    id: execution.id,
    namespace: execution.namespace,
    flowId: execution.flowId,
    flowRevision: execution.flowRevision,
    ...inputsWithoutNulls(execution),
    ...partsJson(execution),
    ...(execution.loopRun ? { loopRun: execution.loopRun } : {}),
  };
}

/** An execution as 2.0 gives it when it is asked for. */
export function apiExecutionJson(execution: Execution): Schema<'ApiExecution'> {
  return {
    ...lightExecutionJson(execution),
    ...(execution.taskRuns ? { taskRunList: execution.taskRuns.map(lightTaskRunJson) } : {}),
    ...(execution.variables ? { variables: execution.variables } : {}),
    metadata: metadataJson(execution),
  };
}

function inputsWithoutNulls(execution: Execution): { inputs?: JsonObject } {
  if (!execution.inputs) return {};
  return { inputs: Object.fromEntries(Object.entries(execution.inputs).filter(([, value]) => value !== null)) };
}

function lightTaskRunJson(run: TaskRun): Schema<'ApiTaskRun'> {
  return {
    id: run.id,
    taskId: run.taskId,
    ...(run.parent ? { parentTaskRunId: run.parent } : {}),
    ...(run.value === undefined ? {} : { value: run.value }),
    ...(run.iteration === undefined ? {} : { iteration: run.iteration }),
    ...(run.attempts.length
      ? { attempts: run.attempts.map(({ life, workerId }) => ({ state: stateJson(life), ...(workerId ? { workerId } : {}) })) }
      : {}),
    state: stateJson(run.life),
  };
}

/** A task run with all that belongs to it; its outputs only on 1.3. */
export function taskRunJson(run: TaskRun, execution: Execution, line: Line): Schema<'TaskRun'> {
  return {
    ...lightTaskRunJson(run),
    executionId: execution.id,
    namespace: execution.namespace,
    flowId: execution.flowId,
    outputs: line === '1.3' ? run.outputs : null,
  };
}

/** A line of the logs; only the stream of 2.0 names the tenant. */
export function logJson(log: Log, tenant = false): Schema<'LogEntry'> {
  return { ...(tenant ? { tenantId: 'main' } : {}), ...log };
}
