import type { OperationId } from './operation.ts';
import { type Translation, translate } from './translation.ts';

/** 1.x gives all plugins at once. */
export const pluginsOn13: Readonly<Partial<Record<OperationId, Translation>>> = {
  listPlugins: translate<'listPlugins', 'listPlugins'>({
    operation: 'listPlugins',
    call: () => ({}),
    reply: (results) => ({ total: results.length, results }),
  }),
};
