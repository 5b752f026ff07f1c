import { millis, newId } from './clock.ts';
import { current, enter, isEnd, type Life } from './lifecycle.ts';
import { Run } from './run.ts';
import type { Execution, Flow, Label, TaskRun } from './state.ts';
import { line, type World } from './world.ts';

/** Runs executions: one `Run` for each that is on its way. */
export class Engine {
  readonly #world: World;
  readonly #runs = new Map<string, Run>();
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Starts an execution now, or at its schedule date. On 2.0 the first step is taken before the answer, on 1.3 after it. */
  start(execution: Execution, flow: Flow): void {
    const state = this.#world.state;
    state.executions.set(execution.id, execution);
    state.changed(execution.id);
    const wait =
      execution.scheduleDate && /(Z|[+-]\d\d:?\d\d)$/.test(execution.scheduleDate) ? millis(execution.scheduleDate) - Date.now() : 0;
    if (wait > 0) this.#later(wait, () => current(execution.life) === 'CREATED' && this.#drive(execution, flow, 0));
    else this.#drive(execution, flow, line(this.#world) === '1.3' ? 2 : 0);
  }

  /** Goes on with an execution whose task runs say how far it had come (restart, replay from a task, a changed state). */
  proceed(execution: Execution, flow: Flow, ticks: number): void {
    this.#world.state.executions.set(execution.id, execution);
    this.#world.state.changed(execution.id);
    this.#drive(execution, flow, ticks);
  }

  #drive(execution: Execution, flow: Flow, ticks: number): void {
    this.#runs.get(execution.id)?.abandon();
    const run = new Run(this.#world, this, execution, flow);
    this.#runs.set(execution.id, run);
    void run.drive(ticks).finally(() => {
      if (this.#runs.get(execution.id) === run) this.#runs.delete(execution.id);
    });
  }

  #later(milliseconds: number, then: () => void): void {
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        then();
      },
      Math.min(milliseconds, 2 ** 31 - 1),
    );
    timer.unref();
    this.#timers.add(timer);
  }

  /** The run of an execution, if it is on its way. */
  run(executionId: string): Run | undefined {
    return this.#runs.get(executionId);
  }

  /** Kills an execution and, with `cascade`, the subflows that it started. 1.3 says so later, 2.0 at once. */
  kill(execution: Execution, cascade: boolean): void {
    if (cascade) for (const child of this.#children(execution)) this.kill(child, true);
    if (isEnd(current(execution.life)) || current(execution.life) === 'KILLING') return;
    const killing = (): void => {
      if (isEnd(current(execution.life))) return;
      enter(execution.life, 'KILLING');
      this.#world.state.changed(execution.id);
      this.#later(line(this.#world) === '1.3' ? 15 : 60, () => this.#killed(execution));
    };
    if (line(this.#world) === '1.3') this.#later(10, killing);
    else killing();
  }

  #killed(execution: Execution): void {
    this.#runs.get(execution.id)?.abandon();
    for (const run of execution.taskRuns ?? []) endTaskRun(run, 'KILLED');
    enter(execution.life, 'KILLED');
    this.#world.state.changed(execution.id);
  }

  #children(execution: Execution): Execution[] {
    const ids = (execution.taskRuns ?? []).map((run) => run.outputs?.executionId);
    return ids.flatMap((id) => (typeof id === 'string' ? (this.#world.state.executions.get(id) ?? []) : []));
  }

  /** Stops everything; nothing moves afterwards. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const run of this.#runs.values()) run.abandon();
    this.#runs.clear();
  }
}

/** Ends a task run and its attempt in a state, if they haven't ended. */
export function endTaskRun(run: TaskRun, state: 'KILLED' | 'FAILED' | 'SUCCESS' | 'WARNING'): void {
  const attempt = run.attempts.at(-1);
  if (attempt && !isEnd(current(attempt.life))) enter(attempt.life, state);
  if (!isEnd(current(run.life))) {
    enter(run.life, state);
    run.outputs ??= {};
  }
}

/** A new execution of a flow, not started. */
export function newExecution(flow: Flow, life: Life[], labels: (id: string) => Label[], id: string = newId()): Execution {
  const created = life[0]?.date ?? '';
  return {
    id,
    namespace: flow.namespace,
    flowId: flow.id,
    flowRevision: flow.revision,
    labels: labels(id),
    life,
    originalId: id,
    attemptNumber: 1,
    originalCreatedDate: created,
  };
}
