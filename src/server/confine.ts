import { type Grant, isNowhere, reach, within } from '../access/grant.ts';
import type { Permission } from '../access/permission.ts';
import { PublicError } from '../errors.ts';
import { KestraError } from '../kestra/failure.ts';
import type { Call, Invoke, OperationId, Reply } from '../kestra/operation.ts';
import type { Target, Tool } from '../tools/tool.ts';

type Row = Readonly<Record<string, unknown>>;

/** A list of Kestra: what its rows may be seen with, and where a row says its namespace. */
interface List {
  readonly needs: Permission;
  readonly namespaceOf: (row: Row) => unknown;
  /** `filter`: Kestra limits it. `rows`: not every Kestra can; it is short, so it is fetched whole, limited and paged here. */
  readonly by: 'filter' | 'rows';
}

const lists: Readonly<Partial<Record<OperationId, List>>> = {
  searchFlows: { needs: 'kestra.flow.read', namespaceOf: (row) => row.namespace, by: 'filter' },
  searchExecutions: { needs: 'kestra.execution.read', namespaceOf: (row) => row.namespace, by: 'filter' },
  searchTriggers: { needs: 'kestra.trigger.read', namespaceOf: (row) => (row.state as Row | undefined)?.namespace, by: 'filter' },
  searchNamespaces: { needs: 'kestra.namespace.read', namespaceOf: (row) => row.id, by: 'rows' },
};
const wholePage = 1000;

/** Operations that concern one thing whose namespace was authorized, by the target or by a hop. */
const pinned: ReadonlySet<OperationId> = new Set([
  'getFlow',
  'createFlow',
  'updateFlow',
  'validateFlows',
  'createExecution',
  'getExecution',
  'followExecution',
  'killExecution',
  'listLogsFromExecution',
  'getTaskOutputsInformation',
  'getTaskRunOutputs',
  'getApp',
  'createApp',
]);

/**
 * Kestra as a caller may use it whose grants name namespaces: a target that is known by an id is looked up first; lists are narrowed by a
 * filter that Kestra applies, never by dropping rows of a page afterwards; whatever can't be narrowed is refused. A list that a tool needs
 * on the way (the last success of a flow, its failed subflows) shows what the caller may list anywhere, whatever the tool itself needs;
 * one of the target's own namespace is part of what was authorized.
 */
export const confine = async (invoke: Invoke, grants: readonly Grant[], tool: Tool, target: Target): Promise<Invoke> => {
  if (tool.effect === 'session') return invoke;
  const where = reach(grants, tool.permissions);
  if (where !== 'everywhere') await insistOnFound(invoke, where, target);
  return async (id, call) => {
    const list = lists[id];
    if (!list) {
      if (where === 'everywhere' || pinned.has(id)) return invoke(id, call);
      throw new PublicError('forbidden', `This lists things of every namespace; your roles are for ${where.join(', ')} and below.`);
    }
    const ownNamespace = target.namespace !== undefined && filtersOf(call).namespace?.EQUALS === target.namespace;
    const there = ownNamespace ? where : reach(grants, [list.needs]);
    if (there === 'everywhere') return invoke(id, call);
    if (isNowhere(there)) throw new PublicError('forbidden', `This needs ${list.needs}, which your roles do not give you.`);
    return list.by === 'rows'
      ? limited(invoke, id, call, (row) => inside(there, list.namespaceOf(row)))
      : narrowed(invoke, id, call, there, list);
  };
};

/**
 * Looks up what is known by an id alone. What is elsewhere is answered like what does not exist.
 * @throws PublicError `not_found`
 */
const insistOnFound = async (invoke: Invoke, where: readonly string[], { executionId, appUid }: Target): Promise<void> => {
  const absent = (what: string): PublicError =>
    new PublicError('not_found', `There is no ${what} in ${where.join(', ')} or below, which is where your roles allow this.`);
  const insist = async (what: string, lookUp: Promise<{ readonly namespace?: string }>): Promise<void> => {
    const { namespace } = await lookUp.catch((thrown: unknown) => {
      throw thrown instanceof KestraError && thrown.status === 404 ? absent(what) : thrown;
    });
    if (!inside(where, namespace)) throw absent(what);
  };
  if (executionId !== undefined) await insist(`execution ${executionId}`, invoke('getExecution', { path: { executionId } }));
  if (appUid !== undefined) await insist(`app ${appUid}`, invoke('getApp', { path: { uid: appUid } }));
};

const inside = (where: readonly string[], namespace: unknown): boolean => typeof namespace === 'string' && within(where, namespace);

interface Page {
  readonly total: number;
  readonly results: readonly Row[];
}

const limited: <Id extends OperationId>(invoke: Invoke, id: Id, call: Call<Id>, shown: (row: Row) => boolean) => Promise<Reply<Id>> =
  async (invoke, id, call, shown) => {
    const { query } = call as { query?: { page?: number; size?: number } };
    const rows: Row[] = [];
    for (let page = 1; ; page++) {
      const { total, results } = (await invoke(id, { ...call, query: { ...query, page, size: wholePage } })) as Page;
      rows.push(...results);
      if (results.length === 0 || rows.length >= total) break;
    }
    const mine = rows.filter(shown);
    const { page = 1, size = mine.length } = query ?? {};
    return { total: mine.length, results: mine.slice((page - 1) * size, page * size) } as never;
  };

const narrowed: <Id extends OperationId>(
  invoke: Invoke,
  id: Id,
  call: Call<Id>,
  where: readonly string[],
  list: List,
) => Promise<Reply<Id>> = async (invoke, id, call, where, { namespaceOf }) => {
  const roots = where.map((namespace) => namespace.replaceAll('.', '\\.'));
  const filters = filtersOf(call);
  const { query } = call as { query?: object };
  const namespace = { ...filters.namespace, REGEX: `^(${roots.join('|')})(\\..*)?$` };
  const reply = await invoke(id, { ...call, query: { ...query, filters: { ...filters, namespace } } });
  for (const row of (reply as unknown as Page).results) {
    const found = namespaceOf(row);
    if (!inside(where, found)) {
      throw new PublicError('internal', 'Kestra listed something outside of your namespaces, so nothing of it is shown.', {
        id,
        namespace: found,
      });
    }
  }
  return reply;
};

interface Filters {
  readonly namespace?: Readonly<Record<string, unknown>>;
}

const filtersOf = (call: unknown): Filters => (call as { query?: { filters?: Filters } }).query?.filters ?? {};
