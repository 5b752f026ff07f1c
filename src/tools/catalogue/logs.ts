import { z } from 'zod';
import { everSince, inNamespace, matching } from '../../kestra/filters.ts';
import { answer } from '../answer.ts';
import { confirm, insistOnConfirm } from '../confirm.ts';
import { children, executionId, flowId, instant, namespace, page, paged, query, refuse, size } from '../fields.ts';
import { redact } from '../redact.ts';
import { recipe } from '../tool.ts';
import { existing } from './execution-state.ts';

const levels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR'] as const;
const mostCharacters = 500;

export const searchLogs = recipe({
  name: 'search_logs',
  title: 'Search logs',
  description:
    'Find log lines across executions, newest first: by text, level, flow and time (default: the last 8 days). Then diagnose_execution.',
  keywords: 'grep find text error message',
  permissions: ['kestra.log.read'],
  effect: 'read',
  input: () =>
    z.strictObject({
      query,
      namespace: namespace.optional(),
      children,
      flow_id: flowId.optional(),
      min_level: z.enum(levels, `is one of ${levels.join(', ')}`).default('INFO'),
      start_after: instant.optional(),
      start_before: instant.optional(),
      page,
      size,
    }),
  target: ({ namespace }) => ({ namespace }),
  uses: ['searchLogs'],
  run: async ({ query, namespace, children, flow_id, min_level, start_after, start_before, page, size }, context) => {
    if (flow_id && !namespace) refuse('flow_id needs the namespace of the flow.');
    const { total, results } = await context.invoke('searchLogs', {
      query: {
        page,
        size,
        sort: ['timestamp:desc'],
        filters: {
          ...inNamespace(namespace, children),
          ...matching(query),
          ...(flow_id && { flowId: { EQUALS: flow_id } }),
          level: { GREATER_THAN_OR_EQUAL_TO: min_level },
          ...(start_after ? { startDate: { GREATER_THAN_OR_EQUAL_TO: start_after } } : start_before ? everSince : {}),
          ...(start_before && { endDate: { LESS_THAN_OR_EQUAL_TO: start_before } }),
        },
      },
    });
    const text = results
      .map(({ timestamp, level, namespace, flowId, executionId, taskId, message }) =>
        [
          timestamp,
          level,
          `${namespace}.${flowId}`,
          executionId ?? '-',
          taskId ?? '-',
          String(redact(message ?? '')).slice(0, mostCharacters),
        ].join(' '),
      )
      .join('\n');
    const count = total ?? results.length;
    return answer(
      {
        ...paged({ page, size }, count),
        shown: results.length,
        ...(results.length > 0 && { columns: 'time level flow execution_id task_id message' }),
        ...(count === 0 && page === 1 && { note: 'No log line matches. Without start_after only the last 8 days are searched.' }),
      },
      ...(text ? [{ name: 'logs', language: 'text', text }] : []),
    );
  },
});

export const deleteExecutionLogs = recipe({
  name: 'delete_execution_logs',
  title: 'Delete execution logs',
  description: 'Delete the logs of an execution, or of one of its tasks, for good; the execution stays.',
  keywords: 'purge remove',
  permissions: ['kestra.log.delete'],
  effect: 'destroy',
  input: () => z.strictObject({ execution_id: executionId, task_id: z.string().min(1).max(256).optional(), confirm }),
  target: ({ execution_id }) => ({ executionId: execution_id }),
  uses: ['getExecution', 'deleteLogsFromExecution'],
  run: async ({ execution_id, task_id, confirm }, context) => {
    const { namespace, flowId } = await existing(context, execution_id);
    insistOnConfirm(
      confirm,
      execution_id,
      `This deletes the logs of ${task_id ? `the task ${task_id} of ` : ''}execution ${execution_id} of ${namespace}.${flowId}: why it failed can not be told any more.`,
    );
    await context.invoke('deleteLogsFromExecution', { path: { executionId: execution_id }, query: { taskId: task_id } });
    return answer({ done: 'deleted', execution_id, namespace, flow_id: flowId, ...(task_id && { task_id }) });
  },
});
