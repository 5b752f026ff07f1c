import { now } from './clock.ts';
import type { Json, JsonObject } from './json.ts';
import { current, isEnd, type Life } from './lifecycle.ts';

export interface Label {
  key: string;
  value: string;
}

export interface Flow {
  namespace: string;
  id: string;
  revision: number;
  updated: string;
  source: string;
  definition: JsonObject;
  disabled: boolean;
  deleted: boolean;
}

export interface Attempt {
  life: Life[];
  workerId?: string;
}

export interface TaskRun {
  id: string;
  taskId: string;
  parent?: string;
  value?: string;
  iteration?: number;
  attempts: Attempt[];
  outputs: JsonObject | null;
  life: Life[];
  ofErrors?: boolean;
}

/** What an execution is for; nothing is said about a normal one. */
export type Kind = 'LOOP' | 'PLAYGROUND' | 'TEST';

export interface Execution {
  id: string;
  namespace: string;
  flowId: string;
  flowRevision: number;
  taskRuns?: TaskRun[];
  inputs?: JsonObject;
  outputs?: JsonObject;
  variables?: JsonObject;
  labels: Label[];
  life: Life[];
  parentId?: string;
  originalId: string;
  trigger?: { id: string; type: string; variables: JsonObject };
  attemptNumber: number;
  originalCreatedDate: string;
  scheduleDate?: string;
  kind?: Kind;
  loopRun?: { taskId: string; taskRunId: string; index: number; value: string };
  breakpoints?: { id: string }[];
}

export interface Log {
  namespace: string;
  flowId: string;
  taskId?: string;
  executionId: string;
  taskRunId?: string;
  attemptNumber?: number | null;
  timestamp: string;
  level: Level;
  thread: string;
  message: string;
}

export const levels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR'] as const;
export type Level = (typeof levels)[number];

const ranks = new Map<string | null, number>(levels.map((level, index) => [level, index]));

/** How grave a level is; -1 for what is none. */
export function rank(level: string | null): number {
  return ranks.get(level) ?? -1;
}

export interface Backfill {
  start: string;
  end: string;
  currentDate: string;
  paused: boolean;
  labels?: Label[];
  inputs?: JsonObject;
  previousNextExecutionDate?: string;
}

export interface TriggerState {
  namespace: string;
  flowId: string;
  triggerId: string;
  definition: JsonObject;
  updatedAt: string;
  date?: string;
  next?: string;
  evaluatedAt?: string;
  lastTriggered?: string;
  disabled: boolean;
  locked: boolean;
  executionId?: string;
  backfill?: Backfill;
}

export interface KeyValue {
  namespace: string;
  key: string;
  value: Json;
  /** As it was told from the text that was sent. */
  type?: string;
  revision: number;
  description?: string;
  created: string;
  updated: string;
  expires?: string;
}

export interface Metric {
  namespace: string;
  flowId: string;
  taskId: string;
  executionId: string;
  taskRunId: string;
  type: string;
  name: string;
  value: number;
  timestamp: string;
  tags: Record<string, string>;
}

/** A suite of unit tests of a flow (EE). */
export interface TestSuite {
  id: string;
  namespace: string;
  flowId: string;
  description?: string;
  testCases: { id: string; type: string; assertions: Json[] }[];
  source: string;
}

export interface App {
  uid: string;
  name: string;
  description?: string;
  type: string;
  namespace: string;
  flowId?: string;
  tags: string[];
  disabled: boolean;
  source: string;
  created: string;
  updated: string;
}

type Listener = (executionId: string) => void;

/** Everything that the pretended server knows. Tests may read and write it. */
export class State {
  /** All revisions of each flow, oldest first. */
  readonly flows = new Map<string, Flow[]>();
  readonly executions = new Map<string, Execution>();
  readonly logs: Log[] = [];
  readonly triggers = new Map<string, TriggerState>();
  readonly keys = new Map<string, KeyValue>();
  /** Namespace files: contents by `namespace:/path`; a directory is null. */
  readonly files = new Map<string, { content: Uint8Array | null; created: number; modified: number }>();
  /** Internal storage: contents of file inputs and outputs by URI. */
  readonly storage = new Map<string, Uint8Array>();
  readonly metrics: Metric[] = [];
  /** How many executions of a flow with a limit are running. */
  readonly limits: { tenantId: string; namespace: string; flowId: string; running: number }[] = [];
  readonly apps = new Map<string, App>();
  /** Namespaces made on their own (EE); others exist because something is in them. */
  readonly namespaces = new Map<string, { description?: string; variables?: JsonObject }>();
  readonly suites = new Map<string, TestSuite>();
  readonly results: { id: string; namespace: string }[] = [];
  readonly secrets: Label[] = [{ key: 'DEMO', value: 'demo' }];
  /** Ids of the executions and logs that somebody follows right now, one entry for each open stream. */
  readonly follows: { kind: 'execution' | 'logs'; id: string }[] = [];
  readonly #listeners = new Set<Listener>();

  /** The revision that a flow is at, if it exists and is not deleted. */
  flow(namespace: string, id: string, revision?: number): Flow | undefined {
    const revisions = this.flows.get(`${namespace}/${id}`);
    if (revision !== undefined) return revisions?.find((row) => row.revision === revision && !row.deleted);
    const latest = revisions?.at(-1);
    return latest?.deleted ? undefined : latest;
  }

  /** The newest revision of every flow, in the order in which Kestra finds them. */
  latestFlows(): Flow[] {
    return [...this.flows.values()].flatMap((revisions) => {
      const latest = revisions.at(-1);
      return latest && !latest.deleted ? [latest] : [];
    });
  }

  /** Adds a revision; its flow moves to the end of the unsorted lists. */
  saveFlow(flow: Flow): void {
    const key = `${flow.namespace}/${flow.id}`;
    const revisions = this.flows.get(key) ?? [];
    this.flows.delete(key);
    this.flows.set(key, [...revisions, flow]);
  }

  /** Tells the followers of an execution that it has changed. */
  changed(executionId: string): void {
    for (const listener of this.#listeners) listener(executionId);
  }

  /** Calls back on each change of an execution or its logs, until the returned function is called. */
  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when the execution has ended (or `until` holds), or is gone. */
  async ended(executionId: string, until = (execution: Execution): boolean => isEnd(current(execution.life))): Promise<void> {
    await new Promise<void>((resolve) => {
      const check = (): boolean => {
        const execution = this.executions.get(executionId);
        return !execution || until(execution);
      };
      if (check()) return resolve();
      const stop = this.onChange((id) => {
        if (id === executionId && check()) {
          stop();
          resolve();
        }
      });
    });
  }

  /** Writes a line to the logs of an execution. */
  log(execution: Execution, taskRun: TaskRun | undefined, level: Level, message: string, thread: string, timestamp: string = now()): void {
    this.logs.push({
      namespace: execution.namespace,
      flowId: execution.flowId,
      ...(taskRun ? { taskId: taskRun.taskId } : {}),
      executionId: execution.id,
      ...(taskRun ? { taskRunId: taskRun.id, attemptNumber: Math.max(0, taskRun.attempts.length - 1) } : { attemptNumber: null }),
      timestamp,
      level,
      thread,
      message,
    });
  }
}
