import { type JsonObject, object } from './json.ts';
import { current } from './lifecycle.ts';
import type { Execution, Flow, TaskRun } from './state.ts';
import type { World } from './world.ts';

/** What the expressions of a task can see. */
export function variablesOf(world: World, execution: Execution, flow: Flow, taskRun?: TaskRun): JsonObject {
  const keys: JsonObject = {};
  for (const row of world.state.keys.values()) if (row.namespace === execution.namespace) keys[row.key] = row.value;
  const labels: JsonObject = {};
  for (const { key, value } of execution.labels) put(labels, key.split('.'), value);
  return {
    ...(execution.inputs ? { inputs: execution.inputs } : {}),
    outputs: outputsOf(execution),
    labels,
    vars: flow.definition.variables ?? {},
    flow: { id: flow.id, namespace: flow.namespace, revision: flow.revision, tenantId: 'main' },
    execution: {
      id: execution.id,
      startDate: execution.life[0]?.date ?? null,
      state: current(execution.life),
      originalId: execution.originalId,
    },
    trigger: execution.trigger?.variables ?? {},
    ...(taskRun
      ? {
          task: { id: taskRun.taskId },
          taskrun: {
            id: taskRun.id,
            startDate: taskRun.life[0]?.date ?? null,
            value: taskRun.value,
            attemptsCount: Math.max(0, taskRun.attempts.length - 1),
          },
        }
      : {}),
    __kv: keys,
    __secret: Object.fromEntries(world.state.secrets.map(({ key, value }) => [key, value])),
  };
}

/** A label with dots in its key is an object in expressions. */
function put(into: JsonObject, [first = '', ...rest]: string[], value: string): void {
  if (rest.length === 0) {
    into[first] = value;
    return;
  }
  const inside = object(into[first]);
  into[first] = inside;
  put(inside, rest, value);
}

/** Outputs by task; those of a loop's rounds by value below the task. */
function outputsOf(execution: Execution): JsonObject {
  const outputs: JsonObject = {};
  for (const run of execution.taskRuns ?? []) {
    if (!run.outputs || Object.keys(run.outputs).length === 0) continue;
    if (run.value === undefined) outputs[run.taskId] = run.outputs;
    else outputs[run.taskId] = { ...(outputs[run.taskId] as JsonObject | undefined), [run.value]: run.outputs };
  }
  return outputs;
}
