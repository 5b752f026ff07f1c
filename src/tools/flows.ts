import { z } from 'zod';
import { PublicError } from '../errors.ts';
import { inNamespace, matching } from '../kestra/filters.ts';
import type { Reply } from '../kestra/operation.ts';
import { flowNote, ifFound, namespaceNote } from './absence.ts';
import { answer } from './answer.ts';
import { children, flowId, namespace, page, paged, query, size } from './fields.ts';
import { type Declared, flatten, isRequired } from './inputs.ts';
import { flowLink } from './link.ts';
import { brief, labelMap, quoted } from './quoted.ts';
import { type Context, recipe } from './tool.ts';

export const listFlows = recipe({
  name: 'list_flows',
  title: 'List flows',
  description: 'The flows of a namespace, by id. Then get_flow, execute_flow or list_executions.',
  permissions: ['kestra.flow.read'],
  effect: 'read',
  input: () => z.strictObject({ namespace, children, query, page, size }),
  target: ({ namespace }) => ({ namespace }),
  uses: ['searchFlows'],
  run: async ({ namespace, children, query, page, size }, context) => {
    const { total, results } = await context.invoke('searchFlows', {
      query: { page, size, sort: ['namespace:asc', 'id:asc'], filters: { ...inNamespace(namespace, children), ...matching(query) } },
    });
    return answer({
      ...paged({ page, size }, total),
      flows: await Promise.all(results.map((flow) => briefFlow(context, flow))),
      ...(total === 0 && page === 1 && { note: `${looked(namespace, children, query)} ${await namespaceNote(context, namespace)}` }),
    });
  },
});

const looked = (namespace: string, children: boolean | undefined, query: string | undefined): string =>
  `No flow was found in ${namespace}${children ? ' and below' : ' itself'}${query ? ` for ${JSON.stringify(query)}` : ''}.`;

type Flow = Reply<'searchFlows'>['results'][number];

/** One flow among many. */
export const briefFlow = async (
  context: Context,
  { id, namespace, revision, disabled, draft, description, labels, triggers, updated }: Flow,
) => ({
  namespace,
  flow_id: id,
  revision,
  updated,
  ...(disabled && { disabled }),
  ...(draft && { draft }),
  ...(triggers?.length && { triggers: triggers.map((trigger) => trigger.id) }),
  ...quoted({ description: brief(description), labels: labelMap(labels) }),
  ...(await flowLink(context, { id, namespace })),
});

export const getFlow = recipe({
  name: 'get_flow',
  title: 'Get flow',
  description:
    "A flow's YAML source, inputs and triggers. Before you change it, note the revision: it is the expected_revision of create_or_update_flow.",
  permissions: ['kestra.flow.read'],
  effect: 'read',
  input: () => z.strictObject({ namespace, flow_id: flowId, revision: z.int().min(1).optional().describe('an older one') }),
  target: ({ namespace }) => ({ namespace }),
  uses: ['getFlow', 'searchFlows'],
  run: async ({ namespace, flow_id, revision }, context) => {
    const flow = await ifFound(context.invoke('getFlow', { path: { namespace, id: flow_id }, query: { source: true, revision } }));
    if (!flow) {
      const note = await flowNote(context, namespace, flow_id);
      throw new PublicError(
        'not_found',
        note ?? `The flow ${flow_id} in ${namespace} has no revision ${revision}: leave it out for the current one.`,
      );
    }
    const { inputs = [], triggers = [], labels, description, disabled, draft, updated } = flow;
    return answer(
      {
        namespace,
        flow_id,
        revision: flow.revision,
        updated,
        ...(disabled && { disabled }),
        ...(draft && { draft }),
        ...(inputs.length > 0 && {
          inputs: flatten(inputs as readonly Declared[]).map((input) => ({ id: input.id, type: input.type, required: isRequired(input) })),
        }),
        ...(triggers.length > 0 && { triggers: triggers.map(({ id, type, disabled }) => ({ id, type, ...(disabled && { disabled }) })) }),
        ...quoted({ description: brief(description), labels: labelMap(labels) }),
        ...(await flowLink(context, { id: flow_id, namespace })),
      },
      { name: 'source', language: 'yaml', text: flow.source ?? '' },
    );
  },
});
