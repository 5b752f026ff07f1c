import { z } from 'zod';
import { existing } from './absence.ts';
import { answer } from './answer.ts';
import { executionId, query } from './fields.ts';
import { executionLink } from './link.ts';
import { linesOf } from './log-lines.ts';
import { recipe } from './tool.ts';

const levels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR'] as const;
const mostCharacters = 1000;
const mostErrors = 5;

export const getExecutionLogs = recipe({
  name: 'get_execution_logs',
  title: 'Get execution logs',
  description: 'The last log lines of an execution, newest first, and its last errors where they are older than those.',
  permissions: ['kestra.log.read'],
  effect: 'read',
  input: () =>
    z.strictObject({
      execution_id: executionId,
      task_id: z.string().min(1).max(256).optional(),
      min_level: z.enum(levels).optional(),
      query: query.describe('a text in the message'),
      tail: z.int().min(1).max(1000).default(100).describe('how many lines'),
    }),
  target: ({ execution_id }) => ({ executionId: execution_id }),
  uses: ['getExecution', 'listLogsFromExecution'],
  run: async ({ execution_id, task_id, min_level, query, tail }, context) => {
    const execution = await existing(context.invoke, execution_id);
    const all = await context.invoke('listLogsFromExecution', {
      path: { executionId: execution_id },
      query: {
        filters: {
          ...(min_level && { level: { GREATER_THAN_OR_EQUAL_TO: min_level } }),
          ...(task_id !== undefined && { taskId: { EQUALS: task_id } }),
          ...(execution.kind === 'LOOP' && { kind: { EQUALS: 'LOOP' } }),
        },
      },
    });
    const words = query?.toLowerCase() ?? '';
    const fitting = all.filter(({ message = '' }) => message.toLowerCase().includes(words)).reverse();
    const shown = fitting.slice(0, tail);
    const errors = fitting
      .slice(tail)
      .filter(({ level }) => level === 'ERROR')
      .slice(0, mostErrors);
    const conditions = task_id !== undefined || min_level !== undefined || words !== '';
    return answer(
      {
        execution_id,
        namespace: execution.namespace,
        flow_id: execution.flowId,
        state: execution.state.current,
        lines: fitting.length,
        ...(shown.length < fitting.length && { shown: `the newest ${shown.length}; tail, min_level, task_id and query find others` }),
        by_level: Object.fromEntries(
          levels.flatMap((level) => {
            const count = fitting.filter((line) => line.level === level).length;
            return count > 0 ? [[level, count]] : [];
          }),
        ),
        ...(fitting.length === 0 && { note: conditions ? 'No line fits these conditions.' : 'It has logged nothing yet.' }),
        ...(await executionLink(context, execution)),
      },
      ...(errors.length > 0 ? [{ name: 'last_errors', language: 'text', text: linesOf(errors, mostCharacters) }] : []),
      ...(shown.length > 0 ? [{ name: 'logs', language: 'text', text: linesOf(shown, mostCharacters) }] : []),
    );
  },
});
