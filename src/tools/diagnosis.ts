import { createTwoFilesPatch } from 'diff';
import type { Permission } from '../access/permission.ts';
import { KestraError } from '../kestra/failure.ts';
import { everSince, ofFlow } from '../kestra/filters.ts';
import type { Reply } from '../kestra/operation.ts';
import { ifFound } from './absence.ts';
import type { Block } from './answer.ts';
import type { Execution } from './follow.ts';
import { redact } from './redact.ts';
import { taskSource } from './task-source.ts';
import type { Context } from './tool.ts';

/** What a diagnosis asks Kestra. */
export const diagnosisUses = ['getExecution', 'searchExecutions', 'listLogsFromExecution', 'getFlow'] as const;
type Uses = (typeof diagnosisUses)[number];

export interface Diagnosis {
  readonly facts: Readonly<Record<string, unknown>>;
  readonly blocks: readonly Block[];
}

const mostFailures = 10;
const mostLogLines = 20;
const mostSourceCharacters = 2000;
const deepest = 3;

/**
 * Why an execution failed: the failed task runs, the last warnings and errors, the part of the flow that failed, the failed subflows
 * followed down, and what changed since the last success. What the caller may not read is left out, with a note.
 */
export const diagnose = async (context: Context<Uses>, execution: Execution, depth = 0): Promise<Diagnosis> => {
  const failures = leafFailures(execution);
  const name = depth === 0 ? '' : `_of_${execution.id}`;
  const hidden: string[] = [];
  const part = async <T>(what: string, needed: Permission, ask: () => Promise<T>): Promise<T | undefined> => {
    if (context.may(needed, execution.namespace)) {
      return ask().catch((thrown: unknown) => {
        // What can't be had must not hide the rest.
        if (!(thrown instanceof KestraError) || context.signal.aborted) throw thrown;
        hidden.push(`${what}: ${thrown.message}`);
        return undefined;
      });
    }
    hidden.push(`${what}: your roles lack ${needed} in ${execution.namespace}`);
    return undefined;
  };
  const [logs, flow, success, children] = await Promise.all([
    part('logs', 'kestra.log.read', () => lastTrouble(context, execution)),
    part('source', 'kestra.flow.read', () => flowAt(context, execution, execution.flowRevision)),
    part('last success', 'kestra.execution.read', () => lastSuccess(context, execution)),
    part('subflows', 'kestra.execution.read', () => failedSubflows(context, execution, depth)),
  ]);
  const [first] = failures;
  const source = first && flow?.source ? taskSource(flow.source, first.taskId)?.slice(0, mostSourceCharacters) : undefined;
  const change =
    success && flow ? await part('source change', 'kestra.flow.read', () => sourceChange(context, execution, success, flow)) : undefined;
  return {
    facts: {
      failed_tasks: failures.slice(0, mostFailures).map(({ id, taskId, state, attempts }) => ({
        task_id: taskId,
        task_run_id: id,
        state: state.current,
        attempts: attempts?.length ?? 0,
        failed_at: state.endDate ?? undefined,
      })),
      ...(failures.length > mostFailures && { more_failed_tasks: failures.length - mostFailures }),
      ...(success !== undefined && { last_success: success ? comparison(execution, success) : 'none: this flow has never succeeded' }),
      ...(children && children.length > 0 && { failed_subflows: children.map(({ about }) => about) }),
      ...(hidden.length > 0 && { not_shown: hidden }),
    },
    blocks: [
      ...(logs ? [{ name: `logs${name}`, language: 'text', text: logs }] : []),
      ...(source ? [{ name: `failed_task_source${name}`, language: 'yaml', text: source }] : []),
      ...(change ? [{ name: `source_change_since_success${name}`, language: 'diff', text: change }] : []),
      ...(children ?? []).flatMap(({ diagnosis }) => diagnosis?.blocks ?? []),
    ],
  };
};

type TaskRun = NonNullable<Execution['taskRunList']>[number];

/** A task that contains others fails with them; the innermost ones tell why. */
const leafFailures = ({ taskRunList = [] }: Execution): TaskRun[] => {
  const failed = taskRunList.filter(({ state }) => state.current === 'FAILED' || state.current === 'KILLED');
  const parents = new Set(failed.map(({ parentTaskRunId }) => parentTaskRunId));
  return failed.filter(({ id }) => !parents.has(id));
};

const lastTrouble = async (context: Context<Uses>, { id }: Execution): Promise<string | undefined> => {
  const trouble = await context.invoke('listLogsFromExecution', {
    path: { executionId: id },
    query: { filters: { level: { GREATER_THAN_OR_EQUAL_TO: 'WARN' } } },
  });
  const lines = trouble
    .slice(-mostLogLines)
    .map(
      ({ timestamp, level, taskId, message }) => `${timestamp} ${level} ${taskId ?? '-'} ${String(redact(message ?? '')).slice(0, 1000)}`,
    );
  return lines.length > 0 ? lines.join('\n') : undefined;
};

const flowAt = (context: Context<Uses>, { namespace, flowId }: Execution, revision: number) =>
  ifFound(context.invoke('getFlow', { path: { namespace, id: flowId }, query: { source: true, revision } }));

type Listed = Reply<'searchExecutions'>['results'][number];

/** The newest success of the flow, or null if there is none. */
const lastSuccess = async (context: Context<Uses>, { namespace, flowId }: Execution): Promise<Listed | null> => {
  const { results } = await context.invoke('searchExecutions', {
    query: {
      page: 1,
      size: 1,
      sort: ['state.startDate:desc'],
      filters: { ...ofFlow(namespace, flowId), state: { EQUALS: 'SUCCESS' } },
    },
  });
  return results[0] ?? null;
};

const comparison = (execution: Execution, success: Listed) => {
  const now = redactedMap(execution.inputs);
  const then = redactedMap(success.inputs);
  const names = [...new Set([...Object.keys(now), ...Object.keys(then)])];
  return {
    execution_id: success.id,
    ended: success.state.endDate ?? undefined,
    revision: success.flowRevision,
    same_revision: success.flowRevision === execution.flowRevision,
    other_inputs: names.filter((name) => JSON.stringify(now[name]) !== JSON.stringify(then[name])),
  };
};

const redactedMap = (inputs: Readonly<Record<string, unknown>> | undefined): Record<string, unknown> =>
  (redact(inputs ?? {}) as Record<string, unknown>) ?? {};

const sourceChange = async (
  context: Context<Uses>,
  execution: Execution,
  success: Listed,
  flow: Reply<'getFlow'>,
): Promise<string | undefined> => {
  if (success.flowRevision === execution.flowRevision) return undefined;
  const before = await flowAt(context, execution, success.flowRevision);
  if (!before?.source || !flow.source) return undefined;
  const names = [`revision ${success.flowRevision} (succeeded)`, `revision ${execution.flowRevision} (failed)`] as const;
  return createTwoFilesPatch(...names, before.source, flow.source, '', '', { context: 1 })
    .replace(/^=+\n/, '')
    .slice(0, mostSourceCharacters * 2);
};

const failedSubflows = async (context: Context<Uses>, { id }: Execution, depth: number) => {
  if (depth >= deepest) return [];
  const { results } = await context.invoke('searchExecutions', {
    query: {
      page: 1,
      size: 3,
      sort: ['state.startDate:desc'],
      filters: { ...everSince, triggerExecutionId: { EQUALS: id }, state: { IN: ['FAILED', 'KILLED'] } },
    },
  });
  return Promise.all(results.map((child) => subflow(context, child, depth)));
};

const subflow = async (context: Context<Uses>, { id, namespace, flowId, state }: Listed, depth: number) => {
  const about = { execution_id: id, namespace, flow_id: flowId, state: state.current };
  if (!context.may('kestra.execution.read', namespace)) return { about, diagnosis: undefined };
  const diagnosis = await diagnose(context, await context.invoke('getExecution', { path: { executionId: id } }), depth + 1);
  return { about: { ...about, ...diagnosis.facts }, diagnosis };
};
