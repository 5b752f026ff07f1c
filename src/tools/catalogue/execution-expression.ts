import { z } from 'zod';
import { answer } from '../answer.ts';
import { executionId } from '../fields.ts';
import { quoted } from '../quoted.ts';
import { redact } from '../redact.ts';
import { recipe } from '../tool.ts';
import { existing } from './execution-state.ts';

const most = 5000;

/**
 * Kestra masks secret() in what it renders, but neither envs nor kv(), which reads the keys of every namespace, nor read(), which reads
 * files. http() can send anything: no mere read.
 */
export const evaluateExpression = recipe({
  name: 'evaluate_expression',
  title: 'Evaluate expression',
  description: 'Render a Pebble expression such as {{ outputs.extract.uri }} in the context of an execution, or of one of its task runs.',
  keywords: 'pebble render variable debug template',
  permissions: ['kestra.execution.write', 'kestra.kv.read', 'kestra.file.read'],
  everywhere: ['kestra.kv.read', 'kestra.file.read'],
  effect: 'write',
  input: () =>
    z.strictObject({
      execution_id: executionId,
      expression: z.string().min(1).max(most),
      task_run_id: executionId.optional(),
    }),
  target: ({ execution_id }) => ({ executionId: execution_id }),
  uses: ['getExecution', 'evalExpression', 'evalTaskRunExpression'],
  run: async ({ execution_id, expression, task_run_id }, context) => {
    const execution = await existing(context, execution_id);
    const { result, error } = await (task_run_id
      ? context.invoke('evalTaskRunExpression', { path: { executionId: execution_id, taskRunId: task_run_id }, body: expression })
      : context.invoke('evalExpression', { path: { executionId: execution_id }, body: expression }));
    return answer({
      execution_id,
      namespace: execution.namespace,
      flow_id: execution.flowId,
      evaluated: error === undefined,
      ...quoted({ result: result === undefined ? undefined : redact(result), problem: error }),
    });
  },
});
