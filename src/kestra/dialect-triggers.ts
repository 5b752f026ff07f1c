import type { operations as operations13 } from './generated/schema-1.3.d.ts';
import type { OperationId, Reply, ReplyOf } from './operation.ts';
import { type Translation, translate } from './translation.ts';

type State = Reply<'disableTriggerById'>;
type Context = ReplyOf<operations13['updateTrigger']>;

/** What 1.x says of a trigger, in the words of 2.x. */
export const stateOf = (context: Context): State => ({
  namespace: context.namespace,
  flowId: context.flowId,
  triggerId: context.triggerId,
  disabled: context.disabled,
  backfill: context.backfill ?? undefined,
  executionId: context.executionId ?? undefined,
  evaluatedAt: context.date,
  nextEvaluationDate: context.nextExecutionDate ?? undefined,
  updatedAt: context.updatedDate ?? context.date ?? '',
});

/** A trigger as a body must name it: 1.x takes one without its tenant for another. */
const named = <T extends { namespace?: string; flowId?: string; triggerId?: string }>(body: T, tenantId: string) => ({
  ...body,
  namespace: body.namespace ?? '',
  flowId: body.flowId ?? '',
  triggerId: body.triggerId ?? '',
  tenantId,
});

const ofBackfill = <Id extends 'pauseBackfill' | 'unpauseBackfill' | 'deleteBackfill'>(id: Id): Translation =>
  translate<'pauseBackfill', 'pauseBackfill'>({
    operation: id as 'pauseBackfill',
    call: ({ body }, tenant) => ({ body: named(body, tenant) }),
    reply: stateOf,
  });

/** 1.x changes a trigger by saving it as a whole; its flow and type are looked up, so that what changes is enough. */
export const triggersOn13: Readonly<Partial<Record<OperationId, Translation>>> = {
  disableTriggerById: translate<'disableTriggerById', 'updateTrigger'>({
    operation: 'updateTrigger',
    call: ({ body }, tenant) => ({ body: named(body, tenant) }),
    reply: stateOf,
  }),
  createBackfill: translate<'createBackfill', 'updateTrigger'>({
    operation: 'updateTrigger',
    call: ({ body: { backfill, ...trigger } }, tenant) => ({
      body: { ...named(trigger, tenant), backfill: backfill && { ...backfill, start: backfill.start ?? '' } },
    }),
    reply: stateOf,
  }),
  pauseBackfill: ofBackfill('pauseBackfill'),
  unpauseBackfill: ofBackfill('unpauseBackfill'),
  deleteBackfill: ofBackfill('deleteBackfill'),
  unlockTrigger: translate<'unlockTrigger', 'unlockTrigger'>({
    operation: 'unlockTrigger',
    call: ({ path }) => ({ path }),
    reply: stateOf,
  }),
  restartTrigger: translate<'restartTrigger', 'restartTrigger'>({
    operation: 'restartTrigger',
    call: ({ path }) => ({ path }),
    // Undeclared, and the same.
    reply: (context) => stateOf(context as Context),
  }),
  disabledTriggersByIds: translate<'disabledTriggersByIds', 'disabledTriggersByIds'>({
    operation: 'disabledTriggersByIds',
    call: ({ body: { disabled, triggers } }, tenant) => ({
      body: { disabled, triggers: triggers.map((trigger) => named(trigger, tenant)) },
    }),
    // 1.x counts what it was asked for, known or not.
    reply: () => ({}),
  }),
};
