import { z } from 'zod';
import { answer } from '../answer.ts';
import { confirm, insistOnConfirm } from '../confirm.ts';
import { executionId } from '../fields.ts';
import { hasEnded } from '../follow.ts';
import { recipe } from '../tool.ts';
import { existing } from './execution-state.ts';

export const deleteExecution = recipe({
  name: 'delete_execution',
  title: 'Delete execution',
  description: 'Delete an execution for good, with its logs, metrics and files. To stop one that runs use kill_execution.',
  permissions: ['kestra.execution.delete'],
  effect: 'destroy',
  input: () =>
    z.strictObject({
      execution_id: executionId,
      keep_logs: z.boolean().optional(),
      keep_files: z.boolean().optional(),
      confirm,
    }),
  target: ({ execution_id }) => ({ executionId: execution_id }),
  uses: ['getExecution', 'deleteExecution'],
  run: async ({ execution_id, keep_logs, keep_files, confirm }, context) => {
    const execution = await existing(context, execution_id);
    const { namespace, flowId, state } = execution;
    insistOnConfirm(
      confirm,
      execution_id,
      `This deletes execution ${execution_id} of ${namespace}.${flowId}, ${state.current}, started ${state.startDate}${keep_logs ? '' : ', with its logs'}${keep_files ? '' : ' and its files'}.${
        hasEnded(execution) ? '' : ' It has not ended: it is not stopped by this; kill_execution does that.'
      }`,
    );
    await context.invoke('deleteExecution', {
      path: { executionId: execution_id },
      query: { deleteLogs: !keep_logs, deleteMetrics: !keep_logs, deleteStorage: !keep_files },
    });
    return answer({ done: 'deleted', execution_id, namespace, flow_id: flowId });
  },
});
