import { z } from 'zod';
import { PublicError } from '../../errors.ts';
import type { OperationId, Reply } from '../../kestra/operation.ts';
import { flowNote } from '../absence.ts';
import { answer } from '../answer.ts';
import { confirm, insistOnConfirm } from '../confirm.ts';
import { occurrences } from '../cron.ts';
import { flowId, instant, namespace, refuse } from '../fields.ts';
import { type Context, recipe, type Tool } from '../tool.ts';
import { insistOnInputs } from './backfill-inputs.ts';

const triggerId = z
  .string()
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]*$/, 'is not a trigger id: letters, digits, dots, - and _')
  .max(256);
const named = { namespace, flow_id: flowId, trigger_id: triggerId };
interface Named {
  readonly namespace: string;
  readonly flow_id: string;
  readonly trigger_id: string;
}

const target = ({ namespace }: Named) => ({ namespace });
const finding = ['searchTriggers', 'getFlow', 'searchFlows'] as const;
type Finding = (typeof finding)[number];
type Found = Reply<'searchTriggers'>['results'][number];

/** @throws PublicError `not_found`, saying whether it is the flow that is missing, or a trigger that Kestra does not evaluate */
const find = async (context: Context<Finding>, { namespace, flow_id, trigger_id }: Named): Promise<Found> => {
  const { results } = await context.invoke('searchTriggers', {
    query: { page: 1, size: 100, filters: { namespace: { EQUALS: namespace }, flowId: { EQUALS: flow_id } } },
  });
  const found = results.find(({ state }) => state.triggerId === trigger_id);
  if (found) return found;
  const others = results.map(({ state }) => state.triggerId).join(', ');
  const missing = await flowNote(context, namespace, flow_id);
  throw new PublicError(
    'not_found',
    missing ??
      `The flow ${flow_id} has no trigger ${trigger_id} that Kestra evaluates${others ? `; it has ${others}` : ''}. Webhooks and the like only listen.`,
  );
};

const stateFacts = ({ trigger, state }: Found) => ({
  namespace: state.namespace,
  flow_id: state.flowId,
  trigger_id: state.triggerId,
  disabled: Boolean(state.disabled || trigger.disabled),
  next: state.nextEvaluationDate,
  ...(state.locked && { locked: true }),
  ...(state.executionId && { running_execution_id: state.executionId }),
  ...(state.backfill && {
    backfill: { start: state.backfill.start, end: state.backfill.end, at: state.backfill.currentDate, paused: state.backfill.paused },
  }),
});

/** What every change of a trigger ends with: the trigger as it now stands. */
const changed = async (context: Context<Finding>, args: Named, done: string, more: Readonly<Record<string, unknown>> = {}) =>
  answer({ done, ...stateFacts(await find(context, args)), ...more });

const switching = (disabled: boolean): Tool =>
  recipe({
    name: disabled ? 'disable_trigger' : 'enable_trigger',
    title: disabled ? 'Disable trigger' : 'Enable trigger',
    description: disabled
      ? 'Keep a trigger from starting its flow, without changing the flow. The flow can still be started by hand.'
      : 'Let a disabled trigger start its flow again.',
    keywords: 'schedule cron switch on off pause',
    permissions: ['kestra.trigger.write'],
    effect: 'write',
    input: () => z.strictObject(named),
    target,
    uses: [...finding, 'disableTriggerById'],
    run: async (args, context) => {
      const before = await find(context, args);
      if (before.trigger.disabled && !disabled) {
        throw new PublicError(
          'conflict',
          'The source of the flow disables this trigger (disabled: true). Take that out with create_or_update_flow; nothing was done.',
        );
      }
      if (Boolean(before.state.disabled) === disabled) return changed(context, args, 'nothing: it was so already');
      const { namespace, flow_id: flowId, trigger_id: triggerId } = args;
      await context.invoke('disableTriggerById', { body: { namespace, flowId, triggerId, disabled } });
      return changed(context, args, disabled ? 'disabled' : 'enabled');
    },
  });

export const disableTrigger = switching(true);
export const enableTrigger = switching(false);

export const unlockTrigger = recipe({
  name: 'unlock_trigger',
  title: 'Unlock trigger',
  description: 'Free a trigger that is stuck in an evaluation or waits for an execution that will not end. Look at search_triggers first.',
  keywords: 'stuck locked schedule',
  permissions: ['kestra.trigger.write'],
  effect: 'write',
  input: () => z.strictObject(named),
  target,
  uses: [...finding, 'unlockTrigger'],
  run: async (args, context) => {
    const before = await find(context, args);
    const path = { namespace: args.namespace, flowId: args.flow_id, triggerId: args.trigger_id };
    // 1.x shows a lock by the execution alone.
    if (!before.state.locked && !before.state.executionId) return changed(context, args, 'nothing: it is not locked');
    await context.invoke('unlockTrigger', { path });
    return changed(context, args, 'unlocked');
  },
});

export const restartTrigger = recipe({
  name: 'restart_trigger',
  title: 'Restart trigger',
  description: 'Start a trigger again that failed or stands still, such as a realtime trigger.',
  keywords: 'stuck realtime',
  permissions: ['kestra.trigger.write'],
  effect: 'write',
  input: () => z.strictObject(named),
  target,
  uses: [...finding, 'restartTrigger'],
  run: async (args, context) => {
    await find(context, args);
    await context.invoke('restartTrigger', { path: { namespace: args.namespace, flowId: args.flow_id, triggerId: args.trigger_id } });
    return changed(context, args, 'restarted');
  },
});

export const deleteTrigger = recipe({
  name: 'delete_trigger',
  title: 'Delete trigger',
  description: "Delete a trigger's state that is left over from a flow that is gone. To take a trigger out of a flow, change its source.",
  permissions: ['kestra.trigger.delete'],
  effect: 'destroy',
  input: () => z.strictObject({ ...named, confirm }),
  target,
  uses: [...finding, 'deleteTrigger'],
  run: async ({ confirm, ...args }, context) => {
    const { namespace, flow_id, trigger_id } = args;
    insistOnConfirm(
      confirm,
      trigger_id,
      `This deletes what Kestra remembers of the trigger ${trigger_id} of ${namespace}.${flow_id}: when it ran last, and a backfill under way. If the flow still declares it, it may stay away until the flow is saved again or Kestra restarts.`,
    );
    await context.invoke('deleteTrigger', { path: { namespace, flowId: flow_id, triggerId: trigger_id } });
    return answer({ done: 'deleted', namespace, flow_id, trigger_id });
  },
});

const mostRuns = 1000;

export const createBackfill = recipe({
  name: 'create_backfill',
  title: 'Create backfill',
  description:
    'Run a schedule again for a time that has passed: one execution for each date that the schedule has in it. Without confirm it says how many that will be about. The times may be narrowed: a backfill can not skip days, but several short ones can.',
  keywords: 'missed past schedule rerun catch up',
  permissions: ['kestra.trigger.write', 'kestra.flow.execute'],
  effect: 'run',
  input: () =>
    z.strictObject({
      ...named,
      start: instant,
      end: instant.optional().describe('default: now'),
      inputs: z.record(z.string(), z.unknown()).optional(),
      labels: z.record(z.string().min(1).max(255), z.string().min(1).max(255)).optional(),
      confirm,
    }),
  target,
  uses: [...finding, 'createBackfill'],
  run: async ({ start, end = new Date().toISOString(), inputs = {}, labels = {}, confirm, ...args }, context) => {
    if (Date.parse(start) >= Date.parse(end)) refuse('start must be before end: Kestra would take it and run nothing.');
    const { trigger, state } = await find(context, args);
    if (!/\.Schedule(OnDates)?$/.test(trigger.type)) refuse(`Only a schedule can be backfilled; ${args.trigger_id} is a ${trigger.type}.`);
    if (state.backfill)
      throw new PublicError('conflict', 'A backfill of it is under way: wait, or delete_backfill first. Nothing was done.');
    if (state.disabled || trigger.disabled)
      throw new PublicError('conflict', 'The trigger is disabled: enable_trigger first. Nothing was done.');
    await insistOnInputs(context, { ...args, inputs, labels });
    const runs = occurrences(trigger.cron, Date.parse(start), Date.parse(end));
    const names = Object.keys(inputs).slice(0, 10);
    insistOnConfirm(
      confirm,
      args.trigger_id,
      `This runs ${args.namespace}.${args.flow_id} for each date of the schedule from ${start} to ${end}: ${
        runs === undefined
          ? 'how often is not known here'
          : runs > mostRuns
            ? `more than ${mostRuns} executions`
            : `about ${runs} executions`
      }, about one a second${names.length > 0 ? `, with its own ${names.join(', ')}` : ''}.`,
    );
    const list = Object.entries(labels).map(([key, value]) => ({ key, value }));
    await context.invoke('createBackfill', {
      body: {
        namespace: args.namespace,
        flowId: args.flow_id,
        triggerId: args.trigger_id,
        backfill: { start, end, ...(Object.keys(inputs).length > 0 && { inputs }), ...(list.length > 0 && { labels: list }) },
      },
    });
    return changed(context, args, 'the backfill has started', {
      ...(runs !== undefined && runs <= mostRuns && { executions_expected: runs }),
      next: 'search_triggers shows how far it is, list_executions what it runs; pause_backfill and delete_backfill stop it',
    });
  },
});

type BackfillId = Extract<OperationId, 'pauseBackfill' | 'unpauseBackfill'>;

const onBackfill = (operation: BackfillId, done: string, about: Pick<Tool, 'name' | 'title' | 'description' | 'effect'>): Tool =>
  recipe({
    ...about,
    permissions: ['kestra.trigger.write'],
    input: () => z.strictObject(named),
    target,
    uses: [...finding, operation],
    run: async (args, context) => {
      await backfilling(context, args);
      await context.invoke(operation, { body: { namespace: args.namespace, flowId: args.flow_id, triggerId: args.trigger_id } });
      return changed(context, args, done);
    },
  });

export const pauseBackfill = onBackfill('pauseBackfill', 'paused', {
  name: 'pause_backfill',
  title: 'Pause backfill',
  description: 'Hold a backfill; resume_backfill lets it go on.',
  effect: 'write',
});

export const resumeBackfill = onBackfill('unpauseBackfill', 'goes on', {
  name: 'resume_backfill',
  title: 'Resume backfill',
  description: 'Let a paused backfill go on.',
  effect: 'write',
});

export const deleteBackfill = recipe({
  name: 'delete_backfill',
  title: 'Delete backfill',
  description: 'End a backfill before it is done. What it has started goes on; the schedule returns to its own next date.',
  keywords: 'stop cancel',
  permissions: ['kestra.trigger.write'],
  effect: 'destroy',
  input: () => z.strictObject(named),
  target,
  uses: [...finding, 'deleteBackfill', 'restartTrigger'],
  run: async (args, context) => {
    const { namespace, flow_id: flowId, trigger_id: triggerId } = args;
    await backfilling(context, args);
    await context.invoke('deleteBackfill', { body: { namespace, flowId, triggerId } });
    // Kestra 2 takes the date at which a backfill was paused for the next one of the schedule, which would then go on from there.
    if (isPast((await find(context, args)).state)) await context.invoke('restartTrigger', { path: { namespace, flowId, triggerId } });
    const { state } = await find(context, args);
    return changed(
      context,
      args,
      'ended',
      isPast(state)
        ? {
            warning: `Kestra still counts from ${state.nextEvaluationDate}: the schedule would catch up from there. disable_trigger stops that.`,
          }
        : { note: 'The schedule goes on as usual.' },
    );
  },
});

const backfilling = async (context: Context<Finding>, args: Named): Promise<void> => {
  const { state } = await find(context, args);
  if (!state.backfill) throw new PublicError('conflict', 'No backfill of this trigger is under way: it may be done. Nothing was done.');
};

const hourMs = 3_600_000;
const isPast = ({ nextEvaluationDate }: Found['state']): boolean =>
  nextEvaluationDate !== undefined && Date.parse(nextEvaluationDate) < Date.now() - hourMs;
