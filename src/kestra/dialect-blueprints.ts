import type { OperationId } from './operation.ts';
import { page, type Translation, text, translate } from './translation.ts';

export const blueprintsOn13: Readonly<Partial<Record<OperationId, Translation>>> = {
  searchBlueprints: translate<'searchBlueprints', 'searchBlueprints'>({
    operation: 'searchBlueprints',
    call: ({ path, query }) => ({ path, query: { ...page(query), q: text(query?.filters?.q?.EQUALS), sort: query?.sort } }),
    reply: (reply) => reply,
  }),
};
