import type { Line } from './dialect.ts';
import { labelsOf } from './flow-json.ts';
import { isObject, type JsonObject, object, objects, string } from './json.ts';
import { catalogue, inputTypes } from './types.ts';

/** What a server has to know to judge a source. */
export interface Judge {
  line: Line;
  plugins: readonly string[];
}

/** A rule that a flow breaks: where it is in the error list, where in the text, and what it says. */
export interface Violation {
  path: string;
  shown: string;
  message: string;
}

const root = 'io.kestra.core.models.flows.FlowWithSource';

/** The lists of tasks that a flow or a task can hold. */
const taskLists = ['tasks', 'errors', 'finally', 'then', 'else', 'afterExecution', 'defaults'];

/** All tasks of a flow, nested ones too, each with its path and with the chain of Java objects that leads to it. */
export function tasksIn(holder: JsonObject, prefix = '', chain = root): { task: JsonObject; path: string; chain: string }[] {
  const cases = Object.entries(object(holder.cases)).map(
    ([name, list]) => [`cases[${name}]`, `cases"]->java.util.LinkedHashMap["${name}`, list] as const,
  );
  const lists = [...taskLists.map((key) => [key, key, holder[key]] as const), ...cases];
  return lists.flatMap(([key, link, list]) =>
    objects(list).flatMap((task, index) => {
      const path = `${prefix}${key}[${index}]`;
      const here = `${chain}["${link}"]->java.util.ArrayList[${index}]`;
      return [{ task, path, chain: here }, ...tasksIn(task, `${path}.`, `${here}->${String(task.type)}`)];
    }),
  );
}

interface Strange {
  message: string;
  errors: { path: string; message: string }[];
}

/** A type or a property that Kestra doesn't know: it stops reading there. */
export function strangeThing(flow: JsonObject, { line, plugins }: Judge): Strange | undefined {
  const types = catalogue(line);
  for (const [index, input] of objects(flow.inputs).entries()) {
    const type = string(input.type);
    if (type === undefined || !inputTypes[line].includes(type)) return strangeInput(type, index, line);
  }
  const unknown = unrecognized(flow, root, types.flow, root);
  if (unknown) return unknown;
  const placed = [
    ...tasksIn(flow).map(({ task, chain }) => ({ part: task, chain, known: types.tasks })),
    ...objects(flow.triggers).map((part, index) => ({
      part,
      chain: `${root}["triggers"]->java.util.ArrayList[${index}]`,
      known: types.triggers,
    })),
  ];
  for (const { part, chain, known } of placed) {
    const type = string(part.type) ?? '<null>';
    const info = known.get(type);
    if (!info && !plugins.includes(type)) return strangeType(type, chain);
    const odd = info && unrecognized(part, type, info.known, `${chain}->${type}`);
    if (odd) return odd;
  }
  return undefined;
}

function strangeType(type: string, path: string): Strange {
  const message = `Invalid type: ${type}`;
  const detail = `Could not resolve type id '${type}' as a subtype of \`io.kestra.core.models.Plugin\`: No plugin registered for the defined type: '${type}'\n at [Source: UNKNOWN; byte offset: #UNKNOWN] (through reference chain: ${path})`;
  return {
    message,
    errors: [
      { path, message: detail },
      { path, message },
    ],
  };
}

function strangeInput(type: string | undefined, index: number, line: Line): Strange {
  const path = `io.kestra.core.models.flows.GenericFlow["inputs"]->java.util.ArrayList[${index}]`;
  const message = `Invalid type: ${type ?? null}`;
  const detail =
    type === undefined
      ? "Could not resolve subtype of [simple type, class io.kestra.core.models.flows.Input<java.lang.Object>]: missing type id property 'type' (for POJO property 'inputs')"
      : `Could not resolve type id '${type}' as a subtype of \`io.kestra.core.models.flows.Input<java.lang.Object>\`: known type ids = [${inputTypes[line].join(', ')}] (for POJO property 'inputs')`;
  return {
    message,
    errors: [
      { path, message: detail },
      { path, message },
    ],
  };
}

function unrecognized(part: JsonObject, type: string, known: readonly string[], chain: string): Strange | undefined {
  const field = Object.keys(part).find((key) => !known.includes(key));
  if (field === undefined) return undefined;
  const list = known.map((one) => `"${one}"`).join(', ');
  const message = `Unrecognized field "${field}" (class ${type}), not marked as ignorable (${known.length} known properties: ${list})`;
  return { message, errors: [{ path: `${chain}["${field}"]`, message }] };
}

function whole(pattern: RegExp, text: string): boolean {
  return pattern.exec(text)?.[0] === text;
}

/** The rules that a flow breaks whose types and properties are all known. */
export function violations(flow: JsonObject, judge: Judge): Violation[] {
  return [...ofNames(flow), ...ofTasks(flow, judge), ...ofTriggers(flow, judge), ...ofWhole(flow)];
}

function at(path: string, message: string, shown = path): Violation {
  return { path, shown, message };
}

function ofNames(flow: JsonObject): Violation[] {
  const rules = { id: /^[a-zA-Z0-9][a-zA-Z0-9._-]*/, namespace: /^[a-z0-9][a-z0-9._-]*/ };
  return Object.entries(rules).flatMap(([key, pattern]) => {
    const value = string(flow[key]);
    if (value === undefined) return [at(key, 'must not be null')];
    return whole(pattern, value) ? [] : [at(key, `must match "${pattern.source}"`)];
  });
}

function missing(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}

function ofTasks(flow: JsonObject, { line }: Judge): Violation[] {
  const found: Violation[] = missing(flow.tasks) ? [at('tasks', 'must not be empty')] : [];
  for (const { task, path } of tasksIn(flow)) {
    const id = string(task.id);
    if (id === undefined) found.push(at(`${path}.id`, 'must not be null'), at(`${path}.id`, 'must not be blank'));
    else if (!whole(/^[a-zA-Z0-9][a-zA-Z0-9_-]*/, id)) found.push(at(`${path}.id`, 'must match "^[a-zA-Z0-9][a-zA-Z0-9_-]*"', `${id}.id`));
    for (const [property, message] of catalogue(line).tasks.get(String(task.type))?.required ?? []) {
      if (missing(task[property])) found.push(at(`${path}.${property}`, message, `${id ?? path}.${property}`));
    }
  }
  return found;
}

function ofTriggers(flow: JsonObject, { line }: Judge): Violation[] {
  return objects(flow.triggers).flatMap((trigger, index) => {
    const path = `triggers[${index}]`;
    const found = (catalogue(line).triggers.get(String(trigger.type))?.required ?? []).flatMap(([property, message]) =>
      missing(trigger[property]) ? [at(`${path}.${property}`, message)] : [],
    );
    const cron = string(trigger.cron);
    const parts = cron?.trim().split(/\s+/).length ?? 5;
    if (cron === undefined || parts === 5 || cron.startsWith('@') || trigger.withSeconds === true) return found;
    return [...found, at(path, `invalid cron expression '${cron}': Cron expression contains ${parts} parts but we expect one of [5]`)];
  });
}

function twice(names: readonly (string | undefined)[]): string | undefined {
  return names.find((name, index) => name !== undefined && names.indexOf(name) !== index);
}

function ofWhole(flow: JsonObject): Violation[] {
  const tasks = tasksIn(flow).map(({ task }) => task);
  const said: string[] = [];
  const task = twice(tasks.map((one) => string(one.id)));
  if (task !== undefined) said.push(`Duplicate task id with name [${task}]`);
  const trigger = twice(objects(flow.triggers).map((one) => string(one.id)));
  if (trigger !== undefined) said.push(`Duplicate trigger id with name [${trigger}]`);
  const input = twice(objects(flow.inputs).map((one) => string(one.id)));
  if (input !== undefined) said.push(`Duplicate input with name [${input}]`);
  const self = tasks.some(
    (one) => String(one.type).endsWith('.flow.Subflow') && one.namespace === flow.namespace && one.flowId === flow.id,
  );
  if (self) said.push(`Recursive call to flow [${String(flow.namespace)}.${String(flow.id)}]`);
  const label = labelsOf(flow.labels).find((one) => one.key.startsWith('system.') && one.key !== 'system.readOnly');
  if (label) said.push(`System labels can only be set by Kestra itself, offending label: ${label.key}=${label.value}`);
  return said.map((one) => at('', `Invalid Flow: ${one}`));
}

/** What Kestra warns about: subflows that are not there. */
export function warnings(flow: JsonObject, exists: (namespace: string, id: string) => boolean): string[] {
  return tasksIn(flow)
    .map(({ task }) => task)
    .filter((task) => isObject(task) && String(task.type).endsWith('.flow.Subflow'))
    .map((task) => object(task))
    .filter((task) => !String(task.flowId).includes('{{') && !exists(String(task.namespace), String(task.flowId)))
    .map((task) => `The subflow '${String(task.flowId)}' not found in namespace '${String(task.namespace)}'.`);
}
