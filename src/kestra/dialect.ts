import { blueprintsOn13 } from './dialect-blueprints.ts';
import { logsOn13 } from './dialect-logs.ts';
import { pluginsOn13 } from './dialect-plugins.ts';
import { stateOf, triggersOn13 } from './dialect-triggers.ts';
import { type Line, routes } from './generated/routes.ts';
import type { operations as operations13 } from './generated/schema-1.3.d.ts';
import type { Instance } from './instance.ts';
import type { OperationId, ReplyOf } from './operation.ts';
import { newer, type OldId, page, type Translation, text, translate, upgraded, type Wire } from './translation.ts';

const on13: Readonly<Partial<Record<OperationId, Translation>>> = {
  ...triggersOn13,
  ...blueprintsOn13,
  ...logsOn13,
  ...pluginsOn13,
  searchNamespaces: translate<'searchNamespaces', 'searchNamespaces'>({
    operation: 'searchNamespaces',
    call: ({ query }) => ({
      query: { ...page(query), ...newer(query), q: text(query?.filters?.q?.EQUALS), existing: query?.existing, sort: query?.sort },
    }),
    reply: (reply) => reply,
  }),
  searchAppsFromCatalog: translate<'searchAppsFromCatalog', 'searchAppsFromCatalog'>({
    operation: 'searchAppsFromCatalog',
    call: ({ query }) => ({ query: { ...page(query), ...newer(query), q: text(query?.filters?.q?.EQUALS) } }),
    reply: (reply) => reply,
  }),
  listLogsFromExecution: translate<'listLogsFromExecution', 'listLogsFromExecution'>({
    operation: 'listLogsFromExecution',
    call: ({ path, query }) => ({
      path,
      query: {
        ...newer(query),
        minLevel: level(query?.filters?.level?.GREATER_THAN_OR_EQUAL_TO),
        taskId: text(query?.filters?.taskId?.EQUALS),
        taskRunId: text(query?.filters?.taskRunId?.EQUALS),
      },
    }),
    reply: (reply) => reply,
  }),
  searchTriggers: translate<'searchTriggers', 'searchTriggers'>({
    operation: 'searchTriggers',
    call: (call) => call,
    reply: ({ total, results }) => ({
      total,
      results: results.flatMap(({ abstractTrigger: trigger, triggerContext: context }) => {
        if (!context) return upgraded();
        // Null for a trigger whose flow is gone.
        if (!trigger) return [];
        return [{ trigger: { ...trigger, labels: undefined }, state: stateOf(context) }];
      }),
    }),
  }),
  // Outputs stand in the task runs of the execution there.
  getTaskOutputsInformation: translate<'getTaskOutputsInformation', 'getExecution'>({
    operation: 'getExecution',
    call: ({ path }) => ({ path }),
    reply: (execution) =>
      runsOf(execution)
        .filter(({ outputs }) => outputs && Object.keys(outputs).length > 0)
        .map(({ id, taskId, value, iteration }) => ({ taskId, taskRunId: id, value, iteration, inline: true })),
  }),
  getTaskRunOutputs: translate<'getTaskRunOutputs', 'getExecution'>({
    operation: 'getExecution',
    call: ({ path: { executionId } }) => ({ path: { executionId } }),
    reply: (execution, { path: { taskRunId } }) => runsOf(execution).find(({ id }) => id === taskRunId)?.outputs ?? {},
  }),
};

/** Task runs that may have outputs: those of a newer server have lost them, and the id of their execution too. */
const runsOf = ({ taskRunList }: ReplyOf<operations13['getExecution']>) =>
  (taskRunList ?? []).map((run) => (run.executionId === undefined ? upgraded() : run));

const levels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR'] as const;
const level = (value: unknown): (typeof levels)[number] | undefined => levels.find((known) => known === value);

/** A call as this line's server wants it, and the way back from its reply to what the caller was promised. */
export interface Spoken {
  readonly operation: OperationId | OldId;
  readonly call: Wire;
  readonly hear: (reply: unknown) => unknown;
}

/** Turns a 2.x call into one of the server's line. What is not listed differs in its route alone, which is looked up. */
export const speak = (line: Line, id: OperationId, call: Wire, tenant: string): Spoken => {
  const translation = line === '1.3' ? on13[id] : undefined;
  return translation
    ? { operation: translation.operation, call: translation.call(call, tenant), hear: (reply) => translation.reply(reply, call) }
    : { operation: id, call, hear: (reply) => reply };
};

/** Has a server of this line and edition what the operation is for, under whatever name? */
export const serves = ({ line, edition }: Pick<Instance, 'line' | 'edition'>, id: OperationId): boolean => {
  const translation = line === '1.3' ? on13[id] : undefined;
  const route = routes[translation?.operation ?? id][line];
  return route !== undefined && (route.edition !== 'ee' || edition === 'EE');
};

/** The operations that a translation of an older line calls. */
export const substitutes: ReadonlySet<string> = new Set(Object.values(on13).map(({ operation }) => operation));
