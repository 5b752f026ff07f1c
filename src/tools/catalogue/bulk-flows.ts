import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { inNamespace, matching } from '../../kestra/filters.ts';
import { answer } from '../answer.ts';
import { askFirst, batches, bulkPage, collect, confirmBulk, mustConfirm } from '../bulk.ts';
import { children, flowId, namespace, query } from '../fields.ts';
import { type Context, type Effect, recipe, type Tool } from '../tool.ts';

const mostSample = 10;

interface Kind {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly done: string;
  readonly effect: Effect;
}

type Operation = 'enableFlowsByIds' | 'disableFlowsByIds' | 'deleteFlowsByIds';

const ofFlows = (operation: Operation, { name, title, description, done, effect }: Kind): Tool =>
  recipe({
    name,
    title,
    description: `${description} Without confirm it only says how many match, with a sample.`,
    keywords: 'bulk all many',
    permissions: ['kestra.flow.read', operation === 'deleteFlowsByIds' ? 'kestra.flow.delete' : 'kestra.flow.write'],
    effect,
    input: () => z.strictObject({ namespace, children, query, confirm: confirmBulk }),
    target: ({ namespace }) => ({ namespace }),
    uses: ['searchFlows', operation],
    run: async ({ namespace, children, query, confirm }, context) => {
      const rows = await collect((page, size) =>
        context.invoke('searchFlows', {
          query: { page, size, sort: ['namespace:asc', 'id:asc'], filters: { ...inNamespace(namespace, children), ...matching(query) } },
        }),
      );
      const wanted = rows.filter(
        ({ disabled }) => operation === 'deleteFlowsByIds' || Boolean(disabled) === (operation === 'enableFlowsByIds'),
      );
      const flows = wanted.map(({ namespace, id }) => ({ namespace, id }));
      if (flows.length === 0)
        return answer({ matching: 0, done: 'nothing', note: `${rows.length} flows match, and none of them needs it.` });
      const keys = flows.map(({ namespace, id }) => `${namespace}.${id}`);
      if (mustConfirm(confirm, title, keys)) {
        const sample = flows.slice(0, mostSample).map(({ namespace, id }) => ({ namespace, flow_id: id }));
        return askFirst(
          title,
          keys,
          { sample },
          effect === 'destroy' ? { warning: 'The flows and their triggers are deleted; executions stay.' } : {},
        );
      }
      let count = 0;
      for (const batch of batches(flows, bulkPage)) count += (await context.invoke(operation, { body: batch })).count ?? batch.length;
      return answer({ matching: flows.length, done: `${done}: ${count}` });
    },
  });

/** 2.0 does it later; it is looked at until it has happened, or five seconds are over. */
const ofTriggers = (disabled: boolean): Tool => {
  const title = disabled ? 'Disable triggers' : 'Enable triggers';
  return recipe({
    name: disabled ? 'disable_triggers' : 'enable_triggers',
    title,
    description: `${disabled ? 'Disable' : 'Enable'} all triggers that match, such as those of a namespace during a maintenance. Without confirm it only says how many match, with a sample.`,
    keywords: 'bulk all many maintenance schedules pause',
    permissions: ['kestra.trigger.read', 'kestra.trigger.write'],
    effect: 'write',
    input: () => z.strictObject({ namespace, children, flow_id: flowId.optional(), confirm: confirmBulk }),
    target: ({ namespace }) => ({ namespace }),
    uses: ['searchTriggers', 'disabledTriggersByIds'],
    run: async ({ namespace, children, flow_id, confirm }, context) => {
      const filters = { ...inNamespace(namespace, children), ...(flow_id && { flowId: { EQUALS: flow_id } }) };
      const rows = await collect((page, size) => context.invoke('searchTriggers', { query: { page, size, filters } }));
      // What the source disables, no switch enables.
      const wanted = rows.filter(({ state, trigger }) => Boolean(state.disabled) !== disabled && !trigger.disabled);
      const triggers = wanted.map(({ state: { namespace, flowId, triggerId } }) => ({ namespace, flowId, triggerId }));
      if (triggers.length === 0)
        return answer({ matching: 0, done: 'nothing', note: `${rows.length} triggers match, and none of them needs it.` });
      const keys = triggers.map(({ namespace, flowId, triggerId }) => `${namespace}.${flowId}.${triggerId}`);
      if (mustConfirm(confirm, title, keys)) {
        const sample = triggers
          .slice(0, mostSample)
          .map(({ namespace, flowId, triggerId }) => ({ namespace, flow_id: flowId, trigger_id: triggerId }));
        return askFirst(title, keys, { sample });
      }
      for (const batch of batches(triggers, bulkPage))
        await context.invoke('disabledTriggersByIds', { body: { disabled, triggers: batch } });
      const left = await remaining(context, filters, new Set(keys), disabled);
      return answer({
        matching: triggers.length,
        done: `${disabled ? 'disabled' : 'enabled'}: ${triggers.length - left}`,
        ...(left > 0 && { note: `${left} are as they were: Kestra may still be at it. search_triggers shows them.` }),
      });
    },
  });
};

const pollMs = 250;
const mostPolls = 20;

const remaining = async (
  context: Context<'searchTriggers'>,
  filters: object,
  keys: ReadonlySet<string>,
  disabled: boolean,
): Promise<number> => {
  for (let poll = 1; ; poll++) {
    const rows = await collect((page, size) => context.invoke('searchTriggers', { query: { page, size, filters } }));
    const left = rows.filter(
      ({ state }) => keys.has(`${state.namespace}.${state.flowId}.${state.triggerId}`) && Boolean(state.disabled) !== disabled,
    ).length;
    if (left === 0 || poll === mostPolls) return left;
    await sleep(pollMs, undefined, { signal: context.signal });
  }
};

export const bulkFlows: readonly Tool[] = [
  ofFlows('disableFlowsByIds', {
    name: 'disable_flows',
    title: 'Disable flows',
    description: 'Disable all flows of a namespace that match.',
    done: 'disabled',
    effect: 'write',
  }),
  ofFlows('enableFlowsByIds', {
    name: 'enable_flows',
    title: 'Enable flows',
    description: 'Enable all disabled flows of a namespace that match.',
    done: 'enabled',
    effect: 'write',
  }),
  ofFlows('deleteFlowsByIds', {
    name: 'delete_flows',
    title: 'Delete flows',
    description: 'Delete all flows of a namespace that match.',
    done: 'deleted',
    effect: 'destroy',
  }),
  ofTriggers(true),
  ofTriggers(false),
];
