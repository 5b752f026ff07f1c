import type { Schema } from './contract.ts';
import { isObject, type Json, type JsonObject, object, objects, string } from './json.ts';
import type { Flow } from './state.ts';

/** Values that Kestra leaves out because they are the default of the type. */
const defaults: Record<string, JsonObject> = {
  'io.kestra.plugin.core.flow.Subflow': { wait: true, transmitFailed: true },
};

/** What Kestra adds to an input that doesn't say. */
const inputDefaults: Record<string, JsonObject> = {
  SELECT: { allowCustomValue: false, isRadio: false, autoSelectFirst: false },
  MULTISELECT: { itemType: 'STRING', allowCustomValue: false, autoSelectFirst: false },
  ENUM: {},
};

const lists = ['tasks', 'errors', 'finally', 'afterExecution', 'then', 'else', 'defaults'] as const;

/** A task (or trigger) as Kestra gives it back. */
export function taskJson(task: JsonObject): JsonObject {
  const known = defaults[string(task.type) ?? ''] ?? {};
  const shown: JsonObject = {};
  for (const [key, value] of Object.entries(task)) {
    if (value === undefined || value === null || known[key] === value) continue;
    if (lists.some((list) => list === key) && Array.isArray(value)) shown[key] = objects(value).map(taskJson);
    else if (key === 'onResume' && Array.isArray(value)) shown[key] = objects(value).map(inputJson);
    else if (key === 'retry' && isObject(value)) shown[key] = { warningOnRetry: false, behavior: 'RETRY_FAILED_TASK', ...value };
    else if (key === 'values' && String(task.type).endsWith('.OutputValues')) shown[key] = asText(value);
    else shown[key] = value;
  }
  return shown;
}

/** A property that may hold an expression comes back as text. */
function asText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** An input as Kestra gives it back: `required` is always there. */
export function inputJson(input: JsonObject): JsonObject {
  const type = string(input.type) ?? '';
  return {
    ...inputDefaults[type],
    ...input,
    required: input.required ?? true,
    ...(input.defaults === undefined || input.defaults === null ? {} : { defaults: asText(input.defaults) }),
  };
}

/** Labels are a map in the source, a list of pairs elsewhere; both are allowed. */
export function labelsOf(value: unknown): { key: string; value: string }[] {
  if (Array.isArray(value)) return objects(value).map((pair) => ({ key: String(pair.key), value: String(pair.value) }));
  return Object.entries(object(value)).map(([key, label]) => ({ key, value: String(label) }));
}

/** How much of a flow an answer has: a new revision has neither date nor empty lists. */
export interface FlowParts {
  source?: boolean;
  fresh?: boolean;
}

/** Parts of a flow that are given back as they are. */
const copied = ['description', 'variables', 'workerGroup', 'concurrency', 'retry', 'sla', 'checks', 'pluginDefaults'];

/** A flow as both versions give it. */
export function flowJson(flow: Flow, { source = false, fresh = false }: FlowParts = {}): Schema<'FlowWithSource'> {
  const given = flow.definition;
  const copies: JsonObject = {};
  for (const key of copied) if (given[key] !== undefined && given[key] !== null) copies[key] = given[key];
  return {
    ...copies,
    id: flow.id,
    namespace: flow.namespace,
    revision: flow.revision,
    ...(fresh || flow.deleted ? {} : { updated: flow.updated }),
    ...(Array.isArray(given.inputs) ? { inputs: objects(given.inputs).map(shownInput) } : {}),
    ...(Array.isArray(given.outputs) ? { outputs: objects(given.outputs).map(shownOutput) } : {}),
    disabled: flow.disabled,
    deleted: flow.deleted,
    ...(given.labels ? { labels: labelsOf(given.labels).map((label) => ({ ...label })) } : {}),
    tasks: objects(given.tasks).map(shownTask),
    ...(Array.isArray(given.errors) ? { errors: objects(given.errors).map(shownTask) } : {}),
    ...(Array.isArray(given.finally) ? { finally: objects(given.finally).map(shownTask) } : {}),
    ...(Array.isArray(given.afterExecution) ? { afterExecution: objects(given.afterExecution).map(shownTask) } : {}),
    ...(given.triggers || !fresh ? { triggers: objects(given.triggers).map(shownTask) } : {}),
    ...(source ? { source: flow.source } : {}),
  };
}

function shownTask(task: JsonObject): { id: string; type: string } {
  return { ...taskJson(task), id: String(task.id), type: String(task.type) };
}

function shownInput(input: JsonObject): Schema<'Input_Object_'> {
  return { ...inputJson(input), id: String(input.id), type: String(input.type) as Schema<'Type'> };
}

function shownOutput(output: JsonObject): Schema<'Output'> {
  return { ...output, id: String(output.id), type: String(output.type) as Schema<'Type'>, value: output.value };
}

/** A flow as somebody sees it who may read the execution but not the flow: tasks have lost all but id and type. */
export function flowOfExecutionJson(flow: Flow, line: '1.3' | '2.0'): JsonObject {
  const bare = (task: JsonObject): JsonObject => ({
    ...Object.fromEntries(Object.entries(task).filter(([key]) => key === 'id' || key === 'type')),
    ...Object.fromEntries(lists.filter((key) => Array.isArray(task[key])).map((key) => [key, objects(task[key]).map(bare)])),
  });
  const all = (key: string): JsonObject[] => objects(flow.definition[key]).map(bare);
  return {
    id: flow.id,
    namespace: flow.namespace,
    revision: flow.revision,
    ...(flow.definition.inputs ? { inputs: objects(flow.definition.inputs).map(inputJson) } : {}),
    disabled: flow.disabled,
    deleted: flow.deleted,
    tasks: all('tasks'),
    errors: all('errors'),
    afterExecution: all('afterExecution'),
    triggers: all('triggers'),
    ...(line === '2.0' ? { quotas: [] } : {}),
    sla: [],
    finally: all('finally'),
  };
}
