import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { asPublicError, PublicError } from '../errors.ts';
import { KestraError } from '../kestra/failure.ts';
import { ofFlow } from '../kestra/filters.ts';
import { flowNote, ifFound } from './absence.ts';
import { type Answer, answer } from './answer.ts';
import { diagnose, diagnosisUses } from './diagnosis.ts';
import { fullExecution } from './execution-view.ts';
import { flowId, instant, namespace, refuse, timeoutSeconds, wait } from './fields.ts';
import { waitFor, waitSeconds } from './follow.ts';
import { type Declared, encodeInputs } from './inputs.ts';
import { admitStored } from './stored-file.ts';
import type { Context } from './tool.ts';

/** What running a flow asks Kestra. */
export const runUses = [...diagnosisUses, 'searchFlows', 'createExecution', 'followExecution'] as const;
type Uses = (typeof runUses)[number];

const label = z.string().min(1, 'may not be empty').max(255);
const labels = z.record(
  label
    .regex(/^[^:\s]+$/, 'may not contain a colon or a space')
    .refine((key) => !key.startsWith('system.'), "begins with system., which is Kestra's own"),
  label,
);

/** What to run, and how. */
export const runInput = z.strictObject({
  namespace,
  flow_id: flowId,
  inputs: z.record(z.string(), z.unknown()).optional().describe('a FILE is {name, text} or {name, base64}'),
  labels: labels.optional(),
  revision: z.int().min(1).optional(),
  schedule_date: instant.optional().describe('with Z or an offset'),
  wait: wait.describe('default true'),
  timeout_seconds: timeoutSeconds,
  run_key: z.string().min(1).max(200).optional().describe('the same key again finds the run and starts nothing'),
});
type Input = z.output<typeof runInput>;

/** Starts a flow once, or finds the run of this run_key; waits if wanted, and explains a failure. */
export const runFlow = async (input: Input, context: Context<Uses>): Promise<Answer> => {
  if (input.schedule_date && input.wait)
    refuse('schedule_date and wait exclude each other: a scheduled run is followed later with get_execution.');
  const run = await start(input, context);
  const waits = !input.schedule_date && (input.wait ?? true);
  try {
    const execution = await (waits
      ? waitFor(context, run.id, waitSeconds(input.timeout_seconds, context))
      : context.invoke('getExecution', { path: { executionId: run.id } }));
    const facts = { ...run.facts, ...(await fullExecution(context, execution)) };
    if (execution.state.current !== 'FAILED' || !waits) return answer(facts);
    const why = await diagnose(context, execution);
    return answer({ ...facts, ...why.facts }, ...why.blocks);
  } catch (thrown) {
    // Whatever fails from here on, the execution runs, and its id must not be lost.
    if (context.signal.aborted) throw thrown;
    return answer({
      ...run.facts,
      execution_id: run.id,
      namespace: input.namespace,
      flow_id: input.flow_id,
      state: 'unknown',
      problem: `It has started, but how it stands can't be read now: ${asPublicError(thrown).message}`,
      next: 'get_execution shows it; do not start it again.',
    });
  }
};

interface Run {
  readonly id: string;
  /** How it came about, for the answer. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Starts exactly one execution, or finds the one that this run key has started. */
const start = (input: Input, context: Context<Uses>): Promise<Run> =>
  input.run_key === undefined
    ? startNew(input, context, randomUUID())
    : once(correlationOf(input, context), (id) => findOrStart(input, context, id));

/** The same caller, flow and key always give the same correlation id, so that Kestra itself remembers the run. */
const correlationOf = ({ namespace, flow_id, run_key }: Input, { session }: Context<Uses>): string => {
  const hash = createHash('sha256')
    .update(JSON.stringify([session.principal.key, namespace, flow_id, run_key]))
    .digest('hex');
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
};

/** In this process; between replicas `Session.claim` decides. */
const starting = new Map<string, Promise<Run>>();

/** Calls with one key at the same time share one start. */
const once = (correlationId: string, begin: (correlationId: string) => Promise<Run>): Promise<Run> => {
  const under = starting.get(correlationId);
  if (under) return under.then((run) => ({ ...run, facts: found }));
  const run = begin(correlationId).finally(() => starting.delete(correlationId));
  starting.set(correlationId, run);
  return run;
};

const found = { found: 'this run_key has started it before; nothing new was started' };

const findOrStart = async (input: Input, context: Context<Uses>, correlationId: string): Promise<Run> => {
  const id = await find(input, context, correlationId);
  if (id !== undefined) return { id, facts: found };
  const { claim } = context.session;
  const giveBack = claim ? await claim(`run ${correlationId}`) : async () => undefined;
  if (!giveBack) return findTheirs(input, context, correlationId);
  try {
    return await startNew(input, context, correlationId);
  } catch (thrown) {
    if (!mayHaveStarted(thrown) && !mayHaveStarted(asPublicError(thrown).detail)) await giveBack();
    throw thrown;
  }
};

/** Another replica is starting it just now. */
const findTheirs = async (input: Input, context: Context<Uses>, correlationId: string): Promise<Run> => {
  const id = await findLater(input, context, correlationId);
  if (id !== undefined) return { id, facts: found };
  throw new PublicError('conflict', 'A run of this run_key is being started just now. Call again in a minute, with the same run_key.');
};

const startNew = async (input: Input, context: Context<Uses>, correlationId: string): Promise<Run> => {
  const { namespace, flow_id, revision, schedule_date } = input;
  const flow = await ifFound(context.invoke('getFlow', { path: { namespace, id: flow_id }, query: { revision } }));
  if (!flow) {
    const note = await flowNote(context, namespace, flow_id);
    throw new PublicError('not_found', `${note ?? `The flow has no revision ${revision}.`} Nothing was started.`);
  }
  if (flow.disabled)
    throw new PublicError('conflict', `The flow ${flow_id} is disabled; nothing was started. Save it with disabled: false to run it.`);
  const body = encodeInputs((flow.inputs ?? []) as readonly Declared[], input.inputs ?? {}, (address) =>
    admitStored(address, namespace, context),
  );
  const own = Object.entries(input.labels ?? {}).map(([key, value]) => `${key}:${value}`);
  try {
    const { id } = await context.invoke('createExecution', {
      path: { namespace, id: flow_id },
      query: { labels: [...own, `system.correlationId:${correlationId}`], revision, scheduleDate: schedule_date },
      body,
    });
    return { id, facts: {} };
  } catch (thrown) {
    if (!mayHaveStarted(thrown)) throw thrown;
    const id = await findLater(input, context, correlationId);
    if (id !== undefined) return { id, facts: { note: "Kestra's answer got lost, but the execution had started." } };
    throw new PublicError(
      thrown.code,
      `${thrown.message} No execution is to be found yet, but one may still have started: look with list_executions in a minute before you start it again.`,
      thrown,
      thrown.quoted,
    );
  }
};

const mayHaveStarted = (thrown: unknown): thrown is KestraError =>
  thrown instanceof KestraError &&
  thrown.mayHaveArrived &&
  (thrown.status === undefined || thrown.status >= 500 || thrown.code === 'kestra_unreadable');

/** Subflows inherit the correlation id, hence the namespace and the flow. */
const find = async ({ namespace, flow_id }: Input, { invoke }: Context<Uses>, correlationId: string): Promise<string | undefined> => {
  const { results } = await invoke('searchExecutions', {
    query: {
      page: 1,
      size: 1,
      sort: ['state.startDate:asc'],
      filters: { ...ofFlow(namespace, flow_id), labels: { EQUALS: { 'system.correlationId': correlationId } } },
    },
  });
  return results[0]?.id;
};

const findLater = async (input: Input, context: Context<Uses>, correlationId: string): Promise<string | undefined> => {
  for (const pause of [200, 800, 2000, 4000]) {
    await sleep(pause, undefined, { signal: context.signal });
    const id = await find(input, context, correlationId).catch(() => undefined);
    if (id !== undefined) return id;
  }
  return undefined;
};
