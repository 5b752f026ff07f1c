import { KestraError } from './failure.ts';
import type { Line } from './generated/routes.ts';
import type { operations as operations13 } from './generated/schema-1.3.d.ts';
import type { Call, CallOf, OperationId, Reply, ReplyOf } from './operation.ts';

type OldId = keyof operations13;

interface Wire {
  readonly path?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

/** How an older line does what a 2.x operation does, where the route is not the only difference. */
interface Translation {
  /** The operation of the older line; the same one unless that line does it with another. */
  readonly operation: OldId;
  readonly call: (call: Wire) => Wire;
  readonly reply: (reply: unknown, call: Wire) => unknown;
}

/** Holds a translation against both contracts; afterwards only the shape that all share is known. */
const translate = <Id extends OperationId, Old extends OldId>(translation: {
  operation: Old;
  call: (call: Call<Id>) => CallOf<operations13[Old]>;
  reply: (reply: ReplyOf<operations13[Old]>, call: Call<Id>) => Reply<Id>;
}): Translation => translation as unknown as Translation;

type Page = { readonly page?: number; readonly size?: number };
const page = ({ page, size }: Page = {}): Page => ({ page, size });

/** A filter's single value: the older dialect has flat parameters. */
const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** The filters go along in the newer form too: a server that was upgraded a moment ago ignores the flat one and would list everything. */
const newer = <Q extends { filters?: unknown }>(query: Q | undefined): Pick<Q, 'filters'> => ({ filters: query?.filters });

/** An answer that only a newer server gives. Without a status, so that the version is asked again. */
const upgraded = (): never => {
  throw new KestraError('not_on_this_server', 'Kestra answers differently. Its version may have changed a moment ago: try once more.', {
    mayHaveArrived: true,
  });
};

const on13: Readonly<Partial<Record<OperationId, Translation>>> = {
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
        const state = {
          namespace: context.namespace,
          flowId: context.flowId,
          triggerId: context.triggerId,
          disabled: context.disabled,
          backfill: context.backfill ?? undefined,
          executionId: context.executionId ?? undefined,
          evaluatedAt: context.date,
          nextEvaluationDate: context.nextExecutionDate ?? undefined,
          updatedAt: context.updatedDate ?? context.date ?? '',
        };
        return [{ trigger: { ...trigger, labels: undefined }, state }];
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
export const speak = (line: Line, id: OperationId, call: Wire): Spoken => {
  const translation = line === '1.3' ? on13[id] : undefined;
  return translation
    ? { operation: translation.operation, call: translation.call(call), hear: (reply) => translation.reply(reply, call) }
    : { operation: id, call, hear: (reply) => reply };
};
