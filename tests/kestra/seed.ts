import { at, newId } from './clock.ts';
import { newExecution } from './engine.ts';
import { ExpressionError, render, renderAll } from './expression.ts';
import { type JsonObject, objects } from './json.ts';
import { runLabels } from './labels.ts';
import type { Life, StateName } from './lifecycle.ts';
import { readApp } from './routes/apps.ts';
import { saveFlow } from './save-flow.ts';
import { seedApps, seedFlows } from './seed-flows.ts';
import type { Kestra } from './server.ts';
import { trace } from './stack-trace.ts';
import type { Execution, Flow, Level, TaskRun } from './state.ts';
import { checkFlow } from './validate.ts';
import { variablesOf } from './variables.ts';
import { line, type World } from './world.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** What happened once. */
interface Past {
  namespace: string;
  flowId: string;
  ago: number;
  inputs?: JsonObject;
  from?: 'api' | 'ui' | 'trigger';
  labels?: string[];
}

const history: readonly Past[] = [
  // Older than the eight days that a search without dates looks back.
  { namespace: 'acme.data', flowId: 'daily_sales_report', ago: 20 * day, from: 'trigger' },
  { namespace: 'acme.data', flowId: 'daily_sales_report', ago: 6 * day, from: 'trigger' },
  { namespace: 'acme.ops', flowId: 'cleanup_tmp', ago: 5 * day + 3 * hour },
  { namespace: 'acme.data', flowId: 'daily_sales_report', ago: 5 * day, from: 'trigger' },
  { namespace: 'acme.data.raw', flowId: 'ingest_orders', ago: 4 * day, inputs: { source: 'shop' }, labels: ['run:backfill'] },
  { namespace: 'acme.data', flowId: 'daily_sales_report', ago: 3 * day, from: 'trigger', inputs: { country: 'FR' } },
  { namespace: 'other.team', flowId: 'hello', ago: 2 * day, inputs: { name: 'Ada' }, from: 'ui' },
  { namespace: 'acme.data', flowId: 'daily_sales_report', ago: 1 * day, from: 'trigger', inputs: { country: 'US', limit: 500 } },
  { namespace: 'acme.data.raw', flowId: 'ingest_orders', ago: 20 * hour, inputs: { source: 'marketplace' } },
  { namespace: 'acme.ops', flowId: 'cleanup_tmp', ago: 9 * hour, from: 'trigger', labels: ['run:nightly'] },
  { namespace: 'other.team', flowId: 'hello', ago: 2 * hour, inputs: { name: 'Grace' }, from: 'ui' },
  { namespace: 'acme.ops', flowId: 'cleanup_tmp', ago: 40 * minute },
];

/** Fills a pretended Kestra with a small company: flows, triggers, keys, apps (EE) and executions of the last week, some of which failed. */
export function seed(kestra: Kestra): void {
  const { world } = kestra;
  for (const source of seedFlows(line(world))) {
    const verdict = checkFlow(source, { line: line(world), plugins: world.plugins });
    if ('refusal' in verdict) throw verdict.refusal;
    saveFlow(world, verdict.flow, source);
  }
  for (const past of history) happen(world, past);
  const date = at(Date.now() - 3 * day);
  const keys = { 'acme.data/batch_size': 500, 'acme.data/last_import': '2026-01-01T00:00:00Z', 'acme.ops/on_call': 'grace' };
  for (const [name, value] of Object.entries(keys)) {
    const [namespace = '', key = ''] = name.split('/');
    world.state.keys.set(name, { namespace, key, value, revision: 1, created: date, updated: date });
  }
  if (world.edition === 'EE') {
    for (const source of seedApps) {
      const app = { uid: newId(), ...readApp(source), created: date, updated: date };
      world.state.apps.set(app.uid, app);
    }
  }
}

/** Adds an execution that ran its Log, Return and Fail tasks some time ago. */
function happen(world: World, past: Past): void {
  const flow = world.state.flow(past.namespace, past.flowId);
  if (!flow) throw new Error(`no flow ${past.namespace}/${past.flowId}`);
  let moment = Date.now() - past.ago;
  const tick = (milliseconds: number): string => {
    moment += milliseconds;
    return at(moment);
  };
  const execution = started(flow, past, tick);
  const runs: TaskRun[] = [];
  execution.taskRuns = runs;
  let outcome: StateName = 'SUCCESS';
  for (const task of objects(flow.definition.tasks)) {
    outcome = runTask(world, flow, execution, task, tick);
    if (outcome === 'FAILED') break;
  }
  if (outcome === 'FAILED') for (const task of objects(flow.definition.errors)) runTask(world, flow, execution, task, tick, true);
  const outputs = objects(flow.definition.outputs);
  if (outcome === 'SUCCESS' && outputs.length) {
    const variables = variablesOf(world, execution, flow);
    execution.outputs = Object.fromEntries(outputs.map((output) => [String(output.id), renderAll(output.value ?? null, variables)]));
  }
  execution.life.push({ state: outcome, date: tick(12) });
  world.state.executions.set(execution.id, execution);
}

function started(flow: Flow, { inputs = {}, from = 'api', labels = [] }: Past, tick: (milliseconds: number) => string): Execution {
  const life: Life[] = [
    { state: 'CREATED', date: tick(0) },
    { state: 'RUNNING', date: tick(25) },
  ];
  const execution = newExecution(flow, life, (id) => runLabels(flow, labels, from, id));
  const declared = objects(flow.definition.inputs);
  if (declared.length) {
    execution.inputs = Object.fromEntries(declared.map((input) => [String(input.id), inputs[String(input.id)] ?? input.defaults ?? null]));
  }
  const schedule = objects(flow.definition.triggers)[0];
  if (from === 'trigger' && schedule) {
    execution.trigger = { id: String(schedule.id), type: String(schedule.type), variables: { date: life[0]?.date ?? '' } };
  }
  return execution;
}

function runTask(
  world: World,
  flow: Flow,
  execution: Execution,
  task: JsonObject,
  tick: (milliseconds: number) => string,
  ofErrors = false,
): StateName {
  const type = String(task.type).split('.').at(-1);
  const failed = type === 'Fail';
  const state = failed ? 'FAILED' : 'SUCCESS';
  const life: Life[] = [
    { state: 'CREATED', date: tick(8) },
    { state: 'SUBMITTED', date: tick(11) },
    { state: 'RUNNING', date: tick(14) },
  ];
  const attempt: Life[] = [
    { state: 'CREATED', date: tick(0) },
    { state: 'RUNNING', date: tick(1) },
  ];
  const run: TaskRun = {
    id: newId(),
    taskId: String(task.id),
    attempts: [{ life: attempt, workerId: 'b6e9a0f2-5f0e-4a57-9b2c-1d1f4f2c7a31' }],
    outputs: {},
    life,
    ...(ofErrors ? { ofErrors } : {}),
  };
  execution.taskRuns?.push(run);
  const shown = (key: string): string => show(String(task[key] ?? ''), variablesOf(world, execution, flow, run));
  const log = (level: Level, message: string): void => world.state.log(execution, run, level, message, 'worker_3', tick(2));
  if (type === 'Log') log(task.level === 'ERROR' ? 'ERROR' : 'INFO', shown('message'));
  if (type === 'Return') {
    run.outputs = { value: shown('format') };
    log('DEBUG', shown('format'));
  }
  if (failed) {
    log('ERROR', shown('errorMessage'));
    log('TRACE', trace(shown('errorMessage'), line(world)));
  }
  attempt.push({ state, date: tick(230) });
  life.push({ state, date: tick(1) });
  return state;
}

function show(text: string, variables: JsonObject): string {
  try {
    return render(text, variables);
  } catch (error) {
    if (error instanceof ExpressionError) return text;
    throw error;
  }
}
