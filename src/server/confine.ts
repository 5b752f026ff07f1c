import { type Grant, isNowhere, reach, within } from '../access/grant.ts';
import type { Permission } from '../access/permission.ts';
import { PublicError } from '../errors.ts';
import { KestraError } from '../kestra/failure.ts';
import type { Call, Invoke, OperationId, Reply } from '../kestra/operation.ts';
import type { Target, Tool } from '../tools/tool.ts';
import { pinned } from './pinned.ts';

type Row = Readonly<Record<string, unknown>>;

/** A list of Kestra: what its rows may be seen with, and where a row says its namespace. */
interface List {
  readonly needs: Permission;
  readonly namespaceOf: (row: Row) => unknown;
  /**
   * `filter`: Kestra limits it. `rows`: not every Kestra can; it is short, so it is fetched whole, limited and paged here.
   * `one`: Kestra limits it to one namespace with those below it, and in no other way.
   */
  readonly by: 'filter' | 'rows' | 'one';
}

const lists: Readonly<Partial<Record<OperationId, List>>> = {
  searchFlows: { needs: 'kestra.flow.read', namespaceOf: (row) => row.namespace, by: 'filter' },
  searchFlowsBySourceCode: { needs: 'kestra.flow.read', namespaceOf: (row) => (row.model as Row | undefined)?.namespace, by: 'one' },
  searchExecutions: { needs: 'kestra.execution.read', namespaceOf: (row) => row.namespace, by: 'filter' },
  searchTriggers: { needs: 'kestra.trigger.read', namespaceOf: (row) => (row.state as Row | undefined)?.namespace, by: 'filter' },
  searchLogs: { needs: 'kestra.log.read', namespaceOf: (row) => row.namespace, by: 'filter' },
  listAllKeys: { needs: 'kestra.kv.read', namespaceOf: (row) => row.namespace, by: 'filter' },
  searchNamespaces: { needs: 'kestra.namespace.read', namespaceOf: (row) => row.id, by: 'rows' },
  searchTestSuites: { needs: 'kestra.test.read', namespaceOf: (row) => row.namespace, by: 'one' },
  searchTestSuitesResults: { needs: 'kestra.test.read', namespaceOf: (row) => row.namespace, by: 'one' },
  searchConcurrencyLimits: { needs: 'kestra.flow.read', namespaceOf: (row) => row.namespace, by: 'rows' },
};
const wholePage = 1000;

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
  const known = Object.values(target).some((part) => part !== undefined);
  return async (id, call) => {
    const list = lists[id];
    if (!list) {
      if (where === 'everywhere' || pinned.has(id)) return invoke(id, call);
      throw new PublicError('forbidden', `This lists things of every namespace; your roles are for ${where.join(', ')} and below.`);
    }
    // Lists that are what the call is about need all that the tool needs: those without a target, and those of its namespace and below.
    const about = !known || namesTarget(target, call, 'PREFIX');
    const there = namesTarget(target, call, 'EQUALS') ? where : reach(grants, about ? [...tool.permissions, list.needs] : [list.needs]);
    if (there === 'everywhere') return invoke(id, call);
    if (isNowhere(there)) throw new PublicError('forbidden', `This needs ${list.needs}, which your roles do not give you.`);
    if (list.by === 'rows') return limited(invoke, id, call, (row) => inside(there, list.namespaceOf(row)));
    const reply = await invoke(id, list.by === 'one' ? ofOne(call, there) : narrowed(call, there));
    insistOnRows(reply, (row) => inside(there, list.namespaceOf(row)), id);
    return reply;
  };
};

/** Is this the list of the namespace that was authorized, alone or with those below it? */
const namesTarget = ({ namespace }: Target, call: unknown, how: 'EQUALS' | 'PREFIX'): boolean =>
  namespace !== undefined && queryOf(call).filters?.namespace?.[how] === namespace;

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
    const query = queryOf(call);
    const rows: Row[] = [];
    for (let page = 1; ; page++) {
      const { total, results } = (await invoke(id, { ...call, query: { ...query, page, size: wholePage } })) as Page;
      rows.push(...results);
      if (results.length === 0 || rows.length >= total) break;
    }
    const mine = rows.filter(shown);
    const { page = 1, size = mine.length } = query;
    return { total: mine.length, results: mine.slice((page - 1) * size, page * size) } as never;
  };

/** The list of some namespaces and those below them. */
const narrowed = <C>(call: C, where: readonly string[]): C => {
  const roots = where.map((namespace) => namespace.replaceAll('.', '\\.'));
  const { filters } = queryOf(call);
  const namespace = { ...filters?.namespace, REGEX: `^(${roots.join('|')})(\\..*)?$` };
  return { ...call, query: { ...queryOf(call), filters: { ...filters, namespace } } };
};

/** The list of one namespace and those below it. @throws PublicError `forbidden` where none is named, or one outside */
const ofOne = <C>(call: C, where: readonly string[]): C => {
  const { namespace = where.length === 1 ? where[0] : undefined } = queryOf(call);
  if (namespace === undefined) throw new PublicError('forbidden', `Name a namespace: your roles are for ${where.join(', ')} and below.`);
  if (!inside(where, namespace)) {
    throw new PublicError('forbidden', `Your roles allow this in ${where.join(', ')} and below, not in ${namespace}.`);
  }
  return { ...call, query: { ...queryOf(call), namespace } };
};

/** @throws PublicError `internal` if Kestra shows more than it was asked for */
const insistOnRows = (reply: unknown, mine: (row: Row) => boolean, id: OperationId): void => {
  const foreign = (reply as Page).results.find((row) => !mine(row));
  if (!foreign) return;
  throw new PublicError('internal', 'Kestra listed something outside of your namespaces, so nothing of it is shown.', { id, foreign });
};

interface Query {
  readonly namespace?: string;
  readonly filters?: { readonly namespace?: Readonly<Record<string, unknown>> };
  readonly page?: number;
  readonly size?: number;
}

const queryOf = (call: unknown): Query => (call as { query?: Query }).query ?? {};
