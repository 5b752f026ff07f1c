import { z } from 'zod';
import { inNamespace, matching } from '../kestra/filters.ts';
import { namespaceNote } from './absence.ts';
import { type Answer, answer } from './answer.ts';
import { children, namespace, page, paged, query, refuse, size } from './fields.ts';
import { briefFlow } from './flows.ts';
import { type Context, recipe } from './tool.ts';

const input = z.strictObject({
  query,
  in_source: z.boolean().optional().describe('look for query in the YAML'),
  label: z
    .string()
    .max(511)
    .regex(/^[^:]+:.+$/, 'is key:value')
    .optional()
    .describe('key:value'),
  namespace: namespace.optional(),
  children,
  page,
  size,
});
type Input = z.output<typeof input>;
type Uses = 'searchFlows' | 'searchFlowsBySourceCode';

export const searchFlows = recipe({
  name: 'search_flows',
  title: 'Search flows',
  description:
    'Find flows in any namespace by text, label, or what their YAML says (which looks in the namespaces below too). Then get_flow.',
  permissions: ['kestra.flow.read'],
  effect: 'read',
  input: () => input,
  target: ({ namespace }) => ({ namespace }),
  uses: ['searchFlows', 'searchFlowsBySourceCode'],
  run: (input, context) => (input.in_source ? inSource(input, context) : byName(input, context)),
});

const byName = async (input: Input, context: Context<Uses>): Promise<Answer> => {
  const { query, label, namespace, children, page, size } = input;
  const [key = '', ...value] = label?.split(':') ?? [];
  const { total, results } = await context.invoke('searchFlows', {
    query: {
      page,
      size,
      sort: ['namespace:asc', 'id:asc'],
      filters: {
        ...inNamespace(namespace, children),
        ...matching(query),
        ...(label && { labels: { EQUALS: { [key]: value.join(':') } } }),
      },
    },
  });
  return answer({
    ...paged({ page, size }, total),
    flows: await Promise.all(results.map((flow) => briefFlow(context, flow))),
    ...(total === 0 && page === 1 && { note: await nothing(input, context) }),
  });
};

const mostFragments = 3;
const longestFragment = 300;

/** Kestra searches sources with the namespaces below, and marks what it found. */
const inSource = async (input: Input, context: Context<Uses>): Promise<Answer> => {
  const { query, label, namespace, page, size } = input;
  if (!query) return refuse('in_source needs a query.');
  if (label) return refuse('in_source and label exclude each other.');
  const { total, results } = await context.invoke('searchFlowsBySourceCode', { query: { q: query, namespace, page, size } });
  const rows = results.flatMap(({ model, fragments = [] }) => (model ? [{ model, fragments }] : []));
  return answer({
    ...paged({ page, size }, total),
    flows: await Promise.all(
      rows.map(async ({ model, fragments }) => {
        const { quoted, ...flow } = await briefFlow(context, model);
        return { ...flow, quoted: { ...quoted, lines: fragments.slice(0, mostFragments).map(unmarked) } };
      }),
    ),
    ...(total === 0 && page === 1 && { note: await nothing(input, context) }),
  });
};

const unmarked = (fragment: string): string => fragment.replace(/\[\/?mark\]/g, '').slice(0, longestFragment);

const nothing = async ({ query, in_source, label, namespace, children }: Input, context: Context<Uses>): Promise<string> => {
  const words = [
    query && `${in_source ? 'has in its source' : 'matches'} ${JSON.stringify(query)}`,
    label && `has the label ${JSON.stringify(label)}`,
  ].filter(Boolean);
  const place = namespace ? ` in ${namespace}${children || in_source ? ' and below' : ''}` : '';
  const why = namespace ? ` ${await namespaceNote(context, namespace)}` : '';
  return `No flow${place} ${words.join(' and ') || 'was found'}.${why}`;
};
