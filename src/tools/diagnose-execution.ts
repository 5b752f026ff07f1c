import { z } from 'zod';
import { existing } from './absence.ts';
import { answer } from './answer.ts';
import { diagnose } from './diagnosis.ts';
import { diagnosisUses, lastLines, trouble } from './evidence.ts';
import { summaryOf } from './execution-view.ts';
import { executionId } from './fields.ts';
import { type Execution, hasEnded } from './follow.ts';
import { recipe } from './tool.ts';

const broken: readonly string[] = ['FAILED', 'KILLED', 'WARNING'];

export const diagnoseExecution = recipe({
  name: 'diagnose_execution',
  title: 'Diagnose execution',
  description:
    'Why an execution failed, warns, waits or does not go on: the cause, the failed tasks and subflows, their logs and source, since when, what changed since the last success, and what to try.',
  permissions: ['kestra.execution.read'],
  effect: 'read',
  input: () => z.strictObject({ execution_id: executionId }),
  target: ({ execution_id }) => ({ executionId: execution_id }),
  uses: diagnosisUses,
  run: async ({ execution_id }, context) => {
    const execution = await existing(context.invoke, execution_id);
    const facts = await summaryOf(context, execution);
    if (broken.includes(execution.state.current)) {
      const why = await diagnose(context, execution);
      return answer({ ...facts, ...why.facts }, ...why.blocks);
    }
    if (hasEnded(execution)) return answer({ ...facts, verdict: verdicts[execution.state.current] ?? 'It ended without a failure.' });
    const logs = context.may('kestra.log.read', execution.namespace) ? lastLines(await trouble(context, execution)) : undefined;
    return answer({ ...facts, ...standing(execution) }, ...(logs ? [{ name: 'logs', language: 'text', text: logs }] : []));
  },
});

const verdicts: Readonly<Record<string, string>> = {
  SUCCESS: 'Nothing broke: every task succeeded. get_execution shows the outputs.',
  CANCELLED: "It was cancelled: by the flow's concurrency limit, its checks or an SLA. get_flow shows which it has.",
  SKIPPED: 'It was skipped, and ran no task.',
};

/** Where an execution stands that has not ended. */
const standing = ({ state, taskRunList = [], scheduleDate }: Pick<Execution, 'state' | 'taskRunList' | 'scheduleDate'>) => {
  const open = taskRunList.filter((run) => !hasEnded(run));
  const inside = new Set(open.map(({ parentTaskRunId }) => parentTaskRunId));
  return {
    at: open
      .filter(({ id }) => !inside.has(id))
      .slice(0, 10)
      .map((run) => ({
        task_id: run.taskId,
        state: run.state.current,
        since: run.state.histories?.at(-1)?.date ?? run.state.startDate,
        ...((run.attempts?.length ?? 0) > 1 && { attempts: run.attempts?.length }),
      })),
    verdict: scheduleDate && state.current === 'CREATED' ? 'It waits for its date.' : (waiting[state.current] ?? waiting.RUNNING),
  };
};

const waiting: Readonly<Record<string, string>> = {
  RUNNING: 'It is running; get_execution with wait: true follows it, kill_execution stops it.',
  CREATED: 'It has not begun: normal for seconds; if it stays so, no executor of Kestra is at work.',
  QUEUED: "It waits for others of its flow to end, as the flow's concurrency limit demands.",
  PAUSED: 'It is paused: resume_execution lets it go on.',
  BREAKPOINT: 'It stands at a breakpoint: resume_execution lets it go on.',
  KILLING: 'It is being killed.',
  RETRYING: 'A task failed and will be tried again.',
  SUBMITTED: 'Its tasks wait for a worker: if it stays so, none is free.',
};
