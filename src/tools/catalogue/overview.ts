import { z } from 'zod';
import { inNamespace, matching, startedWithin } from '../../kestra/filters.ts';
import { namespaceNote } from '../absence.ts';
import { answer } from '../answer.ts';
import { children, executionId, flowId, instant, namespace, page, paged, query, refuse, type State, size, states } from '../fields.ts';
import { quoted } from '../quoted.ts';
import { recipe } from '../tool.ts';
import { existing } from './execution-state.ts';

export const latestExecutions = recipe({
  name: 'latest_executions',
  title: 'Latest executions',
  description: 'The latest execution of each flow of a namespace: what is healthy, what failed last, what never ran.',
  keywords: 'health status overview last run dashboard',
  permissions: ['kestra.flow.read', 'kestra.execution.read'],
  effect: 'read',
  input: () => z.strictObject({ namespace, children, query, page, size }),
  target: ({ namespace }) => ({ namespace }),
  uses: ['searchFlows', 'getLatestExecutions'],
  run: async ({ namespace, children, query, page, size }, context) => {
    const { total, results } = await context.invoke('searchFlows', {
      query: { page, size, sort: ['namespace:asc', 'id:asc'], filters: { ...inNamespace(namespace, children), ...matching(query) } },
    });
    const latest =
      results.length === 0
        ? []
        : await context.invoke('getLatestExecutions', { body: results.map(({ namespace, id }) => ({ namespace, id })) });
    const of = new Map(latest.map((execution) => [`${execution.namespace}.${execution.flowId}`, execution]));
    return answer({
      ...paged({ page, size }, total),
      flows: results.map(({ namespace, id, disabled }) => {
        const last = of.get(`${namespace}.${id}`);
        return {
          namespace,
          flow_id: id,
          ...(disabled && { disabled }),
          ...(last ? { state: last.status, started: last.startDate, execution_id: last.id } : { state: 'never ran' }),
        };
      }),
      ...(total === 0 && page === 1 && { note: `No flow was found. ${await namespaceNote(context, namespace)}` }),
    });
  },
});

const dayMs = 86_400_000;
const mostDays = 31;

export const executionStatistics = recipe({
  name: 'execution_statistics',
  title: 'Execution statistics',
  description: 'How many executions ended how, in a time (default: the last 7 days), in all and with by_day for each day (UTC).',
  keywords: 'count failure rate how many success overview trend dashboard',
  permissions: ['kestra.execution.read'],
  effect: 'read',
  input: () =>
    z.strictObject({
      namespace: namespace.optional(),
      children,
      flow_id: flowId.optional(),
      start_after: instant.optional(),
      start_before: instant.optional(),
      by_day: z.boolean().optional(),
    }),
  target: ({ namespace }) => ({ namespace }),
  uses: ['searchExecutions'],
  run: async ({ namespace, children, flow_id, start_after, start_before, by_day }, context) => {
    if (flow_id && !namespace) refuse('flow_id needs the namespace of the flow.');
    const to = start_before ? Date.parse(start_before) : Date.now();
    const from = start_after ? Date.parse(start_after) : to - 7 * dayMs;
    if (from >= to) refuse('start_after must be before start_before.');
    const count = async (since: number, until: number, state?: State) => {
      const { total } = await context.invoke('searchExecutions', {
        query: {
          page: 1,
          size: 1,
          filters: {
            ...inNamespace(namespace, children),
            ...(flow_id && { flowId: { EQUALS: flow_id } }),
            ...(state && { state: { EQUALS: state } }),
            ...startedWithin(new Date(since).toISOString(), new Date(until).toISOString()),
          },
        },
      });
      return total;
    };
    const counts = async (since: number, until: number, of: readonly State[]) =>
      Object.fromEntries(
        (await Promise.all(of.map(async (state) => [state, await count(since, until, state)] as const))).filter(([, n]) => n > 0),
      );
    const total = await count(from, to);
    const inAll = total === 0 ? {} : await counts(from, to, states);
    const ended = sum(inAll, ['SUCCESS', 'WARNING', 'FAILED', 'KILLED', 'CANCELLED']);
    const days = Math.ceil((to - from) / dayMs);
    return answer({
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
      total,
      by_state: inAll,
      ...(ended > 0 && { success_percent: Math.round((1000 * sum(inAll, ['SUCCESS', 'WARNING'])) / ended) / 10 }),
      ...(by_day && days <= mostDays && total > 0 && { by_day: await perDay(from, to, Object.keys(inAll) as State[], counts) }),
      ...(by_day && days > mostDays && { note: `by_day is for ${mostDays} days at most.` }),
      ...(total === 0 && { note: 'Nothing was started there in that time.' }),
    });
  },
});

const sum = (counts: Readonly<Record<string, number>>, states: readonly State[]): number =>
  states.reduce((total, state) => total + (counts[state] ?? 0), 0);

const perDay = async (
  from: number,
  to: number,
  of: readonly State[],
  counts: (since: number, until: number, of: readonly State[]) => Promise<Record<string, number>>,
) => {
  const days: { day: string; [state: string]: unknown }[] = [];
  for (let day = from - (from % dayMs); day < to; day += dayMs) {
    const found = await counts(Math.max(day, from), Math.min(day + dayMs, to), of);
    days.push({ day: new Date(day).toISOString().slice(0, 10), ...found });
  }
  return days;
};

export const executionMetrics = recipe({
  name: 'execution_metrics',
  title: 'Execution metrics',
  description: 'The metrics that the tasks of an execution reported, such as rows read or bytes written.',
  keywords: 'counters timers rows',
  permissions: ['kestra.execution.read'],
  effect: 'read',
  input: () => z.strictObject({ execution_id: executionId, task_id: z.string().min(1).max(256).optional(), page, size }),
  target: ({ execution_id }) => ({ executionId: execution_id }),
  uses: ['getExecution', 'searchByExecution'],
  run: async ({ execution_id, task_id, page, size }, context) => {
    await existing(context, execution_id);
    const { total, results } = await context.invoke('searchByExecution', {
      path: { executionId: execution_id },
      query: { page, size, taskId: task_id },
    });
    return answer({
      execution_id,
      ...paged({ page, size }, total),
      metrics: results.map(({ taskId, type, name, value, tags }) => ({ task_id: taskId, type, value, ...quoted({ name, tags }) })),
      ...(total === 0 && page === 1 && { note: 'Its tasks reported no metrics.' }),
    });
  },
});

const aggregations = ['sum', 'avg', 'min', 'max'] as const;

export const flowMetrics = recipe({
  name: 'flow_metrics',
  title: 'Flow metrics',
  description: 'The metrics that the executions of a flow report; with a metric its values over time (default: the last 30 days).',
  keywords: 'counters timers rows trend',
  permissions: ['kestra.execution.read', 'kestra.flow.read'],
  effect: 'read',
  input: () =>
    z.strictObject({
      namespace,
      flow_id: flowId,
      metric: z
        .string()
        .regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]*$/, 'is not a metric that can be asked for by its name')
        .max(256)
        .optional(),
      aggregation: z.enum(aggregations).default('sum'),
      start: instant.optional(),
      end: instant.optional(),
    }),
  target: ({ namespace }) => ({ namespace }),
  uses: ['listFlowMetrics', 'aggregateMetricsFromFlow'],
  run: async ({ namespace, flow_id, metric, aggregation, start, end }, context) => {
    const path = { namespace, flowId: flow_id };
    const names = await context.invoke('listFlowMetrics', { path });
    const facts = { namespace, flow_id, metrics: names, ...(names.length === 0 && { note: 'No execution of it has reported a metric.' }) };
    if (metric === undefined || names.length === 0) return answer(facts);
    if (!names.includes(metric)) refuse(`There is no metric ${metric}: ${names.slice(0, 20).join(', ')}.`);
    const { groupBy, aggregations } = await context.invoke('aggregateMetricsFromFlow', {
      path: { ...path, metric },
      query: { aggregation, startDate: start, endDate: end },
    });
    return answer({
      ...facts,
      metric,
      aggregation,
      by: groupBy,
      values: aggregations.filter(({ value }) => value).map(({ date, value }) => ({ date: date.replace(/\.\d+/, ''), value })),
    });
  },
});

export const concurrencyLimits = recipe({
  name: 'list_concurrency',
  title: 'List concurrency',
  description: 'How many executions of each flow with a concurrency limit run at the moment. Helps when executions stay QUEUED.',
  keywords: 'queue queued stuck limit waiting slots',
  permissions: ['kestra.flow.read'],
  effect: 'read',
  anywhere: true,
  input: () => z.strictObject({}),
  uses: ['searchConcurrencyLimits'],
  run: async (_, context) => {
    const { total, results } = await context.invoke('searchConcurrencyLimits', {});
    return answer({
      total,
      flows: results.map(({ namespace, flowId, running }) => ({ namespace, flow_id: flowId, running })),
      ...(total === 0 && { note: 'No flow with a concurrency limit has run yet.' }),
    });
  },
});
