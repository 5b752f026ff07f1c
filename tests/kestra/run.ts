import { randomUUID } from 'node:crypto';
import { duration, newId, now } from './clock.ts';
import { type Engine, endTaskRun } from './engine.ts';
import { ExpressionError, render, renderAll, truthy } from './expression.ts';
import { type Json, type JsonObject, object, objects, string } from './json.ts';
import { current, enter, isEnd, type StateName } from './lifecycle.ts';
import { trace } from './stack-trace.ts';
import type { Attempt, Execution, Flow, TaskRun } from './state.ts';
import { Failure, flowables, type TaskContext, worker } from './tasks.ts';
import { variablesOf } from './variables.ts';
import { line, type World } from './world.ts';

/** Thrown inside a run that has been killed or replaced: nothing more happens in it. */
class Abandoned extends Error {}

/** Where a task runs: inside another, in a round of a loop, in an error handler, in its parent's own process. */
export interface Place {
  parent?: TaskRun;
  value?: string;
  iteration?: number;
  ofErrors?: boolean;
  inline?: boolean;
}

/** How a list of tasks came out. */
export type Outcome = 'SUCCESS' | 'WARNING' | 'FAILED';

const workerId = randomUUID();
let thread = 0;

/** One execution on its way through its flow. */
export class Run {
  readonly execution: Execution;
  readonly flow: Flow;
  readonly #world: World;
  readonly engine: Engine;
  readonly #abandon = new AbortController();
  #resumed: (() => void) | undefined;
  #goOn: (() => void) | undefined;
  #held: Promise<void> | undefined;
  #release: (() => void) | undefined;

  constructor(world: World, engine: Engine, execution: Execution, flow: Flow) {
    this.#world = world;
    this.engine = engine;
    this.execution = execution;
    this.flow = flow;
  }

  /** Takes the execution to its end. */
  async drive(ticks: number): Promise<void> {
    try {
      for (let tick = 0; tick < ticks; tick++) await this.tick();
      this.move('RUNNING');
      let outcome = await this.sequence(objects(this.flow.definition.tasks));
      if (outcome === 'FAILED') await this.sequence(objects(this.flow.definition.errors), { ofErrors: true });
      const last = await this.sequence(objects(this.flow.definition.finally));
      if (last === 'FAILED') outcome = 'FAILED';
      if (outcome !== 'FAILED') outcome = this.#flowOutputs(outcome);
      if (ticks > 0 || this.execution.taskRuns?.length) await this.#beforeEnd();
      this.move(outcome);
    } catch (error) {
      if (!(error instanceof Abandoned)) throw error;
    }
  }

  async #beforeEnd(): Promise<void> {
    const settled = this.execution.life.some((step) => step.state === 'RESTARTED') && line(this.#world) === '2.0';
    if (!settled) await this.tick();
  }

  #flowOutputs(outcome: Outcome): Outcome {
    const declared = objects(this.flow.definition.outputs);
    if (declared.length === 0) return outcome;
    try {
      const variables = this.variables();
      this.execution.outputs = Object.fromEntries(
        declared.map((output) => [String(output.id), renderAll(output.value ?? null, variables)]),
      );
      return outcome;
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      const thread = line(this.#world) === '1.3' ? 'jdbc-execution-executor_1' : 'executor-execution-event-executor_1';
      const exception = trace(error.message, line(this.#world), 'io.kestra.core.exceptions.IllegalVariableEvaluationException');
      this.#world.state.log(this.execution, undefined, 'ERROR', `Failed to render output values: ${error.message}`, thread);
      this.#world.state.log(this.execution, undefined, 'TRACE', exception, thread);
      enter(this.execution.life, 'SUCCESS');
      enter(this.execution.life, 'FAILED');
      this.changed();
      return 'FAILED';
    }
  }

  /** Moves the execution on, unless it has ended. */
  move(state: StateName): void {
    if (isEnd(current(this.execution.life)) || current(this.execution.life) === state) return;
    enter(this.execution.life, state);
    this.changed();
  }

  /** Tells the followers. */
  changed(): void {
    this.#world.state.changed(this.execution.id);
  }

  /** Waits for one step of the engine, and for as long as the execution is held by a pause. */
  async tick(milliseconds: number = this.#world.pace): Promise<void> {
    await this.sleep(milliseconds);
    while (this.#held) await this.#held;
    this.#check();
  }

  #check(): void {
    if (this.#abandon.signal.aborted) throw new Abandoned();
  }

  /** Waits, unless the run is abandoned. */
  async sleep(milliseconds: number): Promise<void> {
    this.#check();
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#abandon.signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, Math.min(milliseconds, 2 ** 31 - 1));
      this.#abandon.signal.addEventListener('abort', done);
    });
    this.#check();
  }

  /** Waits for something that another part of the engine does. */
  async until(promise: Promise<unknown>): Promise<void> {
    await Promise.race([promise, new Promise((resolve) => this.#abandon.signal.addEventListener('abort', resolve, { once: true }))]);
    this.#check();
  }

  /** Nothing more happens in this run. */
  abandon(): void {
    this.#abandon.abort();
    this.#release?.();
  }

  /** Stops before the next step until `resume`, as the pause action does; a task that runs goes on. */
  hold(): void {
    this.#held = new Promise((resolve) => {
      this.#release = () => {
        this.#held = undefined;
        resolve();
      };
    });
    this.move('PAUSED');
  }

  /** Waits in a Pause task until somebody resumes. */
  async paused(): Promise<void> {
    this.move('PAUSED');
    const resumed = new Promise<void>((resolve) => {
      this.#resumed = resolve;
    });
    await this.until(resumed);
    await this.tick();
    this.move('RUNNING');
  }

  /** Goes on after a pause. */
  resume(): void {
    if (this.#release) {
      this.#release();
      this.#release = undefined;
      setTimeout(() => this.move('RUNNING'), this.#world.pace);
    }
    this.#resumed?.();
    this.#resumed = undefined;
  }

  /** What expressions can see. */
  variables(taskRun?: TaskRun): JsonObject {
    return variablesOf(this.#world, this.execution, this.flow, taskRun);
  }

  /** Runs tasks one after another until one fails. */
  async sequence(tasks: JsonObject[], place: Place = {}): Promise<Outcome> {
    let outcome: Outcome = 'SUCCESS';
    for (const task of tasks) {
      const one = await this.task(task, place);
      if (one === 'FAILED') return 'FAILED';
      if (one === 'WARNING') outcome = 'WARNING';
    }
    return outcome;
  }

  /** Runs one task, or takes it as it was left. */
  async task(task: JsonObject, place: Place = {}): Promise<Outcome> {
    if (task.disabled === true) return 'SUCCESS';
    const run = this.#taskRun(task, place);
    const state = current(run.life);
    if (state === 'SUCCESS' || state === 'SKIPPED') return 'SUCCESS';
    if (state === 'WARNING' || state === 'FAILED') return state;
    const condition = string(task.runIf ?? task.when);
    if (condition !== undefined && !truthy(render(condition, this.variables(run)))) {
      enter(run.life, 'SKIPPED');
      run.attempts.push({
        life: [
          { state: 'CREATED', date: run.life[0]?.date ?? now() },
          { state: 'SKIPPED', date: now() },
        ],
      });
      this.changed();
      return 'SUCCESS';
    }
    if (state === 'CREATED' && this.execution.breakpoints?.some((point) => point.id === run.taskId)) await this.#breakpoint(run);
    const flowable = flowables[string(task.type) ?? ''];
    const outcome = flowable ? await this.#container(task, run, flowable, place) : await this.#work(task, run, place);
    return outcome === 'FAILED' && task.allowFailure === true ? 'WARNING' : outcome;
  }

  /** Stops before a task until somebody goes on. */
  async #breakpoint(run: TaskRun): Promise<void> {
    await this.tick();
    enter(run.life, 'BREAKPOINT');
    this.move('BREAKPOINT');
    const gone = new Promise<void>((resolve) => {
      this.#goOn = () => {
        enter(run.life, 'CREATED');
        this.move('RUNNING');
        resolve();
      };
    });
    await this.until(gone);
  }

  /** Goes on from a breakpoint, to the next ones. */
  goOn(next: readonly string[]): void {
    if (next.length) this.execution.breakpoints = next.map((id) => ({ id }));
    else delete this.execution.breakpoints;
    this.#goOn?.();
    this.#goOn = undefined;
  }

  #taskRun(task: JsonObject, { parent, value, iteration, ofErrors }: Place): TaskRun {
    this.execution.taskRuns ??= [];
    const known = this.execution.taskRuns.findLast((run) => run.taskId === task.id && run.parent === parent?.id && run.value === value);
    if (known) return known;
    const run: TaskRun = {
      id: newId(),
      taskId: String(task.id),
      ...(parent ? { parent: parent.id } : {}),
      ...(value === undefined ? {} : { value }),
      ...(iteration === undefined ? {} : { iteration }),
      attempts: [],
      outputs: null,
      life: [{ state: 'CREATED', date: now() }],
      ...(ofErrors ? { ofErrors } : {}),
    };
    this.execution.taskRuns.push(run);
    this.changed();
    return run;
  }

  #context(task: JsonObject, taskRun: TaskRun, place: Place): TaskContext {
    const name = line(this.#world) === '1.3' ? 'worker' : 'worker-default';
    const threadName = `${name}_${thread++ % 16}`;
    return {
      world: this.#world,
      run: this,
      task,
      taskRun,
      inside: (more = {}) => ({ ...place, parent: taskRun, ...(taskRun.value === undefined ? {} : { value: taskRun.value }), ...more }),
      text: (key) => {
        const raw = task[key];
        return raw === undefined || raw === null ? undefined : render(String(raw), this.variables(taskRun));
      },
      value: (raw: Json) => renderAll(raw, this.variables(taskRun)),
      log: (level, message) => {
        this.#world.state.log(this.execution, taskRun, level, message, threadName);
        this.changed();
      },
    };
  }

  async #container(task: JsonObject, run: TaskRun, perform: (context: TaskContext) => Promise<Outcome>, place: Place): Promise<Outcome> {
    if (task.type === 'io.kestra.plugin.core.flow.Pause' && current(run.life) === 'CREATED') await this.tick();
    if (run.attempts.length === 0) {
      const date = now();
      run.attempts.push({
        life: [
          { state: 'CREATED', date },
          { state: 'RUNNING', date: now() },
        ],
      });
    }
    if (current(run.life) !== 'RUNNING') enter(run.life, 'RUNNING');
    run.outputs ??= {};
    this.changed();
    const context = this.#context(task, run, place);
    let outcome: Outcome;
    try {
      outcome = await perform(context);
    } catch (error) {
      outcome = this.#failed(error, context);
    }
    if (outcome === 'FAILED' && Array.isArray(task.errors)) await this.sequence(objects(task.errors), context.inside({ ofErrors: true }));
    if (Array.isArray(task.finally)) await this.sequence(objects(task.finally), context.inside());
    endTaskRun(run, outcome === 'FAILED' && task.allowFailure === true ? 'WARNING' : outcome);
    this.changed();
    return outcome;
  }

  #failed(error: unknown, context: TaskContext): Outcome {
    if (error instanceof Abandoned) throw error;
    if (!(error instanceof Failure) && !(error instanceof ExpressionError)) throw error;
    const type = error instanceof ExpressionError ? 'io.kestra.core.exceptions.IllegalVariableEvaluationException' : 'java.lang.Exception';
    context.log('ERROR', error.message);
    context.log('TRACE', trace(error.message, line(this.#world), type));
    return 'FAILED';
  }

  async #work(task: JsonObject, run: TaskRun, place: Place): Promise<Outcome> {
    const retry = object(task.retry);
    const most = Number(retry.maxAttempts ?? retry.maxAttempt ?? 1);
    if (current(run.life) === 'CREATED') await this.tick();
    for (let attempt = 1; ; attempt++) {
      if (!place.inline) {
        enter(run.life, 'SUBMITTED');
        this.changed();
        await this.tick();
      }
      const state = await this.#attempt(task, run, place);
      if (state === 'FAILED' && attempt < most) {
        for (const step of ['FAILED', 'RETRYING'] as const) {
          enter(run.life, step);
          enter(this.execution.life, step);
        }
        this.changed();
        await this.tick(duration(string(retry.interval) ?? '') ?? 0);
        enter(run.life, 'CREATED');
        this.move('RUNNING');
        continue;
      }
      enter(run.life, state === 'FAILED' && task.allowFailure === true ? 'WARNING' : state);
      this.changed();
      await this.tick();
      return state;
    }
  }

  async #attempt(task: JsonObject, run: TaskRun, place: Place): Promise<Outcome> {
    enter(run.life, 'RUNNING');
    const date = now();
    const attempt: Attempt = {
      life: [
        { state: 'CREATED', date },
        { state: 'RUNNING', date: now() },
      ],
      workerId,
    };
    run.attempts.push(attempt);
    this.changed();
    const context = this.#context(task, run, place);
    let outcome: Outcome;
    try {
      const perform = worker(string(task.type) ?? '');
      [outcome, run.outputs] = await perform(context);
    } catch (error) {
      outcome = this.#failed(error, context);
      run.outputs = {};
    }
    enter(attempt.life, outcome);
    return outcome;
  }
}
