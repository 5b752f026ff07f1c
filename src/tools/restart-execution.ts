import { z } from 'zod';
import { PublicError } from '../errors.ts';
import { existing } from './absence.ts';
import { answer } from './answer.ts';
import { doubtful } from './doubt.ts';
import { executionId } from './fields.ts';
import { hasEnded } from './follow.ts';
import { executionLink } from './link.ts';
import { recipe } from './tool.ts';

export const restartExecution = recipe({
  name: 'restart_execution',
  title: 'Restart execution',
  description:
    'Run a failed execution again from the task that failed: the same execution, the same inputs. To run all of it again: replay_execution.',
  permissions: ['kestra.execution.write'],
  effect: 'run',
  input: () => z.strictObject({ execution_id: executionId, revision: z.int().min(1).optional().describe('of the flow, once mended') }),
  target: ({ execution_id }) => ({ executionId: execution_id }),
  uses: ['getExecution', 'restartExecution'],
  run: async ({ execution_id, revision }, context) => {
    const before = await existing(context.invoke, execution_id);
    const { current } = before.state;
    if (!hasEnded(before)) throw new PublicError('conflict', `The execution is ${current}: only one that has ended is restarted.`);
    if (current === 'SUCCESS')
      throw new PublicError('conflict', 'The execution succeeded, so no task is left to restart from: replay_execution runs it again.');
    const after = await context
      .invoke('restartExecution', { path: { executionId: execution_id }, query: { revision } })
      .catch(doubtful('see with get_execution whether it runs'));
    return answer({
      done: 'restarted',
      execution_id: after.id,
      namespace: before.namespace,
      flow_id: before.flowId,
      revision: after.flowRevision,
      state_before: current,
      state: after.state.current,
      ...(await executionLink(context, after)),
      next: 'get_execution with wait: true follows it',
    });
  },
});
