import { z } from 'zod';
import { PublicError } from '../errors.ts';
import { existing, ifFound } from './absence.ts';
import { answer } from './answer.ts';
import { doubtful } from './doubt.ts';
import { executionId, refuse } from './fields.ts';
import type { Execution } from './follow.ts';
import { type Declared, encodeInputs, flatten } from './inputs.ts';
import { executionLink } from './link.ts';
import { admitStored } from './stored-file.ts';
import { type Context, recipe } from './tool.ts';

type Uses = 'getExecution' | 'getFlow' | 'replayExecution' | 'replayExecutionWithinputs';

export const replayExecution = recipe({
  name: 'replay_execution',
  title: 'Replay execution',
  description:
    'Start a new execution like an earlier one: with its inputs, or some changed; from the beginning, or from a task, keeping the outputs before it. It does not wait.',
  permissions: ['kestra.flow.execute'],
  effect: 'run',
  input: () =>
    z.strictObject({
      execution_id: executionId,
      task_id: z.string().min(1).max(256).optional().describe('begin here'),
      inputs: z.record(z.string(), z.unknown()).optional().describe('only those that change'),
      revision: z.int().min(1).optional().describe('default: that of the execution'),
    }),
  target: ({ execution_id }) => ({ executionId: execution_id }),
  uses: ['getExecution', 'getFlow', 'replayExecution', 'replayExecutionWithinputs'],
  run: async ({ execution_id, task_id, inputs, revision }, context) => {
    const original = await existing(context.invoke, execution_id);
    const path = { executionId: execution_id };
    const query = { revision, taskRunId: task_id === undefined ? undefined : taskRunOf(original, task_id) };
    const changed = inputs && Object.keys(inputs).length > 0;
    const body = changed ? await inputsOf(original, inputs, revision, context) : undefined;
    const replay = await (body
      ? context.invoke('replayExecutionWithinputs', { path, query, body })
      : context.invoke('replayExecution', { path, query })
    ).catch(doubtful('look with list_executions for a newer one'));
    return answer({
      done: 'started',
      execution_id: replay.id,
      replay_of: execution_id,
      namespace: replay.namespace,
      flow_id: replay.flowId,
      revision: replay.flowRevision,
      state: replay.state.current,
      ...(await executionLink(context, replay)),
      next: 'get_execution with wait: true follows it',
    });
  },
});

const taskRunOf = ({ taskRunList = [] }: Execution, taskId: string): string => {
  const runs = taskRunList.filter((run) => run.taskId === taskId);
  const [run] = runs;
  if (!run) {
    const ids = [...new Set(taskRunList.map((each) => each.taskId))].slice(0, 20);
    return refuse(`No task ${JSON.stringify(taskId)} has run in this execution; these have: ${ids.join(', ')}.`);
  }
  if (runs.length > 1)
    return refuse(`The task ${taskId} ran ${runs.length} times in this execution, so it is no place to begin: name the one around it.`);
  return run.id;
};

/** Kestra takes all inputs anew, so the earlier ones go along. */
const inputsOf = async (
  { namespace, flowId, flowRevision, inputs: earlier = {} }: Execution,
  changes: Readonly<Record<string, unknown>>,
  revision: number | undefined,
  context: Context<Uses>,
) => {
  const flow = await ifFound(context.invoke('getFlow', { path: { namespace, id: flowId }, query: { revision: revision ?? flowRevision } }));
  if (!flow) throw new PublicError('not_found', `The flow ${flowId} has no revision ${revision ?? flowRevision}. Nothing was started.`);
  const declared = (flow.inputs ?? []) as readonly Declared[];
  const kept = flatten(declared).flatMap(({ id, type }) => {
    const value = valueAt(earlier, id);
    if (value === undefined || value === null || id in changes) return [];
    if (type === 'SECRET') return refuse(`The input ${id} is a secret, which can't be read back: give it again. Nothing was started.`);
    return [[id, value] as const];
  });
  return encodeInputs(declared, { ...Object.fromEntries(kept), ...changes }, (address) => admitStored(address, namespace, context));
};

/** Those of a FORM are named with a dot and kept inside. */
const valueAt = (inputs: Readonly<Record<string, unknown>>, id: string): unknown =>
  id in inputs
    ? inputs[id]
    : id
        .split('.')
        .reduce<unknown>(
          (value, name) => (value !== null && typeof value === 'object' ? (value as Record<string, unknown>)[name] : undefined),
          inputs,
        );
