import { at, between, duration, newId, now } from './clock.ts';
import { endTaskRun, newExecution } from './engine.ts';
import { truthy } from './expression.ts';
import { labelsOf } from './flow-json.ts';
import { readInputs } from './inputs.ts';
import { array, type Json, type JsonObject, object, objects, string } from './json.ts';
import { current } from './lifecycle.ts';
import type { Outcome, Place, Run } from './run.ts';
import { type Execution, type Flow, type Level, levels, type TaskRun } from './state.ts';
import { line, type World } from './world.ts';

/** A task that failed, in the words of its log. */
export class Failure extends Error {}

/** What a task has at hand while it runs. */
export interface TaskContext {
  world: World;
  run: Run;
  task: JsonObject;
  taskRun: TaskRun;
  /** Where the tasks inside this one run. */
  inside(more?: Place): Place;
  /** A rendered property. */
  text(key: string): string | undefined;
  /** A rendered value. */
  value(raw: Json): Json;
  log(level: Level, message: string): void;
}

type Worker = (context: TaskContext) => Promise<[Outcome, JsonObject]>;
type Flowable = (context: TaskContext) => Promise<Outcome>;

const core = 'io.kestra.plugin.core';

const workers: Record<string, Worker> = {
  [`${core}.log.Log`]: async ({ task, value, log }) => {
    const messages = array(task.message);
    if (typeof task.message === 'boolean' || typeof task.message === 'number')
      throw new Failure(`Invalid message type 'class java.lang.${typeof task.message === 'boolean' ? 'Boolean' : 'Integer'}'`);
    const level = levels.find((name) => name === task.level) ?? 'INFO';
    for (const message of messages.length ? messages : [task.message ?? '']) log(level, String(value(message)));
    return ['SUCCESS', {}];
  },
  [`${core}.debug.Return`]: async ({ text, log }) => {
    const value = text('format');
    if (value === undefined) return ['SUCCESS', {}];
    log('DEBUG', value);
    return ['SUCCESS', { value }];
  },
  [`${core}.output.OutputValues`]: async ({ task, value }) => ['SUCCESS', { values: value(task.values ?? {}) }],
  [`${core}.execution.Fail`]: async ({ task, text }) => {
    if (task.condition !== undefined && !truthy(text('condition') ?? '')) return ['SUCCESS', {}];
    throw new Failure(text('errorMessage') ?? 'Task failure');
  },
  [`${core}.flow.Sleep`]: async ({ run, text, log }) => {
    const time = duration(text('duration') ?? '');
    if (time === undefined) throw new Failure('Text cannot be parsed to a Duration');
    log('INFO', `Waiting for ${between(at(0), at(time))}`);
    await run.sleep(time);
    return ['SUCCESS', {}];
  },
  [`${core}.kv.Set`]: async ({ world, run, text, task, value }) => {
    const namespace = text('namespace') ?? run.execution.namespace;
    const key = text('key') ?? '';
    const date = now();
    const before = world.state.keys.get(`${namespace}/${key}`);
    world.state.keys.set(`${namespace}/${key}`, {
      namespace,
      key,
      value: value(task.value ?? null),
      revision: (before?.revision ?? 0) + 1,
      created: before?.created ?? date,
      updated: date,
    });
    return ['SUCCESS', {}];
  },
  [`${core}.kv.Get`]: async ({ world, run, text }) => {
    const namespace = text('namespace') ?? run.execution.namespace;
    return ['SUCCESS', { value: world.state.keys.get(`${namespace}/${text('key') ?? ''}`)?.value ?? null }];
  },
  [`${core}.execution.Labels`]: async ({ run, task, value }) => {
    for (const [key, label] of Object.entries(object(value(task.labels ?? {})))) {
      run.execution.labels = [...run.execution.labels.filter((one) => one.key !== key), { key, value: String(label) }];
    }
    return ['SUCCESS', {}];
  },
};

/** How a type of worker task runs: any that isn't pretended succeeds, with a line in the log. */
export function worker(type: string): Worker {
  return workers[type] ?? generic;
}

const generic: Worker = async ({ task, log }) => {
  log('INFO', `${string(task.type)?.split('.').at(-1)} done`);
  return ['SUCCESS', {}];
};

async function parallel({ run, task, inside }: TaskContext): Promise<Outcome> {
  const outcomes = await Promise.all(objects(task.tasks).map((one) => run.task(one, inside())));
  return worst(outcomes);
}

function worst(outcomes: Outcome[]): Outcome {
  return outcomes.includes('FAILED') ? 'FAILED' : outcomes.includes('WARNING') ? 'WARNING' : 'SUCCESS';
}

const sequential: Flowable = ({ run, task, inside }) => run.sequence(objects(task.tasks), inside());

/** The tasks of a working directory run in one process, and are never submitted. */
const together: Flowable = ({ run, task, inside }) => run.sequence(objects(task.tasks), inside({ inline: true }));

const choose: Flowable = async ({ run, task, taskRun, text, inside }) => {
  const holds = truthy(text('condition') ?? '');
  taskRun.outputs = { evaluationResult: holds };
  return run.sequence(objects(task[holds ? 'then' : 'else']), inside());
};

const pause: Flowable = async ({ run, task, taskRun, text, inside }) => {
  const wait = duration(text('pauseDuration') ?? text('delay') ?? '');
  taskRun.life.push({ state: 'PAUSED', date: now() });
  run.changed();
  if (wait !== undefined) {
    const timer = setTimeout(() => {
      endTaskRun(taskRun, 'SUCCESS');
      run.resume();
    }, wait);
    timer.unref();
  }
  await run.paused();
  return run.sequence(objects(task.tasks), inside());
};

/** The rounds of a loop: values that are not text are given as JSON. */
function rounds(raw: Json): string[] {
  const list = typeof raw === 'string' ? parsed(raw) : raw;
  return array(list).map((item) => (typeof item === 'string' ? item : JSON.stringify(item)));
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new Failure(`Unable to parse the values as JSON: ${text}`);
  }
}

const forEach: Flowable = async ({ run, task, value, inside }) => {
  const values = rounds(value(task.values ?? []));
  const limit = Number(task.concurrencyLimit ?? 1) || values.length;
  const outcomes: Outcome[] = [];
  for (let index = 0; index < values.length; index += limit) {
    const batch = values.slice(index, index + limit);
    outcomes.push(
      ...(await Promise.all(batch.map((one, at) => run.sequence(objects(task.tasks), inside({ value: one, iteration: index + at }))))),
    );
    if (outcomes.includes('FAILED')) break;
  }
  return worst(outcomes);
};

/** On 2.0 each round is an execution of its own, of kind LOOP. */
const loop: Flowable = async ({ world, run, task, taskRun, value }) => {
  const values = rounds(value(task.values ?? []));
  const outcomes: Outcome[] = [];
  for (const [index, one] of values.entries()) {
    const round: Execution = {
      ...newExecution(run.flow, [{ state: 'CREATED', date: now() }], () => run.execution.labels),
      kind: 'LOOP',
      parentId: run.execution.id,
      ...(run.execution.inputs ? { inputs: run.execution.inputs } : {}),
      loopRun: { taskId: taskRun.taskId, taskRunId: taskRun.id, index, value: one },
    };
    const flow = { ...run.flow, definition: { tasks: rendered(task, one, index) } };
    run.engine.start(round, flow);
    await run.until(world.state.ended(round.id));
    outcomes.push(outcomeOf(round));
    taskRun.outputs = { terminatedIterations: index + 1, iterationCount: values.length, runningIterations: 0 };
  }
  return worst(outcomes);
};

/** A loop's tasks with `item` put in, since the round runs in another execution. */
function rendered(task: JsonObject, value: string, index: number): Json {
  const put = (text: string): string => text.replaceAll(/\bitem\.value\b/g, `'${value}'`).replaceAll(/\bitem\.index\b/g, String(index));
  return JSON.parse(put(JSON.stringify(task.tasks ?? []))) as Json;
}

function outcomeOf(execution: Execution): Outcome {
  const state = current(execution.life);
  return state === 'SUCCESS' || state === 'WARNING' ? state : 'FAILED';
}

const subflow: Flowable = async ({ world, run, task, taskRun, text, value, log }) => {
  const [namespace, flowId] = [text('namespace') ?? '', text('flowId') ?? ''];
  const flow = world.state.flow(namespace, flowId);
  if (!flow) {
    taskRun.outputs = null;
    taskRun.attempts = [];
    throw new Failure(`Unable to find flow '${namespace}'.'${flowId}' with revision '0'`);
  }
  const child = childOf(flow, run, taskRun, object(value(task.inputs ?? {})), world);
  log('INFO', `Created new execution [[link execution="${child.id}" flowId="${flowId}" namespace="${namespace}"]]`);
  run.engine.start(child, flow);
  taskRun.outputs = { executionId: child.id };
  run.changed();
  if (task.wait === false) return 'SUCCESS';
  await run.until(world.state.ended(child.id));
  taskRun.outputs = { executionId: child.id, state: current(child.life), ...(child.outputs ? { outputs: child.outputs } : {}) };
  return task.transmitFailed === false ? 'SUCCESS' : outcomeOf(child);
};

/** The execution of a subflow: it has its flow's labels and those system labels that its parent has. */
function childOf(flow: Flow, run: Run, taskRun: TaskRun, inputs: JsonObject, world: World): Execution {
  const parts = Object.entries(inputs).map(([name, one]) => ({
    name,
    content: Buffer.from(typeof one === 'string' ? one : JSON.stringify(one ?? null)),
  }));
  const id = newId();
  const declared = objects(flow.definition.inputs);
  const inherited = run.execution.labels.filter((label) => label.key === 'system.correlationId' || label.key === 'system.from');
  return {
    ...newExecution(flow, [{ state: 'CREATED', date: now() }], () => [...labelsOf(flow.definition.labels), ...inherited], id),
    ...(declared.length
      ? { inputs: readInputs(declared, parts, `${flow.namespace.replaceAll('.', '/')}/${flow.id}/executions/${id}`, line(world)).values }
      : {}),
    trigger: {
      id: taskRun.taskId,
      type: `${core}.flow.Subflow`,
      variables: {
        taskId: taskRun.taskId,
        flowId: run.execution.flowId,
        taskRunId: taskRun.id,
        executionId: run.execution.id,
        namespace: run.execution.namespace,
        flowRevision: run.execution.flowRevision,
      },
    },
  };
}

const choice: Flowable = async ({ run, task, taskRun, text, inside }) => {
  const value = text('value') ?? '';
  const chosen = object(task.cases)[value];
  taskRun.outputs = { value, defaults: chosen === undefined };
  return run.sequence(objects(chosen ?? task.defaults), inside());
};

const allowFailure: Flowable = async (context) => ((await sequential(context)) === 'FAILED' ? 'WARNING' : 'SUCCESS');

/** The tasks that hold others. */
export const flowables: Record<string, Flowable> = {
  [`${core}.flow.Sequential`]: sequential,
  [`${core}.flow.WorkingDirectory`]: together,
  [`${core}.flow.Parallel`]: parallel,
  [`${core}.flow.AllowFailure`]: allowFailure,
  [`${core}.flow.If`]: choose,
  [`${core}.flow.Switch`]: choice,
  [`${core}.flow.Pause`]: pause,
  [`${core}.flow.ForEach`]: forEach,
  [`${core}.flow.EachSequential`]: forEach,
  [`${core}.flow.EachParallel`]: forEach,
  [`${core}.flow.Loop`]: loop,
  [`${core}.flow.Subflow`]: subflow,
};
