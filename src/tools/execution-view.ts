import type { Reply } from '../kestra/operation.ts';
import { type Execution, hasEnded, isPaused } from './follow.ts';
import { executionLink } from './link.ts';
import { labelMap, quoted } from './quoted.ts';
import { redact } from './redact.ts';
import type { Context } from './tool.ts';

const mostTasks = 50;

type Listed = Reply<'searchExecutions'>['results'][number];
type Place = Pick<Context, 'instance' | 'tenant'>;

/** One execution among many. */
export const briefExecution = async (context: Place, execution: Listed) => ({
  execution_id: execution.id,
  ...times(execution),
  revision: execution.flowRevision,
  ...quoted({ labels: labelMap(execution.labels) }),
  ...(await executionLink(context, execution)),
});

/** An execution in full: what it is, how far it is, what went in and came out, without secrets. */
export const fullExecution = async (context: Place, execution: Execution) => {
  const { id, namespace, flowId, flowRevision, labels, inputs, outputs, trigger, taskRunList = [], parentId, originalId } = execution;
  const shown = taskRunList.length > mostTasks ? [...taskRunList].sort(byNeed).slice(0, mostTasks) : taskRunList;
  return {
    execution_id: id,
    namespace,
    flow_id: flowId,
    revision: flowRevision,
    ...times(execution),
    ...(parentId && parentId !== originalId && { parent_execution_id: parentId }),
    ...(originalId && originalId !== id && { replay_of: originalId }),
    ...(trigger && { started_by: { trigger_id: trigger.id, type: trigger.type } }),
    tasks: shown.map(taskRun),
    ...(shown.length < taskRunList.length && {
      tasks_note: `${shown.length} of ${taskRunList.length} task runs: failed and unfinished ones first`,
    }),
    ...quoted({ labels: labelMap(labels), inputs: redact(inputs), outputs: redact(outputs), trigger: redact(trigger?.variables) }),
    ...(await executionLink(context, execution)),
    ...nextStep(execution),
  };
};

/** An execution without its task runs, of which there may be many. */
export const summaryOf = async (context: Place, execution: Execution) => {
  const { id, namespace, flowId, flowRevision, labels, inputs, outputs, trigger, taskRunList = [], originalId } = execution;
  const parent = trigger?.variables?.executionId;
  return {
    execution_id: id,
    namespace,
    flow_id: flowId,
    revision: flowRevision,
    ...times(execution),
    ...(originalId && originalId !== id && { replay_of: originalId }),
    ...(trigger && { started_by: { trigger_id: trigger.id, type: trigger.type } }),
    ...(typeof parent === 'string' && { parent_execution_id: parent }),
    task_runs: countsOf(taskRunList.map(({ state }) => state.current)),
    ...quoted({ labels: labelMap(labels), inputs: redact(inputs), outputs: redact(outputs) }),
    ...(await executionLink(context, execution)),
  };
};

const countsOf = (names: readonly string[]): Record<string, number> =>
  Object.fromEntries([...new Set(names)].map((name) => [name, names.filter((each) => each === name).length]));

/** Kestra gives a paused execution an end too, which it takes back when the execution goes on, and a start to one that only waits. */
const times = (execution: Pick<Execution, 'state' | 'scheduleDate'>) => {
  const { state, scheduleDate } = execution;
  return {
    state: state.current,
    ...(isScheduled(execution) ? { created: state.startDate } : { started: state.startDate }),
    ...(scheduleDate && { scheduled_for: scheduleDate }),
    ...(hasEnded(execution) && { ended: state.endDate, ...seconds(state) }),
  };
};

const isScheduled = ({ state, scheduleDate }: Pick<Execution, 'state' | 'scheduleDate'>): boolean =>
  state.current === 'CREATED' && Boolean(scheduleDate);

const seconds = ({ startDate, endDate }: { startDate?: string; endDate?: string | null }) => {
  if (!startDate || !endDate) return {};
  return { seconds: Math.round((Date.parse(endDate) - Date.parse(startDate)) / 10) / 100 };
};

type TaskRun = NonNullable<Execution['taskRunList']>[number];

const taskRun = ({ id, taskId, state, attempts, value, iteration }: TaskRun) => ({
  task_id: taskId,
  task_run_id: id,
  state: state.current,
  ...(hasEnded({ state }) && seconds(state)),
  ...(attempts && attempts.length > 1 && { attempts: attempts.length }),
  ...(iteration !== undefined && { iteration }),
  ...quoted({ value }),
});

const byNeed = (a: TaskRun, b: TaskRun): number => need(b) - need(a);
const need = (run: TaskRun): number => (run.state.current === 'FAILED' ? 2 : hasEnded(run) ? 0 : 1);

const nextStep = (execution: Execution): { next?: string } => {
  if (isPaused(execution)) return { next: 'It is paused: resume_execution lets it go on.' };
  if (isScheduled(execution)) return { next: 'It starts at its date; until then kill_execution takes it back.' };
  if (execution.state.current === 'QUEUED')
    return {
      next: 'It waits for a slot: its flow has a concurrency limit. list_concurrency shows who runs, unqueue_execution starts it at once.',
    };
  if (!hasEnded(execution)) return { next: 'Not finished: get_execution with wait: true follows it; kill_execution stops it.' };
  return {};
};
