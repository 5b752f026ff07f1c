import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { ofFlow } from '../kestra/filters.ts';
import { existing, flowNote } from './absence.ts';
import { answer } from './answer.ts';
import { diagnose, diagnosisUses } from './diagnosis.ts';
import { briefExecution, fullExecution } from './execution-view.ts';
import { executionId, flowId, namespace, page, paged, size, states, timeoutSeconds, wait } from './fields.ts';
import { type Execution, hasEnded, waitFor, waitSeconds } from './follow.ts';
import { executionLink } from './link.ts';
import { redact } from './redact.ts';
import { type Context, recipe } from './tool.ts';

export const getExecution = recipe({
  name: 'get_execution',
  title: 'Get execution',
  description:
    "An execution's state, tasks, inputs and outputs, and why it failed; with task_id also that task's outputs. With wait it follows until the end, or until the time is up.",
  permissions: ['kestra.execution.read'],
  effect: 'read',
  input: () =>
    z.strictObject({
      execution_id: executionId,
      task_id: z.string().min(1).max(256).optional(),
      wait,
      timeout_seconds: timeoutSeconds,
    }),
  target: ({ execution_id }) => ({ executionId: execution_id }),
  uses: [...diagnosisUses, 'followExecution', 'getTaskOutputsInformation', 'getTaskRunOutputs'],
  run: async ({ execution_id, task_id, wait, timeout_seconds }, context) => {
    const present = await existing(context.invoke, execution_id);
    const execution = wait && !hasEnded(present) ? await waitFor(context, execution_id, waitSeconds(timeout_seconds, context)) : present;
    const facts = {
      ...(await fullExecution(context, execution)),
      ...(task_id !== undefined && (await taskOutputs(context, execution, task_id))),
    };
    if (execution.state.current !== 'FAILED') return answer(facts);
    const why = await diagnose(context, execution);
    return answer({ ...facts, ...why.facts }, ...why.blocks);
  },
});

const mostOutputs = 20;

/** What the runs of one task gave: Kestra 2 has outputs on routes of their own. */
const taskOutputs = async (
  context: Context<'getTaskOutputsInformation' | 'getTaskRunOutputs'>,
  { id, taskRunList = [] }: Execution,
  taskId: string,
) => {
  const runs = taskRunList.filter((run) => run.taskId === taskId);
  if (runs.length === 0) {
    const ids = [...new Set(taskRunList.map((run) => run.taskId))].slice(0, mostOutputs);
    return {
      task_outputs_note: `No task ${JSON.stringify(taskId)} has run here${ids.length > 0 ? `; these have: ${ids.join(', ')}` : ' yet'}.`,
    };
  }
  const outputs = (await context.invoke('getTaskOutputsInformation', { path: { executionId: id } })).filter(
    (output) => output.taskId === taskId,
  );
  const shown = await Promise.all(
    outputs.slice(0, mostOutputs).map(async ({ taskRunId = '', iteration, value }) => ({
      task_run_id: taskRunId,
      ...(iteration !== undefined && { iteration }),
      quoted: {
        ...(value !== undefined && { value }),
        outputs: redact(await context.invoke('getTaskRunOutputs', { path: { executionId: id, taskRunId } })),
      },
    })),
  );
  return {
    task_outputs: shown,
    ...(shown.length === 0 && { task_outputs_note: `The task ${taskId} has no outputs.` }),
    ...(outputs.length > shown.length && { task_outputs_note: `${shown.length} of ${outputs.length} runs of the task` }),
  };
};

export const listExecutions = recipe({
  name: 'list_executions',
  title: 'List executions',
  description: 'The executions of one flow, newest first. Then get_execution for one in full.',
  permissions: ['kestra.execution.read'],
  effect: 'read',
  input: () =>
    z.strictObject({ namespace, flow_id: flowId, state: z.enum(states, `is one of ${states.join(', ')}`).optional(), page, size }),
  target: ({ namespace }) => ({ namespace }),
  uses: ['searchExecutions', 'getFlow', 'searchFlows'],
  run: async ({ namespace, flow_id, state, page, size }, context) => {
    const { total, results } = await context.invoke('searchExecutions', {
      query: {
        page,
        size,
        sort: ['state.startDate:desc'],
        filters: { ...ofFlow(namespace, flow_id), ...(state && { state: { EQUALS: state } }) },
      },
    });
    const none = `No execution of ${flow_id} in ${namespace}${state ? ` is ${state}` : ''}.`;
    return answer({
      ...paged({ page, size }, total),
      executions: await Promise.all(results.map((execution) => briefExecution(context, execution))),
      ...(total === 0 && page === 1 && { note: `${none} ${(await flowNote(context, namespace, flow_id)) ?? 'The flow exists.'}` }),
    });
  },
});

const pollMs = 250;
const mostPolls = 20;

export const killExecution = recipe({
  name: 'kill_execution',
  title: 'Kill execution',
  description: 'Stop a running execution and its subflows. It stays in the history; nothing is deleted.',
  permissions: ['kestra.execution.write'],
  effect: 'destroy',
  input: () => z.strictObject({ execution_id: executionId }),
  target: ({ execution_id }) => ({ executionId: execution_id }),
  uses: ['getExecution', 'killExecution'],
  run: async ({ execution_id }, context) => {
    const before = await existing(context.invoke, execution_id);
    const facts = { execution_id, namespace: before.namespace, flow_id: before.flowId, ...(await executionLink(context, before)) };
    if (hasEnded(before)) return answer({ ...facts, state: before.state.current, done: 'nothing: it had finished already' });
    await context.invoke('killExecution', { path: { executionId: execution_id } });
    const after = await settled(context, execution_id);
    return answer({
      ...facts,
      state_before: before.state.current,
      state: after.state.current,
      done: hasEnded(after)
        ? after.state.current === 'KILLED'
          ? 'killed'
          : 'nothing: it finished by itself first'
        : 'the kill was sent; the execution is stopping: see get_execution',
    });
  },
});

/** Kestra 1.x still says RUNNING right after a kill. */
const settled = async ({ invoke, signal }: Context<'getExecution'>, executionId: string): Promise<Execution> => {
  for (let poll = 1; ; poll++) {
    const execution = await invoke('getExecution', { path: { executionId } });
    if (hasEnded(execution) || poll === mostPolls) return execution;
    await sleep(pollMs, undefined, { signal });
  }
};
