import { newId, now } from '../clock.ts';
import { reply } from '../contract.ts';
import { ExpressionError, render } from '../expression.ts';
import { declaredInputs, readInputs } from '../inputs.ts';
import { objects, string } from '../json.ts';
import { refuseSystem } from '../labels.ts';
import { current, enter, isEnd, type Life, stateNames } from '../lifecycle.ts';
import { executionJson } from '../present.ts';
import { illegalArgument, illegalState, notFound, Refusal } from '../refusal.ts';
import { body, bodyObject, type Call, empty, json, param, parts, type Route, text } from '../route.ts';
import { trace } from '../stack-trace.ts';
import type { Execution, Label, TaskRun } from '../state.ts';
import { variablesOf } from '../variables.ts';
import { executionOf, flowOf, folderOf, verdicts } from './executions.ts';

/** Lets the engine take the steps that need no time: 2.0 answers after them, 1.3 before. No timer fires meanwhile. */
async function settle(call: Call): Promise<void> {
  if (call.line === '2.0') for (let turn = 0; turn < 100; turn++) await Promise.resolve();
}

function shown(call: Call, execution: Execution): Response {
  return json(executionJson(execution, call.line));
}

function kill(call: Call): Response {
  const accept = call.request.headers.get('accept') ?? '*/*';
  if (!/\*\/\*|text\/(json|\*)/.test(accept)) {
    throw new Refusal(406, `Not Acceptable: Specified Accept Types [${accept}] not supported. Supported types: [text/json]`);
  }
  const execution = executionOf(call);
  const cascade = call.query.get('isOnKillCascade') !== 'false';
  if (!cascade && isEnd(current(execution.life))) {
    if (call.line === '1.3') throw illegalState("Execution is already finished, can't kill it");
    throw new Refusal(409, 'Conflict: Cannot kill execution: execution is already terminated.');
  }
  call.engine.kill(execution, cascade);
  if (call.line === '1.3') return empty(202);
  return reply<'killExecution'>(executionJson(execution, '2.0'), 'text/json');
}

function pause(call: Call): Response {
  const execution = found(call, 'Page Not Found');
  const run = call.engine.run(execution.id);
  if (current(execution.life) !== 'RUNNING' || !run) {
    if (call.line === '1.3') throw illegalArgument('The execution is not running');
    throw new Refusal(409, 'Conflict: Cannot pause execution: execution is not running.');
  }
  run.hold();
  return call.line === '1.3' ? empty(200) : shown(call, execution);
}

/** The execution, or what an action says when it isn't there. */
function found(call: Call, words = call.line === '2.0' ? 'Page Not Found' : undefined): Execution {
  const execution = call.world.state.executions.get(param(call, 'executionId'));
  if (!execution) throw notFound(words);
  return execution;
}

function pausedRun(execution: Execution): TaskRun | undefined {
  return execution.taskRuns?.find((run) => current(run.life) === 'PAUSED');
}

async function resume(call: Call): Promise<Response> {
  const given = await parts(call);
  const execution = found(call, `Execution '${param(call, 'executionId')}' not found.`);
  if (current(execution.life) !== 'PAUSED') throw illegalState(`Execution '${execution.id}' is not paused, can't resume it`);
  const flow = flowOf(call, execution);
  const taskRun = pausedRun(execution);
  if (taskRun) {
    const task = taskIn(flow.definition, taskRun.taskId);
    const asked = objects(task?.onResume);
    const inputs = readInputs(asked, given, folderOf(flow, execution.id), call.line);
    taskRun.outputs = { ...(asked.length ? { onResume: inputs.values } : {}), resumed: { on: now().slice(0, -1), to: 'SUCCESS' } };
    enter(taskRun.life, 'SUCCESS');
    const attempt = taskRun.attempts.at(-1);
    if (attempt) enter(attempt.life, 'SUCCESS');
  }
  enter(execution.life, 'RESTARTED');
  execution.attemptNumber += 1;
  call.world.state.changed(execution.id);
  const answer = call.line === '1.3' ? empty(204) : shown(call, execution);
  const run = call.engine.run(execution.id);
  if (run) run.resume();
  else call.engine.proceed(execution, flow, 1);
  return answer;
}

/** A task of a flow, wherever it stands. */
export function taskIn(holder: Record<string, unknown>, id: string): Record<string, unknown> | undefined {
  for (const key of ['tasks', 'errors', 'finally', 'then', 'else', 'defaults', 'afterExecution']) {
    for (const task of objects(holder[key])) {
      const inside = task.id === id ? task : taskIn(task, id);
      if (inside) return inside;
    }
  }
  return undefined;
}

async function validateResume(call: Call): Promise<Response> {
  const execution = found(call);
  const taskRun = pausedRun(execution);
  if (!taskRun) throw illegalState(`Execution '${execution.id}' is not paused, can't resume it`);
  const task = taskIn(flowOf(call, execution).definition, taskRun.taskId);
  const flow = flowOf(call, execution);
  return json({
    id: flow.id,
    namespace: flow.namespace,
    inputs: verdicts(objects(task?.onResume), await parts(call), call),
    checks: [],
  });
}

function withLabel(labels: Label[], key: string): Label[] {
  return [...labels.filter((label) => label.key !== key), { key, value: 'true' }];
}

/** Marks the task runs that failed (and those around them) to be run again; error handlers are forgotten. */
function rewind(runs: TaskRun[], failed: (run: TaskRun) => boolean): TaskRun[] {
  const kept = runs.filter((run) => !run.ofErrors);
  for (const run of kept) if (failed(run)) enter(run.life, 'RESTARTED');
  for (let changed = true; changed; ) {
    changed = false;
    for (const parent of kept) {
      const again = kept.some((run) => run.parent === parent.id && ['RESTARTED', 'RUNNING'].includes(current(run.life)));
      if (again && isEnd(current(parent.life))) {
        enter(parent.life, 'RUNNING');
        changed = true;
      }
    }
  }
  return kept;
}

async function restart(call: Call): Promise<Response> {
  const execution = found(call);
  const state = current(execution.life);
  const holders = new Set(execution.taskRuns?.map((run) => run.parent));
  const failed = (run: TaskRun): boolean =>
    ['FAILED', 'KILLED', 'PAUSED'].includes(current(run.life)) && !run.ofErrors && !holders.has(run.id);
  if (call.line === '2.0' && state !== 'FAILED' && state !== 'KILLED' && state !== 'WARNING' && state !== 'PAUSED') {
    throw new Refusal(409, `Conflict: Cannot restart execution: current state is '${state}', expected terminated or paused.`);
  }
  if (!execution.taskRuns?.some(failed)) throw illegalArgument('No task found to restart execution from!');
  const revision = call.query.get('revision');
  if (revision) execution.flowRevision = Number(revision);
  execution.taskRuns = rewind(execution.taskRuns, failed);
  return await goOn(call, execution);
}

async function goOn(call: Call, execution: Execution): Promise<Response> {
  enter(execution.life, 'RESTARTED');
  execution.attemptNumber += 1;
  execution.labels = withLabel(execution.labels, 'system.restarted');
  const answer = shown(call, execution);
  call.engine.proceed(execution, flowOf(call, execution), 2);
  return answer;
}

async function replay(call: Call): Promise<Response> {
  return await replayWith(call, undefined);
}

async function replayWithInputs(call: Call): Promise<Response> {
  const given = await parts(call);
  const original = found(call);
  const flow = flowOf(call, original);
  const inputs = readInputs(declaredInputs(flow.definition), given, folderOf(flow, original.id), call.line);
  // 1.3 changes the original too: a bug that the recordings show.
  const values = original.inputs ? inputs.values : undefined;
  if (call.line === '1.3' && values) original.inputs = values;
  return await replayWith(call, values);
}

async function replayWith(call: Call, inputs: Execution['inputs']): Promise<Response> {
  const original = found(call);
  const taskRunId = call.query.get('taskRunId');
  const revision = call.query.get('revision');
  const from = original.taskRuns?.findIndex((run) => run.id === taskRunId) ?? -1;
  if (taskRunId && from < 0) {
    if (call.line === '1.3') throw illegalArgument('No task found to restart execution from!');
    throw illegalArgument(`Task run id '${taskRunId}' not found in execution '${original.id}'`);
  }
  const life: Life[] = taskRunId
    ? [...original.life.map((step) => ({ ...step })), { state: 'RESTARTED', date: now() }]
    : [{ state: 'CREATED', date: now() }];
  const copy: Execution = {
    ...structuredClone(original),
    id: newId(),
    taskRuns: taskRunId ? replayed(original.taskRuns ?? [], from) : [],
    labels: withLabel(original.labels, 'system.replay'),
    life,
    parentId: original.id,
    originalId: original.originalId,
    attemptNumber: original.attemptNumber + 1,
    ...(inputs ? { inputs } : {}),
    ...(revision ? { flowRevision: Number(revision) } : {}),
  };
  original.labels = withLabel(original.labels, 'system.replayed');
  const flow = flowOf(call, copy);
  if (call.line === '1.3') {
    const answer = shown(call, copy);
    call.engine.proceed(copy, flow, 2);
    return answer;
  }
  call.engine.proceed(copy, flow, 0);
  await settle(call);
  return shown(call, copy);
}

/** The task runs up to the one to start from, with new ids. */
function replayed(runs: TaskRun[], from: number): TaskRun[] {
  const kept = structuredClone(runs.slice(0, from + 1));
  const ids = new Map(kept.map((run) => [run.id, newId()]));
  for (const run of kept) {
    run.id = ids.get(run.id) ?? run.id;
    if (run.parent) run.parent = ids.get(run.parent) ?? run.parent;
  }
  const last = kept.at(-1);
  if (last) enter(last.life, 'RESTARTED');
  return kept;
}

async function setLabels(call: Call): Promise<Response> {
  const given = objects(await body(call)).map((one) => ({ key: String(one.key), value: String(one.value) }));
  const execution = missingKills(call, 'labels');
  if (!isEnd(current(execution.life))) return json('The execution is not terminated', 400);
  for (const label of given) refuseSystem(label);
  execution.labels = [...given, ...execution.labels.filter((label) => label.key.startsWith('system.'))];
  call.world.state.changed(execution.id);
  return shown(call, execution);
}

/** On 1.x a body sent to an execution that isn't there can kill the server. */
function missingKills(call: Call, what: string): Execution {
  const { state } = call.world;
  const id = call.params.executionId ?? '';
  if (!state.executions.has(id) && call.line === '1.3') {
    call.offend(`POST ${what} of the execution ${id}, which does not exist: this can kill a real Kestra 1.x`);
  }
  return executionOf(call);
}

function changeStatus(call: Call): Response {
  const status = call.query.get('status') ?? '';
  const known = stateNames[call.line].some((name) => name === status);
  const wanted = ['SUCCESS', 'WARNING', 'FAILED', 'KILLED', 'CANCELLED'].find((name) => name === status) as 'SUCCESS' | undefined;
  if (!wanted && known) throw illegalArgument('You can only change the state of an execution to a terminal state.');
  if (!wanted)
    throw new Refusal(
      422,
      `Internal server error: Failed to convert argument [status] for value [${call.line === '1.3' ? 'String name' : status}] due to: No enum constant io.kestra.core.models.flows.State.Type.${status}`,
    );
  const execution = found(call);
  if (!isEnd(current(execution.life))) {
    if (call.line === '1.3') throw illegalArgument('You can only change the state of a terminated execution.');
    throw new Refusal(409, 'Conflict: Cannot change status: execution is not terminated.');
  }
  enter(execution.life, wanted);
  call.world.state.changed(execution.id);
  return shown(call, execution);
}

async function changeTaskRun(call: Call): Promise<Response> {
  const given = await bodyObject(call);
  const execution = missingKills(call, 'state');
  const run = execution.taskRuns?.find((one) => one.id === given.taskRunId);
  if (!run) {
    const words = `No TaskRun found with id '${string(given.taskRunId)}'`;
    if (call.line === '1.3') throw illegalArgument(words);
    throw new Refusal(409, `Conflict: Failed to execute action 'Change task run state' on execution '${execution.id}'. Cause: ${words}`);
  }
  const state = String(given.state) as 'SUCCESS';
  enter(run.life, state);
  const attempt = run.attempts.at(-1);
  if (attempt) enter(attempt.life, state);
  execution.taskRuns = rewind(execution.taskRuns ?? [], () => false);
  enter(execution.life, 'RESTARTED');
  execution.attemptNumber += 1;
  if (call.line === '1.3') {
    const answer = shown(call, execution);
    call.engine.proceed(execution, flowOf(call, execution), 2);
    return answer;
  }
  call.engine.proceed(execution, flowOf(call, execution), 0);
  await settle(call);
  return shown(call, execution);
}

async function evaluate(call: Call): Promise<Response> {
  const expression = await text(call, 'text/plain');
  const execution = found(call, `Unable to find execution '${param(call, 'executionId')}'`);
  try {
    return json({ result: render(expression, variablesOf(call.world, execution, flowOf(call, execution))) });
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return json({
      error: error.message,
      stackTrace: trace(error.message, call.line, 'io.kestra.core.exceptions.IllegalVariableEvaluationException'),
    });
  }
}

function resumeFromBreakpoint(call: Call): Response {
  const execution = found(call, `Execution '${param(call, 'executionId')}' not found.`);
  if (current(execution.life) !== 'BREAKPOINT') {
    if (call.line === '1.3') throw illegalState('Execution is not suspended');
    throw new Refusal(409, 'Conflict: Cannot resume execution: execution is not suspended.');
  }
  const next = call.query.get('breakpoints');
  call.engine.run(execution.id)?.goOn(next ? next.split(',') : []);
  return call.line === '1.3' ? empty(200) : shown(call, execution);
}

/** What can be done to one execution: the last part of the path, the method and the handler. */
export const actions: Record<string, ['POST' | 'DELETE', (call: Call) => Response | Promise<Response>]> = {
  kill: ['DELETE', kill],
  pause: ['POST', pause],
  resume: ['POST', resume],
  'resume/validate': ['POST', validateResume],
  'resume-from-breakpoint': ['POST', resumeFromBreakpoint],
  restart: ['POST', restart],
  replay: ['POST', replay],
  'replay-with-inputs': ['POST', replayWithInputs],
  labels: ['POST', setLabels],
  'change-status': ['POST', changeStatus],
  state: ['POST', changeTaskRun],
  eval: ['POST', evaluate],
};

export const actionRoutes: Route[] = Object.entries(actions).flatMap(([name, [method, handle]]): Route[] => [
  { on: `${method} /api/v1/{tenant}/executions/{executionId}/${name}`, line: '1.3', handle },
  { on: `${method} /api/v1/{tenant}/executions/{executionId}/actions/${name}`, line: '2.0', handle },
]);
