import { z } from 'zod';
import { matching } from '../kestra/filters.ts';
import { answer } from './answer.ts';
import { page, paged, query, size } from './fields.ts';
import { tool } from './tool.ts';

export const searchNamespaces = tool('searchNamespaces')({
  name: 'search_namespaces',
  title: 'Search namespaces',
  description: 'Find namespaces, parents included. Then list_flows.',
  permissions: ['kestra.namespace.read'],
  effect: 'read',
  anywhere: true,
  input: () => z.strictObject({ query, page, size }),
  call: ({ query, page, size }) => ({ query: { page, size, filters: matching(query) } }),
  show: ({ total, results }, { query, page, size }) =>
    answer({
      ...paged({ page, size }, total),
      namespaces: results.map(({ id }) => id),
      ...(total === 0 &&
        page === 1 && {
          note: query ? `No namespace contains ${JSON.stringify(query)}.` : 'This Kestra has no namespaces yet, or none that you may see.',
        }),
    }),
});
