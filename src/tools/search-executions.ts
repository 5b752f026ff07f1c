import { z } from 'zod';
import { inNamespace, startedWithin } from '../kestra/filters.ts';
import { flowNote, namespaceNote } from './absence.ts';
import { answer } from './answer.ts';
import { briefExecution } from './execution-view.ts';
import { children, flowId, instant, labels, namespace, page, paged, refuse, size, states } from './fields.ts';
import { type Context, recipe } from './tool.ts';

const input = z.strictObject({
  namespace: namespace.optional(),
  children,
  flow_id: flowId.optional(),
  state: z.array(z.enum(states)).min(1).max(states.length).optional(),
  labels: labels.optional(),
  start_after: instant.optional(),
  start_before: instant.optional(),
  page,
  size,
});
type Input = z.output<typeof input>;

export const searchExecutions = recipe({
  name: 'search_executions',
  title: 'Search executions',
  description:
    'Find executions across flows, newest first: by state, labels or when they started (with Z or an offset). Then diagnose_execution or get_execution.',
  permissions: ['kestra.execution.read'],
  effect: 'read',
  input: () => input,
  target: ({ namespace }) => ({ namespace }),
  uses: ['searchExecutions', 'searchFlows', 'getFlow'],
  run: async (input, context) => {
    const { namespace, children, flow_id, state, labels, start_after, start_before, page, size } = input;
    if (flow_id && !namespace) refuse('flow_id needs the namespace of the flow.');
    if (start_after && start_before && Date.parse(start_after) >= Date.parse(start_before))
      refuse('start_after must be before start_before.');
    const { total, results } = await context.invoke('searchExecutions', {
      query: {
        page,
        size,
        sort: ['state.startDate:desc'],
        filters: {
          ...inNamespace(namespace, children),
          ...(flow_id && { flowId: { EQUALS: flow_id } }),
          ...(state && { state: { IN: state } }),
          ...(labels && { labels: { EQUALS: labels } }),
          ...startedWithin(start_after, start_before),
        },
      },
    });
    return answer({
      ...paged({ page, size }, total),
      executions: await Promise.all(
        results.map(async (execution) => {
          const { execution_id, ...rest } = await briefExecution(context, execution);
          return { execution_id, namespace: execution.namespace, flow_id: execution.flowId, ...rest };
        }),
      ),
      ...(total === 0 && page === 1 && { note: await nothing(input, context) }),
    });
  },
});

const nothing = async (input: Input, context: Context<'searchFlows' | 'getFlow'>): Promise<string> => {
  const { namespace, children, flow_id, ...conditions } = input;
  const place = namespace ? ` in ${namespace}${children ? ' and below' : ''}` : '';
  const conditional = Object.keys(conditions).some((key) => key !== 'page' && key !== 'size');
  const none = `No execution${flow_id ? ` of ${flow_id}` : ''}${place}${conditional ? ' fits all of these conditions' : ''}.`;
  if (!namespace) return none;
  const why = flow_id ? await flowNote(context, namespace, flow_id) : await namespaceNote(context, namespace);
  return `${none} ${why ?? 'The flow exists.'}`;
};
