import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { PublicError } from '../errors.ts';
import { existing, ifFound } from './absence.ts';
import { answer } from './answer.ts';
import { doubtful } from './doubt.ts';
import { executionId, refuse } from './fields.ts';
import { type Execution, hasEnded, isPaused } from './follow.ts';
import { type Declared, encodeInputs } from './inputs.ts';
import { executionLink } from './link.ts';
import { admitStored } from './stored-file.ts';
import { type Context, recipe } from './tool.ts';

type Uses = 'getExecution' | 'getFlow' | 'resumeExecution' | 'resumeExecutionFromBreakpoint';

export const resumeExecution = recipe({
  name: 'resume_execution',
  title: 'Resume execution',
  description: 'Let a paused execution, or one at a breakpoint, go on. A Pause task may ask for inputs, such as an approval: ask the user.',
  permissions: ['kestra.execution.write'],
  effect: 'run',
  input: () => z.strictObject({ execution_id: executionId, inputs: z.record(z.string(), z.unknown()).optional() }),
  target: ({ execution_id }) => ({ executionId: execution_id }),
  uses: ['getExecution', 'getFlow', 'resumeExecution', 'resumeExecutionFromBreakpoint'],
  run: async ({ execution_id, inputs = {} }, context) => {
    const before = await existing(context.invoke, execution_id);
    if (!isPaused(before))
      throw new PublicError('conflict', `The execution is ${before.state.current}, not paused: there is nothing to resume.`);
    await resume(before, inputs, context).catch(doubtful('see with get_execution whether it is still paused'));
    const after = await movedOn(before, context);
    return answer({
      done: 'resumed',
      execution_id,
      namespace: before.namespace,
      flow_id: before.flowId,
      state_before: before.state.current,
      state: after.state.current,
      ...(await executionLink(context, before)),
      ...(!hasEnded(after) && {
        next: isPaused(after) ? 'It is paused again: see get_execution.' : 'get_execution with wait: true follows it',
      }),
    });
  },
});

const resume = async (execution: Execution, inputs: Record<string, unknown>, context: Context<Uses>): Promise<void> => {
  const path = { executionId: execution.id };
  if (execution.state.current === 'BREAKPOINT') {
    if (Object.keys(inputs).length > 0) refuse('It stands at a breakpoint, which takes no inputs.');
    await context.invoke('resumeExecutionFromBreakpoint', { path });
    return;
  }
  const body = encodeInputs(await asked(execution, context), inputs, (address) => admitStored(address, execution.namespace, context));
  await context.invoke('resumeExecution', { path, body });
};

/** The inputs that the Pause task asks for which the execution stands at. */
const asked = async (
  { namespace, flowId, flowRevision, taskRunList = [] }: Execution,
  context: Context<Uses>,
): Promise<readonly Declared[]> => {
  const flow = await ifFound(context.invoke('getFlow', { path: { namespace, id: flowId }, query: { revision: flowRevision } }));
  const paused = taskRunList.filter(({ state }) => state.current === 'PAUSED').map(({ taskId }) => taskId);
  return (taskIn(flow, (task) => paused.includes(String(task.id)) && Array.isArray(task.onResume))?.onResume as readonly Declared[]) ?? [];
};

/** The first object inside that fits: tasks hold tasks under many names. */
const taskIn = (value: unknown, fits: (task: Record<string, unknown>) => boolean): Record<string, unknown> | undefined => {
  if (value === null || typeof value !== 'object') return undefined;
  if (!Array.isArray(value) && fits(value as Record<string, unknown>)) return value as Record<string, unknown>;
  for (const inner of Object.values(value)) {
    const found = taskIn(inner, fits);
    if (found) return found;
  }
  return undefined;
};

const pollMs = 250;
const mostPolls = 20;

/** Kestra 1.x answers before it has begun. */
const movedOn = async (before: Execution, { invoke, signal }: Context<Uses>): Promise<Execution> => {
  const steps = before.state.histories?.length ?? 0;
  for (let poll = 1; ; poll++) {
    const execution = await invoke('getExecution', { path: { executionId: before.id } });
    if ((execution.state.histories?.length ?? 0) > steps || poll === mostPolls) return execution;
    await sleep(pollMs, undefined, { signal });
  }
};
