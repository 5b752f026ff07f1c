import { z } from 'zod';
import { answer } from '../answer.ts';
import { executionId } from '../fields.ts';
import { type Execution, hasEnded } from '../follow.ts';
import { executionLink } from '../link.ts';
import { type Bar, gantt } from '../mermaid.ts';
import { recipe } from '../tool.ts';
import { existing } from './execution-state.ts';

const mostBars = 80;
const mostSlow = 5;

type TaskRun = NonNullable<Execution['taskRunList']>[number];

export const executionTimeline = recipe({
  name: 'execution_timeline',
  title: 'Execution timeline',
  description: 'When each task of an execution ran and how long: as a Mermaid Gantt chart, with the slowest tasks named.',
  keywords: 'gantt slow slowest duration bottleneck performance',
  permissions: ['kestra.execution.read'],
  effect: 'read',
  input: () => z.strictObject({ execution_id: executionId }),
  target: ({ execution_id }) => ({ executionId: execution_id }),
  uses: ['getExecution'],
  run: async ({ execution_id }, context) => {
    const execution = await existing(context, execution_id);
    const { namespace, flowId, state, taskRunList = [] } = execution;
    const begun = taskRunList.filter((run) => run.state.startDate).sort((a, b) => start(a) - start(b));
    const holders = new Set(begun.map(({ parentTaskRunId }) => parentTaskRunId));
    const leaves = begun.filter((run) => !holders.has(run.id) && hasEnded(run));
    const now = Date.now();
    const facts = {
      execution_id,
      namespace,
      flow_id: flowId,
      state: state.current,
      started: state.startDate,
      ...(hasEnded(execution)
        ? { ended: state.endDate, seconds: seconds(length(execution, now)) }
        : { running_for_seconds: seconds(length(execution, now)) }),
      task_runs: begun.length,
      slowest: [...leaves]
        .sort((a, b) => length(b, now) - length(a, now))
        .slice(0, mostSlow)
        .map((run) => ({ task_id: run.taskId, task_run_id: run.id, seconds: seconds(length(run, now)) })),
      ...(await executionLink(context, execution)),
    };
    if (begun.length === 0) return answer({ ...facts, note: 'No task has begun yet.' });
    const shown = begun.slice(0, mostBars);
    const parents = new Map(begun.map((run) => [run.id, run]));
    const bars = shown.map((run): Bar => {
      const parent = run.parentTaskRunId ? parents.get(run.parentTaskRunId) : undefined;
      return {
        text: run.value ? `${run.taskId} ${run.value}` : run.taskId,
        section: parent?.taskId ?? flowId,
        from: start(run),
        ...(hasEnded(run) && run.state.endDate && { to: Date.parse(run.state.endDate) }),
        failed: run.state.current === 'FAILED' || run.state.current === 'KILLED',
      };
    });
    return answer(
      { ...facts, ...(shown.length < begun.length && { note: `the chart shows the first ${shown.length} of ${begun.length} task runs` }) },
      { name: 'mermaid', language: 'mermaid', text: gantt(`${flowId} ${execution_id}`, bars, now) },
    );
  },
});

const start = ({ state }: Pick<TaskRun, 'state'>): number => Date.parse(state.startDate ?? '');
const length = (of: Pick<TaskRun, 'state'>, now: number): number =>
  (hasEnded(of) && of.state.endDate ? Date.parse(of.state.endDate) : now) - start(of);
const seconds = (milliseconds: number): number => Math.round(milliseconds / 10) / 100;
