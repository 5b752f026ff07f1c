import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Permission } from '../../access/permission.ts';
import { type Filters, inNamespace, startedWithin } from '../../kestra/filters.ts';
import type { Invoke, OperationId, Reply } from '../../kestra/operation.ts';
import { ifFound } from '../absence.ts';
import { answer } from '../answer.ts';
import { askFirst, batches, bulkPage, collect, confirmBulk, mustConfirm } from '../bulk.ts';
import { children, flowId, instant, namespace, refuse, type State, states } from '../fields.ts';
import { type Context, type Effect, recipe, type Tool } from '../tool.ts';

type Listed = Reply<'searchExecutions'>['results'][number];

const ended: readonly State[] = ['SUCCESS', 'WARNING', 'FAILED', 'KILLED', 'CANCELLED'];
const under: readonly State[] = ['CREATED', 'SUBMITTED', 'RUNNING', 'PAUSED', 'BREAKPOINT', 'QUEUED', 'RESTARTED', 'RETRYING'];

const filter = {
  namespace: namespace.optional(),
  children,
  flow_id: flowId.optional(),
  state: z
    .array(z.enum(states, `is one of ${states.join(', ')}`))
    .min(1)
    .optional(),
  labels: z.record(z.string().min(1), z.string()).optional(),
  start_after: instant.optional(),
  start_before: instant.optional(),
};

interface Given {
  readonly namespace?: string;
  readonly children?: boolean;
  readonly flow_id?: string;
  readonly state?: readonly State[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly start_after?: string;
  readonly start_before?: string;
}

/** Never everything: 2.0 would take it. */
const filtersOf = (
  { namespace, children, flow_id, state, labels, start_after, start_before }: Given,
  possible: readonly State[],
): Filters => {
  if (flow_id && !namespace) refuse('flow_id needs the namespace of the flow.');
  if (!namespace && !start_after && !start_before && !(labels && Object.keys(labels).length > 0)) {
    refuse('Give a filter: a namespace, labels, or a time. Nothing is ever done to all executions. Nothing was done.');
  }
  const impossible = (state ?? []).filter((one) => !possible.includes(one));
  if (impossible.length > 0) refuse(`This can not be done to what is ${impossible.join(', ')}, but to ${possible.join(', ')}.`);
  return {
    ...inNamespace(namespace, children),
    ...(flow_id && { flowId: { EQUALS: flow_id } }),
    state: { IN: [...(state ?? possible)] },
    ...(labels && Object.keys(labels).length > 0 && { labels: { EQUALS: { ...labels } } }),
    ...startedWithin(start_after, start_before),
  };
};

const mostSample = 10;
const mostChecked = 10;
const pollMs = 250;
const mostPolls = 20;

interface Action<Id extends OperationId> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly keywords?: string;
  readonly done: string;
  readonly effect: Effect;
  readonly permissions: readonly Permission[];
  readonly operation: Id;
  /** The states in which Kestra does it; one execution in another fails the whole batch. */
  readonly possible: readonly State[];
  /** What it costs, for the answer that asks to confirm. */
  readonly warning?: string;
  /** The executions themselves are told apart afterwards by having left their state; not for what leaves them as they are. */
  readonly moves?: boolean;
  readonly more?: z.ZodRawShape;
  readonly act: (invoke: Invoke<Id>, ids: string[], given: Readonly<Record<string, unknown>>) => Promise<unknown>;
}

const bulk = <Id extends OperationId>(action: Action<Id>): Tool => {
  const {
    name,
    title,
    description,
    keywords = '',
    done,
    effect,
    permissions,
    operation,
    possible,
    warning,
    moves,
    more = {},
    act,
  } = action;
  return recipe({
    name,
    title,
    description: `${description} Without confirm it only says how many match, with a sample.`,
    keywords: `bulk all many ${keywords}`,
    permissions: ['kestra.execution.read', ...permissions],
    effect,
    input: () => z.strictObject({ ...filter, ...more, confirm: confirmBulk }),
    target: (given) => ({ namespace: (given as Given).namespace }),
    uses: ['searchExecutions', 'getExecution', operation] as const,
    run: async (given, context) => {
      const { confirm, ...rest } = given as Given & { confirm?: string };
      const filters = filtersOf(rest, possible);
      const rows = await collect((page, size) =>
        context.invoke('searchExecutions', { query: { page, size, sort: ['state.startDate:desc'], filters } }),
      );
      const ids = rows.map(({ id }) => id);
      const chosen = Object.keys(more).flatMap((name) => (name in rest ? [`${name}: ${(rest as Record<string, unknown>)[name]}`] : []));
      const what = [title, ...chosen].join(', ');
      if (rows.length === 0) return answer({ matching: 0, done: 'nothing', note: 'No execution matches that this can be done to.' });
      if (mustConfirm(confirm, what, ids)) {
        const facts = {
          by_state: countBy(rows.map(({ state }) => state.current)),
          by_flow: countBy(rows.map(({ namespace, flowId }) => `${namespace}.${flowId}`)),
          sample: rows.slice(0, mostSample).map(sample),
        };
        return askFirst(what, ids, facts, {
          warning,
          names: Object.entries(facts.by_flow).map(([flow, count]) => `${count} of ${flow}`),
        });
      }
      let sent = 0;
      for (const batch of batches(ids, bulkPage)) {
        try {
          await act(context.invoke as unknown as Invoke<Id>, batch, rest as Readonly<Record<string, unknown>>);
        } catch (thrown) {
          if (sent === 0) throw thrown;
          return answer({
            matching: rows.length,
            done: `${done} ${sent}`,
            problem: (thrown as Error).message,
            next: 'The others were left as they were.',
          });
        }
        sent += batch.length;
        context.progress?.(sent, rows.length, `${sent} of ${rows.length}`);
      }
      return answer({ matching: rows.length, done: `${done} ${sent}`, ...(moves && (await after(context, rows))) });
    },
  });
};

const sample = ({ id, namespace, flowId, state }: Listed) => ({
  execution_id: id,
  namespace,
  flow_id: flowId,
  state: state.current,
  started: state.startDate,
});

const countBy = (names: readonly string[]): Record<string, number> => {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a).slice(0, 20));
};

/** Both lines answer before it has happened; a few are looked at until they have left the state they were in for good, or five seconds are over. */
const after = async (context: Context<'getExecution'>, rows: readonly Listed[]) => {
  const before = new Map(rows.slice(0, mostChecked).map(({ id, state }) => [id, state.current]));
  for (let poll = 1; ; poll++) {
    const now = await Promise.all(
      [...before.keys()].map(
        async (id) => (await ifFound(context.invoke('getExecution', { path: { executionId: id } })))?.state.current ?? 'gone',
      ),
    );
    const waiting = [...before.values()].filter((state, index) => now[index] === state || now[index] === 'KILLING').length;
    if (waiting === 0 || poll === mostPolls) {
      return {
        looked_at: now.length,
        states_now: countBy(now),
        ...(waiting > 0 && {
          note: `${waiting} of those looked at are not there yet: Kestra may still be at it. search_executions shows them.`,
        }),
      };
    }
    await sleep(pollMs, undefined, { signal: context.signal });
  }
};

export const bulkExecutions: readonly Tool[] = [
  bulk({
    name: 'kill_executions',
    title: 'Kill executions',
    description: 'Stop all running executions that match.',
    done: 'the kill was sent to',
    effect: 'destroy',
    keywords: 'stop all cancel',
    permissions: ['kestra.execution.write'],
    operation: 'killExecutionsByIds',
    possible: under,
    moves: true,
    act: (invoke, body) => invoke('killExecutionsByIds', { body }),
  }),
  bulk({
    name: 'pause_executions',
    title: 'Pause executions',
    description: 'Hold all running executions that match.',
    done: 'the pause was sent to',
    effect: 'write',
    permissions: ['kestra.execution.write'],
    operation: 'pauseExecutionsByIds',
    possible: ['RUNNING'],
    moves: true,
    act: (invoke, body) => invoke('pauseExecutionsByIds', { body }),
  }),
  bulk({
    name: 'resume_executions',
    title: 'Resume executions',
    description: 'Let all paused executions that match go on; for a pause with inputs use resume_execution.',
    done: 'resumed',
    effect: 'run',
    permissions: ['kestra.execution.write'],
    operation: 'resumeExecutionsByIds',
    possible: ['PAUSED'],
    warning: 'A pause may be an approval: resuming approves it, with the default of its inputs.',
    moves: true,
    act: (invoke, body) => invoke('resumeExecutionsByIds', { body }),
  }),
  bulk({
    name: 'restart_executions',
    title: 'Restart executions',
    description: 'Restart all failed executions that match, each from its failed task.',
    done: 'restarted',
    effect: 'run',
    keywords: 'retry failed all',
    permissions: ['kestra.execution.write'],
    operation: 'restartExecutionsByIds',
    possible: ['FAILED'],
    moves: true,
    act: (invoke, body) => invoke('restartExecutionsByIds', { body }),
  }),
  bulk({
    name: 'replay_executions',
    title: 'Replay executions',
    description: 'Run all ended executions that match again from the beginning, each as a new execution with the same inputs.',
    done: 'started again:',
    effect: 'run',
    keywords: 'rerun again all',
    permissions: ['kestra.flow.execute'],
    operation: 'replayExecutionsByIds',
    possible: ended,
    warning: 'What these executions have done already is done a second time.',
    more: { latest_revision: z.boolean().optional().describe("of the flow's newest revision") },
    act: (invoke, body, { latest_revision }) =>
      invoke('replayExecutionsByIds', { query: { latestRevision: latest_revision === true }, body }),
  }),
  bulk({
    name: 'change_executions_state',
    title: 'Change state of executions',
    description: 'Rewrite the state of all ended executions that match. Nothing is run.',
    done: 'changed',
    effect: 'write',
    permissions: ['kestra.execution.write'],
    operation: 'updateExecutionsStatusByIds',
    possible: ['SUCCESS', 'WARNING', 'FAILED', 'CANCELLED'],
    moves: true,
    more: { new_state: z.enum(['SUCCESS', 'WARNING', 'FAILED', 'CANCELLED']) },
    act: (invoke, body, { new_state }) => invoke('updateExecutionsStatusByIds', { query: { newStatus: new_state as 'SUCCESS' }, body }),
  }),
  bulk({
    name: 'force_run_executions',
    title: 'Force-run executions',
    description: 'Run all hanging executions that match in spite of concurrency limits and schedules. The last resort.',
    done: 'forced to run:',
    effect: 'run',
    permissions: ['kestra.execution.write'],
    operation: 'forceRunByIds',
    possible: ['CREATED', 'QUEUED', 'PAUSED'],
    moves: true,
    act: (invoke, body) => invoke('forceRunByIds', { body }),
  }),
  bulk({
    name: 'unqueue_executions',
    title: 'Unqueue executions',
    description: 'Take all queued executions that match out of the queue of their concurrency limit, to run now or to end.',
    done: 'unqueued',
    effect: 'run',
    permissions: ['kestra.execution.write'],
    operation: 'unqueueExecutionsByIds',
    possible: ['QUEUED'],
    moves: true,
    more: { new_state: z.enum(['RUNNING', 'CANCELLED', 'FAILED']).default('RUNNING') },
    act: (invoke, body, { new_state }) => invoke('unqueueExecutionsByIds', { query: { state: new_state as 'RUNNING' }, body }),
  }),
  bulk({
    name: 'delete_executions',
    title: 'Delete executions',
    description: 'Delete all ended executions that match for good, with their logs, metrics and files.',
    done: 'deleted',
    effect: 'destroy',
    keywords: 'purge clean up old remove',
    permissions: ['kestra.execution.delete'],
    operation: 'deleteExecutionsByIds',
    possible: ended,
    warning: 'They, their logs, metrics and files can not be had back.',
    act: (invoke, body) => invoke('deleteExecutionsByIds', { body, query: { deleteLogs: true, deleteMetrics: true, deleteStorage: true } }),
  }),
];
