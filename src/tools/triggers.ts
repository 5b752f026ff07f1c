import { z } from 'zod';
import { inNamespace } from '../kestra/filters.ts';
import { flowNote, namespaceNote } from './absence.ts';
import { answer } from './answer.ts';
import { children, flowId, namespace, page, paged, refuse, size } from './fields.ts';
import { quoted } from './quoted.ts';
import { recipe } from './tool.ts';

export const searchTriggers = recipe({
  name: 'search_triggers',
  title: 'Search triggers',
  description: 'When flows start by themselves: triggers with their next and last evaluation, whether disabled, locked or in a backfill.',
  permissions: ['kestra.trigger.read'],
  effect: 'read',
  input: () => z.strictObject({ namespace: namespace.optional(), children, flow_id: flowId.optional(), page, size }),
  target: ({ namespace }) => ({ namespace }),
  uses: ['searchTriggers', 'getFlow', 'searchFlows'],
  run: async ({ namespace, children, flow_id, page, size }, context) => {
    if (flow_id && !namespace) refuse('flow_id needs the namespace of the flow.');
    const { total, results } = await context.invoke('searchTriggers', {
      query: { page, size, filters: { ...inNamespace(namespace, children), ...(flow_id && { flowId: { EQUALS: flow_id } }) } },
    });
    return answer({
      ...paged({ page, size }, total),
      triggers: results.map(({ trigger, state }) => ({
        namespace: state.namespace,
        flow_id: state.flowId,
        trigger_id: state.triggerId,
        type: trigger.type,
        // Kestra 1.x says false in the state of a trigger that the flow's source disables.
        disabled: Boolean(state.disabled || trigger.disabled),
        next_evaluation: state.nextEvaluationDate,
        last_evaluation: state.evaluatedAt,
        last_triggered: state.lastTriggeredDate,
        ...(state.locked && { locked: true }),
        ...(state.executionId && { running_execution_id: state.executionId }),
        ...(state.backfill && {
          backfill: { start: state.backfill.start, end: state.backfill.end, at: state.backfill.currentDate, paused: state.backfill.paused },
        }),
        ...quoted({ cron: trigger.cron, timezone: trigger.timezone, interval: trigger.interval }),
      })),
      ...(total === 0 &&
        page === 1 && {
          note: `No trigger was found${namespace ? ` in ${namespace}${children ? ' and below' : ''}` : ''}${flow_id ? ` for ${flow_id}` : ''}. ${await why()}`,
        }),
    });

    async function why(): Promise<string> {
      if (!namespace) return 'Triggers appear when a flow that has one is saved.';
      return (
        (flow_id ? await flowNote(context, namespace, flow_id) : await namespaceNote(context, namespace)) ??
        'The flow exists and has no trigger that Kestra evaluates; get_flow also shows those that only listen, such as webhooks.'
      );
    }
  },
});
