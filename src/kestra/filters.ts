import type { components } from './generated/schema-2.0.d.ts';

export type Filters = components['schemas']['Filters'];

/** The filter for a namespace alone, or with everything below it: Kestra's PREFIX of `acme.data` does not match `acme.database`. */
export const inNamespace = (namespace: string | undefined, children: boolean | undefined): Filters => {
  if (namespace === undefined) return {};
  return { namespace: children ? { PREFIX: namespace } : { EQUALS: namespace } };
};

/** The filter for a free text, where there is one. */
export const matching = (query: string | undefined): Filters => (query === undefined ? {} : { q: { EQUALS: query } });
