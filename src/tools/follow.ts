import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { PublicError } from '../errors.ts';
import { readEvents } from '../kestra/events.ts';
import { KestraError } from '../kestra/failure.ts';
import type { Reply } from '../kestra/operation.ts';
import { ifFound } from './absence.ts';
import { type Reporter, reportProgress } from './progress.ts';
import type { Context } from './tool.ts';

export type Execution = Reply<'getExecution'>;

type Uses = 'getExecution' | 'followExecution';
type WithState = { readonly state: { readonly current: string } };

const endStates: readonly string[] = ['SUCCESS', 'WARNING', 'FAILED', 'KILLED', 'CANCELLED', 'SKIPPED', 'RETRIED'];
const pauseStates: readonly string[] = ['PAUSED', 'BREAKPOINT'];

export const hasEnded = ({ state }: WithState): boolean => endStates.includes(state.current);
/** It goes on only when somebody resumes it. */
export const isPaused = ({ state }: WithState): boolean => pauseStates.includes(state.current);
const isAtRest = (execution: WithState): boolean => hasEnded(execution) || isPaused(execution);

const mostWithoutProgress = 50;
const pollMs = 1000;
/** Events may stay away, cut by a proxy or never sent: then Kestra is asked. */
const silenceMs = 10_000;
/** On a busy Kestra Enterprise a new execution can be read only a moment after it was created. */
const appearsWithinMs = 15_000;

/** Seconds that a call may wait: most clients give up after a minute of silence, and progress keeps them listening. */
export const waitSeconds = (asked: number, { progress }: Pick<Context, 'progress'>): number =>
  progress ? asked : Math.min(asked, mostWithoutProgress);

/**
 * Waits until an execution ends, pauses, or the time is up, and gives it as it then stands.
 * @throws PublicError `not_found`; `cancelled` if the caller gives up, while the execution goes on
 */
export const waitFor = async (context: Context<Uses>, executionId: string, seconds: number): Promise<Execution> => {
  const deadline = Date.now() + seconds * 1000;
  const reporter = reportProgress(context, executionId, (current) => hasEnded({ state: { current } }));
  try {
    let execution = await firstSight(context, executionId, Math.min(deadline, Date.now() + appearsWithinMs));
    reporter.see(execution);
    while (!isAtRest(execution) && Date.now() < deadline && !context.stopping?.aborted) {
      await nextRest(context, executionId, deadline, reporter);
      execution = await context.invoke('getExecution', { path: { executionId } });
      reporter.see(execution);
    }
    return execution;
  } catch (thrown) {
    if (!context.signal.aborted) throw thrown;
    throw new PublicError('cancelled', `No longer waiting. Execution ${executionId} goes on: get_execution shows it.`);
  } finally {
    reporter.stop();
  }
};

const firstSight = async (context: Context<Uses>, executionId: string, giveUp: number): Promise<Execution> => {
  for (;;) {
    const found = await ifFound(context.invoke('getExecution', { path: { executionId } }));
    if (found) return found;
    if (Date.now() >= giveUp) throw new PublicError('not_found', `There is no execution ${executionId}.`);
    await sleep(pollMs, undefined, { signal: context.signal });
  }
};

/** Resolves when an event says that the execution came to rest, when events stay away, or when the time is up. */
const nextRest = async (context: Context<Uses>, executionId: string, deadline: number, reporter: Reporter): Promise<void> => {
  const signal = context.stopping ? AbortSignal.any([context.signal, context.stopping]) : context.signal;
  try {
    const stream = await context.invoke('followExecution', { path: { executionId } });
    for await (const event of readEvents(stream, { signal, deadline, idleMs: silenceMs })) {
      const parsed = followed.safeParse(event);
      if (!parsed.success) continue;
      reporter.see(parsed.data);
      if (isAtRest(parsed.data)) return;
    }
  } catch (thrown) {
    if (!(thrown instanceof KestraError) || context.signal.aborted) throw thrown;
  }
  await sleep(Math.max(0, Math.min(pollMs, deadline - Date.now())), undefined, { signal }).catch(() => undefined);
};

const followed = z.object({
  state: z.object({ current: z.string() }),
  taskRunList: z.array(z.object({ taskId: z.string(), state: z.object({ current: z.string() }) })).optional(),
});
