import type { components } from './generated/schema-2.0.d.ts';

export type Filters = components['schemas']['Filters'];

/** The filter for a namespace alone, or with everything below it: Kestra's PREFIX of `acme.data` does not match `acme.database`. */
export const inNamespace = (namespace: string | undefined, children: boolean | undefined): Filters => {
  if (namespace === undefined) return {};
  return { namespace: children ? { PREFIX: namespace } : { EQUALS: namespace } };
};

/**
 * The filters for a flow's executions of all times: of both lines, one that isn't asked for a start date silently gives those of the last
 * eight days.
 */
export const ofFlow = (namespace: string, flowId: string): Filters => ({
  namespace: { EQUALS: namespace },
  flowId: { EQUALS: flowId },
  ...everSince,
});

/** Any start date: see `ofFlow`. */
export const everSince: Filters = { startDate: { GREATER_THAN_OR_EQUAL_TO: '1970-01-01T00:00:00Z' } };

/** The filter for a free text, where there is one. */
export const matching = (query: string | undefined): Filters => (query === undefined ? {} : { q: { EQUALS: query } });

/**
 * Executions that started between two moments; those of all times if neither is given. Of two conditions on the start date both lines find
 * nothing; what they call the end date is, unless asked otherwise, the other end of the same.
 */
export const startedWithin = (after: string | undefined, before: string | undefined): Filters => ({
  ...(after ? { startDate: { GREATER_THAN_OR_EQUAL_TO: after } } : everSince),
  ...(before && { endDate: { LESS_THAN: before } }),
});
