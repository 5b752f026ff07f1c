import { z } from 'zod';
import { answer } from '../../src/tools/answer.ts';
import { recipe, tool } from '../../src/tools/tool.ts';

/**
 * What `tool()` and `recipe()` must refuse at compile time, and what they must not: `npm run typecheck` holds this file to that, since a
 * @ts-expect-error above a line that compiles is an error itself. Nothing runs it.
 */
const about = {
  name: 'x',
  title: 'X',
  description: 'x',
  permissions: ['kestra.flow.read'],
  effect: 'read',
  input: () => z.strictObject({ a: z.string(), n: z.int() }),
} as const;
const show = () => answer({});

// @ts-expect-error unknown operation
tool('getFlw')({ ...about, show, call: () => ({}) });
// @ts-expect-error unknown query name
tool('searchExecutions')({ ...about, show, call: ({ n }) => ({ query: { pgae: n } }) });
// @ts-expect-error mistyped query
tool('searchExecutions')({ ...about, show, call: ({ a }) => ({ query: { page: a } }) });
// @ts-expect-error unknown filter field, two levels down
tool('searchExecutions')({ ...about, show, call: ({ a }) => ({ query: { filters: { namespce: { EQUALS: a } } } }) });
// @ts-expect-error unknown filter operator
tool('searchExecutions')({ ...about, show, call: ({ a }) => ({ query: { filters: { namespace: { EQALS: a } } } }) });
// @ts-expect-error unknown slot
tool('searchExecutions')({ ...about, show, call: ({ a }) => ({ header: { a } }) });
// @ts-expect-error missing path
tool('getExecution')({ ...about, show, call: () => ({}) });
// @ts-expect-error missing path parameter
tool('getFlow')({ ...about, show, call: ({ a }) => ({ path: { namespace: a }, query: { source: true } }) });
// @ts-expect-error the tenant is the session's
tool('getExecution')({ ...about, show, call: ({ a }) => ({ path: { executionId: a, tenant: a } }) });
// @ts-expect-error missing body
tool('createFlow')({ ...about, show, call: () => ({}) });
// @ts-expect-error body of the wrong type
tool('createFlow')({ ...about, show, call: ({ n }) => ({ body: n }) });
// @ts-expect-error body where there is none
tool('getExecution')({ ...about, show, call: ({ a }) => ({ path: { executionId: a }, body: a }) });
// @ts-expect-error a name that the input does not have
tool('getExecution')({ ...about, show, call: ({ b }) => ({ path: { executionId: b } }) });
// @ts-expect-error show reads a field that the reply lacks
tool('getFlow')({ ...about, call: ({ a }) => ({ path: { namespace: a, id: a } }), show: ({ naem }) => answer({ naem }) });
// @ts-expect-error a permission that does not exist
tool('getExecution')({ ...about, permissions: ['kestra.flow.raed'], show, call: ({ a }) => ({ path: { executionId: a } }) });
// @ts-expect-error an effect that does not exist
tool('getExecution')({ ...about, effect: 'raed', show, call: ({ a }) => ({ path: { executionId: a } }) });
// @ts-expect-error an answer that is none
tool('getExecution')({ ...about, show: () => 'done', call: ({ a }) => ({ path: { executionId: a } }) });
// @ts-expect-error recipe: an operation that is not declared
recipe({ ...about, uses: ['getFlow'], run: async ({ a }, { invoke }) => answer({ r: await invoke('createFlow', { body: a }) }) });
recipe({
  ...about,
  uses: ['searchFlows'],
  // @ts-expect-error recipe: unknown query name
  run: async ({ n }, { invoke }) => answer({ r: await invoke('searchFlows', { query: { pgae: n } }) }),
});
recipe({
  ...about,
  uses: ['searchFlows'],
  // @ts-expect-error recipe: unknown filter
  run: async ({ a }, { invoke }) => answer({ r: await invoke('searchFlows', { query: { filters: { nme: { EQUALS: a } } } }) }),
});
recipe({
  ...about,
  uses: ['getFlow'],
  // @ts-expect-error recipe: a target that the input does not have
  target: ({ namespace }) => ({ namespace }),
  run: async () => answer({}),
});

// What must compile.
tool('createExecution')({ ...about, show, call: ({ a }) => ({ path: { namespace: a, id: a } }) });
tool('createExecution')({
  ...about,
  show,
  call: ({ a, n }) => ({ path: { namespace: a, id: a }, query: { labels: ['a:b'] }, body: { a, n, list: [1, 'x'], file: new Blob([a]) } }),
});
tool('createExecution')({
  ...about,
  show: ({ id }) => answer({ id }),
  call: ({ a, n }) => (n > 1 ? { path: { namespace: a, id: a }, body: { a } } : { path: { namespace: a, id: a } }),
});
tool('searchTriggers')({
  ...about,
  call: ({ a }) => ({ query: { filters: { flowId: { IN: [a, a] } } } }),
  show: ({ total, results }) => answer({ total, next: results.map(({ state }) => state.nextEvaluationDate) }),
});
tool('followExecution')({
  ...about,
  call: ({ a }) => ({ path: { executionId: a } }),
  show: (stream) => answer({ stream: stream satisfies ReadableStream }),
});
recipe({
  ...about,
  uses: ['getFlow', 'createFlow'],
  run: async ({ a }, { invoke }) => {
    const { revision } = await invoke('getFlow', { path: { namespace: a, id: a }, query: { source: true } });
    return answer({ revision, created: (await invoke('createFlow', { body: a })).revision });
  },
});
