import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { PublicError } from '../../errors.ts';
import type { OperationId } from '../../kestra/operation.ts';
import { ifFound } from '../absence.ts';
import { answer } from '../answer.ts';
import { executionId, refuse, type State } from '../fields.ts';
import { type Execution, hasEnded } from '../follow.ts';
import { executionLink } from '../link.ts';
import { labelMap, quoted } from '../quoted.ts';
import { type Context, recipe } from '../tool.ts';

/** The execution, which must be there: Kestra 1.x can be killed by what is sent to one that is not. */
export const existing = async (context: Context<'getExecution'>, id: string): Promise<Execution> => {
  const found = await ifFound(context.invoke('getExecution', { path: { executionId: id } }));
  if (found) return found;
  throw new PublicError('not_found', `There is no execution ${id}. It may have been purged; list_executions shows those of a flow.`);
};

const pollMs = 250;
const mostPolls = 20;

/** The execution once it is as wanted, or as it stands after five seconds: both lines may answer before it has changed. */
const settled = async (context: Context<'getExecution'>, id: string, done: (execution: Execution) => boolean): Promise<Execution> => {
  for (let poll = 1; ; poll++) {
    const execution = await context.invoke('getExecution', { path: { executionId: id } });
    if (done(execution) || poll === mostPolls) return execution;
    await sleep(pollMs, undefined, { signal: context.signal });
  }
};

const changed = async <Ids extends OperationId>(context: Context<Ids>, before: Execution, after: Execution, done: string) =>
  answer({
    done,
    execution_id: before.id,
    namespace: before.namespace,
    flow_id: before.flowId,
    state_before: before.state.current,
    state: after.state.current,
    ...(!hasEnded(after) && { next: 'get_execution with wait: true follows it' }),
    ...(await executionLink(context, before)),
  });

const input = z.strictObject({ execution_id: executionId });
const target = ({ execution_id }: { execution_id: string }) => ({ executionId: execution_id });

export const pauseExecution = recipe({
  name: 'pause_execution',
  title: 'Pause execution',
  description: 'Hold a running execution before its next task; what runs now is finished. resume_execution lets it go on.',
  keywords: 'hold',
  permissions: ['kestra.execution.write'],
  effect: 'write',
  input: () => input,
  target,
  uses: ['getExecution', 'pauseExecution'],
  run: async ({ execution_id }, context) => {
    const before = await existing(context, execution_id);
    if (before.state.current !== 'RUNNING') {
      throw new PublicError('conflict', `Only what is RUNNING can be paused; this is ${before.state.current}. Nothing was done.`);
    }
    await context.invoke('pauseExecution', { path: { executionId: execution_id } });
    const after = await settled(context, execution_id, ({ state }) => state.current !== 'RUNNING');
    return changed(context, before, after, after.state.current === 'PAUSED' ? 'paused' : 'the pause was sent');
  },
});

export const forceRunExecution = recipe({
  name: 'force_run_execution',
  title: 'Force-run execution',
  description: 'Run an execution that hangs (CREATED, QUEUED or PAUSED) in spite of concurrency limits and schedules. The last resort.',
  keywords: 'stuck queued now',
  permissions: ['kestra.execution.write'],
  effect: 'run',
  input: () => input,
  target,
  uses: ['getExecution', 'forceRunExecution'],
  run: async ({ execution_id }, context) => {
    const before = await existing(context, execution_id);
    if (hasEnded(before)) throw new PublicError('conflict', `It has ended: ${before.state.current}. replay_execution runs it again.`);
    await context.invoke('forceRunExecution', { path: { executionId: execution_id } });
    const after = await settled(context, execution_id, ({ state }) => state.current !== before.state.current);
    return changed(context, before, after, 'forced to run');
  },
});

export const unqueueExecution = recipe({
  name: 'unqueue_execution',
  title: 'Unqueue execution',
  description: 'Take an execution out of the queue of its concurrency limit: run it now (default), or end it as CANCELLED or FAILED.',
  keywords: 'queue queued concurrency stuck',
  permissions: ['kestra.execution.write'],
  effect: 'run',
  input: () => z.strictObject({ execution_id: executionId, state: z.enum(['RUNNING', 'CANCELLED', 'FAILED']).default('RUNNING') }),
  target,
  uses: ['getExecution', 'unqueueExecution'],
  run: async ({ execution_id, state }, context) => {
    const before = await existing(context, execution_id);
    if (before.state.current !== 'QUEUED') {
      throw new PublicError('conflict', `Only what is QUEUED can be unqueued; this is ${before.state.current}. Nothing was done.`);
    }
    await context.invoke('unqueueExecution', { path: { executionId: execution_id }, query: { state } });
    const after = await settled(context, execution_id, (execution) => execution.state.current !== 'QUEUED');
    return changed(context, before, after, 'unqueued');
  },
});

const labels = z.record(
  z
    .string()
    .regex(/^[^:\s]+$/, 'may not contain a colon or a space')
    .refine((key) => !key.startsWith('system.'), "begins with system., which is Kestra's own"),
  z.string().max(255).nullable(),
);

export const setExecutionLabels = recipe({
  name: 'set_execution_labels',
  title: 'Set execution labels',
  description: 'Add or change labels of an execution that has ended; null takes one away. The others stay.',
  keywords: 'tag label',
  permissions: ['kestra.execution.write'],
  effect: 'write',
  input: () => z.strictObject({ execution_id: executionId, labels }),
  target,
  uses: ['getExecution', 'setLabelsOnTerminatedExecution'],
  run: async ({ execution_id, labels }, context) => {
    const before = await existing(context, execution_id);
    if (!hasEnded(before)) {
      throw new PublicError(
        'conflict',
        `Kestra labels only what has ended; this is ${before.state.current}. execute_flow takes labels at the start.`,
      );
    }
    // Kestra replaces all labels that are not its own.
    const wanted = Object.entries({ ...labelMap(before.labels), ...labels }).filter((entry): entry is [string, string] => !!entry[1]);
    if (wanted.length === 0) refuse('Kestra does not take an empty list: at least one label must stay.');
    const body = wanted.map(([key, value]) => ({ key, value }));
    await context.invoke('setLabelsOnTerminatedExecution', { path: { executionId: execution_id }, body });
    const same = ({ labels: now }: Execution) =>
      JSON.stringify(sorted(labelMap(now))) === JSON.stringify(sorted(Object.fromEntries(wanted)));
    const after = await settled(context, execution_id, same);
    return answer({
      done: same(after) ? 'labelled' : 'the labels were sent',
      execution_id,
      namespace: before.namespace,
      flow_id: before.flowId,
      ...quoted({ labels: labelMap(after.labels) }),
      ...(await executionLink(context, before)),
    });
  },
});

const sorted = (labels: Readonly<Record<string, string>>) => Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));

const endStates = ['SUCCESS', 'WARNING', 'FAILED', 'KILLED', 'CANCELLED'] as const satisfies readonly State[];

export const changeExecutionState = recipe({
  name: 'change_execution_state',
  title: 'Change execution state',
  description: 'Rewrite the state of an execution that has ended, such as FAILED to SUCCESS after a repair by hand. Nothing is run.',
  keywords: 'status mark as success',
  permissions: ['kestra.execution.write'],
  effect: 'write',
  input: () => z.strictObject({ execution_id: executionId, state: z.enum(endStates, `is one of ${endStates.join(', ')}`) }),
  target,
  uses: ['getExecution', 'updateExecutionStatus'],
  run: async ({ execution_id, state }, context) => {
    const before = await existing(context, execution_id);
    if (!hasEnded(before)) {
      throw new PublicError(
        'conflict',
        `Only the state of what has ended can be rewritten; this is ${before.state.current}. kill_execution ends it.`,
      );
    }
    if (before.state.current === state) return changed(context, before, before, 'nothing: it is so already');
    await context.invoke('updateExecutionStatus', { path: { executionId: execution_id }, query: { status: state } });
    return changed(context, before, await settled(context, execution_id, (now) => now.state.current === state), 'changed');
  },
});

export const changeTaskRunState = recipe({
  name: 'change_task_run_state',
  title: 'Change task run state',
  description:
    'Declare one task run of an ended execution as SUCCESS, WARNING or FAILED; the execution then goes on from there, so what comes after is run. get_execution shows task_run_id.',
  keywords: 'skip task mark as success continue ignore failure',
  permissions: ['kestra.execution.write'],
  effect: 'run',
  input: () =>
    z.strictObject({
      execution_id: executionId,
      task_run_id: executionId.optional().describe('default: the only one that failed'),
      state: z.enum(['SUCCESS', 'WARNING', 'FAILED']),
    }),
  target,
  uses: ['getExecution', 'updateTaskRunState'],
  run: async ({ execution_id, task_run_id, state }, context) => {
    const before = await existing(context, execution_id);
    if (!hasEnded(before)) throw new PublicError('conflict', `The execution is ${before.state.current}: wait for its end first.`);
    const taskRunId = task_run_id ?? onlyFailed(before);
    const run = before.taskRunList?.find(({ id }) => id === taskRunId);
    if (!run) throw new PublicError('not_found', `There is no task run ${taskRunId} in it: get_execution lists them.`);
    await context.invoke('updateTaskRunState', { path: { executionId: execution_id }, body: { taskRunId, state } });
    const after = await settled(context, execution_id, ({ taskRunList = [] }) =>
      taskRunList.some(({ id, state: now }) => id === taskRunId && now.current === state),
    );
    const { facts } = await changed(context, before, after, 'changed; the execution goes on');
    return answer({ ...facts, task_id: run.taskId, task_run_id: taskRunId, task_state_before: run.state.current, task_state: state });
  },
});

const onlyFailed = ({ taskRunList = [] }: Execution): string => {
  const failed = taskRunList.filter(({ state }) => state.current === 'FAILED');
  const parents = new Set(failed.map(({ parentTaskRunId }) => parentTaskRunId));
  const [one, ...others] = failed.filter(({ id }) => !parents.has(id));
  if (one && others.length === 0) return one.id;
  return refuse(
    one
      ? `Several task runs failed: ${[one, ...others]
          .slice(0, 10)
          .map(({ id, taskId }) => `${taskId} (${id})`)
          .join(', ')}. Give task_run_id.`
      : 'No task run of it failed: give task_run_id.',
  );
};
