import type { Permission } from '../access/permission.ts';
import { KestraError } from '../kestra/failure.ts';
import { adviceOn, type Known } from './advice.ts';
import type { Block } from './answer.ts';
import {
  causeOf,
  comparison,
  type Evidence,
  failedIterations,
  failedSubflows,
  failingSince,
  flowAt,
  type Listed,
  lastLines,
  lastSuccess,
  leafFailures,
  sourceChange,
  trouble,
} from './evidence.ts';
import type { Execution } from './follow.ts';
import { quoted } from './quoted.ts';
import { taskSource } from './task-source.ts';

export { diagnosisUses } from './evidence.ts';

/** The words of the error that most likely tells why, and the execution below that it comes from. */
interface Cause {
  readonly in?: string;
  readonly quoted: string;
}

export interface Diagnosis {
  readonly cause?: Cause;
  /** What the advice rests on: of the execution that the cause is in. */
  readonly known: Known;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly blocks: readonly Block[];
}

const mostFailures = 10;
const mostSourceCharacters = 2000;
const deepest = 3;

/**
 * Why an execution failed: the failed task runs, the last warnings and errors, the part of the flow that failed, the failed subflows and
 * iterations of loops followed down, since when it fails and what changed since the last success, and what to try. What the caller may not
 * read is left out, with a note.
 */
export const diagnose = async (context: Evidence, execution: Execution, depth = 0): Promise<Diagnosis> => {
  const failures = leafFailures(execution);
  const [first] = failures;
  // An iteration is a part of the execution above it, which is compared with the last success.
  const whole = execution.kind !== 'LOOP';
  const name = depth === 0 ? '' : `_of_${execution.id}`;
  const hidden: string[] = [];
  const part = partOf(context, execution, hidden);
  const [logs, flow, success, subflows] = await Promise.all([
    part('logs', 'kestra.log.read', () => trouble(context, execution)),
    part('source', 'kestra.flow.read', () => flowAt(context, execution, execution.flowRevision)),
    whole ? part('last success', 'kestra.execution.read', () => lastSuccess(context, execution)) : undefined,
    part('subflows', 'kestra.execution.read', async () => (depth < deepest ? failedSubflows(context, execution) : [])),
  ]);
  const source = first && flow?.source ? taskSource(flow.source, first.taskId)?.slice(0, mostSourceCharacters) : undefined;
  const [change, since, iterations] = await Promise.all([
    success && flow ? part('source change', 'kestra.flow.read', () => sourceChange(context, execution, success, flow)) : undefined,
    success ? part('failures since', 'kestra.execution.read', () => failingSince(context, execution, success)) : undefined,
    depth < deepest && /^\s*-?\s*type:\s*\S+\.Loop\b/m.test(source ?? '')
      ? part('iterations', 'kestra.execution.read', () => failedIterations(context, execution))
      : undefined,
  ]);
  const [below, inLoops] = await Promise.all([
    Promise.all((subflows ?? []).map((child) => followed(context, child, depth))),
    Promise.all((iterations?.results ?? []).map((child) => followed(context, child, depth))),
  ]);
  const own = causeOf(logs ?? [], first);
  // Of a subflow or a round of a loop the task around it says only that it failed.
  const explains = ({ about, diagnosis }: Followed): boolean =>
    diagnosis.cause !== undefined && (own === undefined || own.includes(about.execution_id));
  const [inLoop, inSubflow] = [inLoops.find(explains)?.diagnosis, below.find(explains)?.diagnosis];
  const cause: Cause | undefined = (inLoop ?? inSubflow)?.cause ?? (own === undefined ? undefined : { quoted: own });
  const compared = success && comparison(execution, success);
  const known: Known = (!inLoop && inSubflow?.known) || {
    state: execution.state.current,
    ...(depth > 0 && { subflow: `${execution.namespace}.${execution.flowId}` }),
    cause: cause?.quoted,
    success: compared,
    failures: since?.failures,
    attempts: first?.attempts?.length ?? 0,
  };
  const lines = lastLines(logs ?? []);
  return {
    known,
    cause: cause && { in: execution.id, ...cause },
    facts: {
      ...(cause && { cause }),
      failed_tasks: failures.slice(0, mostFailures).map(({ id, taskId, state, attempts, value }) => ({
        task_id: taskId,
        task_run_id: id,
        state: state.current,
        attempts: attempts?.length ?? 0,
        failed_at: state.endDate ?? undefined,
        ...quoted({ value }),
      })),
      ...(failures.length > mostFailures && { more_failed_tasks: failures.length - mostFailures }),
      ...(success !== undefined && { last_success: compared ?? 'none: this flow has never succeeded' }),
      ...(since && { failing_since: since }),
      ...(below.length > 0 && { failed_subflows: below.map(({ about }) => about) }),
      ...(iterations && { failed_iterations: iterations.total, iterations: inLoops.map(({ about }) => about) }),
      ...(depth === 0 && { try_next: adviceOn(known) }),
      ...(hidden.length > 0 && { not_shown: hidden }),
    },
    blocks: [
      ...(lines ? [{ name: `logs${name}`, language: 'text', text: lines }] : []),
      ...(source && whole ? [{ name: `failed_task_source${name}`, language: 'yaml', text: source }] : []),
      ...(change ? [{ name: `source_change_since_success${name}`, language: 'diff', text: change }] : []),
      ...[...below, ...inLoops].flatMap(({ diagnosis }) => diagnosis.blocks),
    ],
  };
};

/** Asks for a part of the answer: what can't be had, or may not be read, must not hide the rest. */
const partOf =
  (context: Evidence, { namespace }: Execution, hidden: string[]) =>
  async <T>(what: string, needed: Permission, ask: () => Promise<T>): Promise<T | undefined> => {
    if (!context.may(needed, namespace)) {
      hidden.push(`${what}: your roles lack ${needed} in ${namespace}`);
      return undefined;
    }
    return ask().catch((thrown: unknown) => {
      if (!(thrown instanceof KestraError) || context.signal.aborted) throw thrown;
      hidden.push(`${what}: ${thrown.message}`);
      return undefined;
    });
  };

interface Followed {
  readonly about: Readonly<Record<string, unknown>> & { readonly execution_id: string };
  readonly diagnosis: Diagnosis;
}

const followed = async (context: Evidence, { id, namespace, flowId, state, loopRun }: Listed, depth: number): Promise<Followed> => {
  const about = {
    execution_id: id,
    ...(loopRun ? { iteration: loopRun.index, ...quoted({ value: loopRun.value }) } : { namespace, flow_id: flowId }),
    state: state.current,
  };
  context.authorize('kestra.execution.read', namespace);
  const diagnosis = await diagnose(context, await context.invoke('getExecution', { path: { executionId: id } }), depth + 1);
  return { about: { ...about, ...diagnosis.facts }, diagnosis };
};
