import { everSince, ofFlow } from '../kestra/filters.ts';
import type { Reply } from '../kestra/operation.ts';
import { ifFound } from './absence.ts';
import type { Execution } from './follow.ts';
import { linesOf } from './log-lines.ts';
import { redact } from './redact.ts';
import { sourceDiff } from './source-diff.ts';
import type { Context } from './tool.ts';

/** What a diagnosis asks Kestra. */
export const diagnosisUses = ['getExecution', 'searchExecutions', 'listLogsFromExecution', 'getFlow'] as const;
export type Evidence = Context<(typeof diagnosisUses)[number]>;

export type TaskRun = NonNullable<Execution['taskRunList']>[number];
export type Listed = Reply<'searchExecutions'>['results'][number];
export type Log = Reply<'listLogsFromExecution'>[number];

const bad: readonly string[] = ['FAILED', 'KILLED', 'WARNING'];
const mostLogLines = 20;
const mostCharacters = 600;
const mostDiffCharacters = 4000;

/** A task that contains others fails with them; the innermost ones tell why. Failed ones before those that only warn. */
export const leafFailures = ({ taskRunList = [] }: Execution): TaskRun[] => {
  const failed = taskRunList.filter(({ state }) => bad.includes(state.current));
  const parents = new Set(failed.map(({ parentTaskRunId }) => parentTaskRunId));
  return failed.filter(({ id }) => !parents.has(id)).sort((a, b) => bad.indexOf(a.state.current) - bad.indexOf(b.state.current));
};

/** The warnings and errors of an execution. The iterations of a loop, executions of their own, give theirs only if asked for that kind. */
export const trouble = async ({ invoke }: Evidence, { id, kind }: Execution): Promise<readonly Log[]> =>
  invoke('listLogsFromExecution', {
    path: { executionId: id },
    query: { filters: { level: { GREATER_THAN_OR_EQUAL_TO: 'WARN' }, ...(kind === 'LOOP' && { kind: { EQUALS: kind } }) } },
  });

/** The last of them, as text. */
export const lastLines = (logs: readonly Log[]): string | undefined => linesOf(logs.slice(-mostLogLines), mostCharacters) || undefined;

/** The error that most likely tells why: the first of the task that failed, else the last of the execution. */
export const causeOf = (logs: readonly Log[], failure: TaskRun | undefined): string | undefined => {
  const errors = logs.filter(({ level }) => level === 'ERROR');
  const own = errors.filter(({ taskRunId }) => failure && taskRunId === failure.id);
  const attempt = own.at(-1)?.attemptNumber;
  const line = own.find(({ attemptNumber }) => attemptNumber === attempt) ?? errors.at(-1);
  return line?.message ? String(redact(line.message)).slice(0, mostCharacters) : undefined;
};

export const flowAt = ({ invoke }: Evidence, { namespace, flowId }: Execution, revision: number) =>
  ifFound(invoke('getFlow', { path: { namespace, id: flowId }, query: { source: true, revision } }));

/** The newest success of the flow, or null if there is none. */
export const lastSuccess = async ({ invoke }: Evidence, { namespace, flowId }: Execution): Promise<Listed | null> => {
  const { results } = await invoke('searchExecutions', {
    query: {
      page: 1,
      size: 1,
      sort: ['state.startDate:desc'],
      filters: { ...ofFlow(namespace, flowId), state: { EQUALS: 'SUCCESS' } },
    },
  });
  return results[0] ?? null;
};

/** How often the flow has failed since it last succeeded, and the first time that it did. */
export const failingSince = async ({ invoke }: Evidence, { namespace, flowId }: Execution, { state }: Listed) => {
  const { total, results } = await invoke('searchExecutions', {
    query: {
      page: 1,
      size: 1,
      sort: ['state.startDate:asc'],
      filters: { ...ofFlow(namespace, flowId), startDate: { GREATER_THAN_OR_EQUAL_TO: state.startDate }, state: { IN: ['FAILED'] } },
    },
  });
  const [first] = results;
  return first && { failures: total, first: { execution_id: first.id, started: first.state.startDate } };
};

/** What differs from the last success. */
export const comparison = (execution: Execution, success: Listed) => {
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

export const sourceChange = async (
  context: Evidence,
  execution: Execution,
  success: Listed,
  flow: Reply<'getFlow'>,
): Promise<string | undefined> => {
  if (success.flowRevision === execution.flowRevision) return undefined;
  const before = await flowAt(context, execution, success.flowRevision);
  if (!before?.source || !flow.source) return undefined;
  return sourceDiff(
    { name: `revision ${success.flowRevision} (succeeded)`, source: before.source },
    { name: `revision ${execution.flowRevision} (failed)`, source: flow.source },
    1,
  ).text.slice(0, mostDiffCharacters);
};

const mostChildren = 3;

/** The subflows of an execution that failed. */
export const failedSubflows = async ({ invoke }: Evidence, { id }: Execution): Promise<readonly Listed[]> => {
  const { results } = await invoke('searchExecutions', {
    query: {
      page: 1,
      size: mostChildren,
      sort: ['state.startDate:desc'],
      filters: { ...everSince, triggerExecutionId: { EQUALS: id }, state: { IN: ['FAILED', 'KILLED'] } },
    },
  });
  return results;
};

/** The failed iterations of the loops of an execution: on Kestra 2 each is an execution, which no list shows unless asked for. */
export const failedIterations = async ({ invoke }: Evidence, { id }: Execution) => {
  const { total, results } = await invoke('searchExecutions', {
    query: {
      page: 1,
      size: mostChildren,
      sort: ['state.startDate:desc'],
      filters: { ...everSince, kind: { EQUALS: 'LOOP' }, parentId: { EQUALS: id }, state: { IN: ['FAILED', 'KILLED'] } },
    },
  });
  return { total, results };
};
