import type { OperationId } from './operation.ts';
import { type Translation, translate } from './translation.ts';

/** 1.x means by a level that is equal one that is at least as grave. */
export const logsOn13: Readonly<Partial<Record<OperationId, Translation>>> = {
  searchLogs: translate<'searchLogs', 'searchLogs'>({
    operation: 'searchLogs',
    call: ({ query: { filters, page, size, sort } = {} }) => {
      const least = filters?.level?.GREATER_THAN_OR_EQUAL_TO;
      return { query: { page, size, sort, filters: least === undefined ? filters : { ...filters, level: { EQUALS: least } } } };
    },
    reply: (reply) => reply,
  }),
};
