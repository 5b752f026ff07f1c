import { PublicError } from '../errors.ts';
import { KestraError } from '../kestra/failure.ts';
import type { Invoke, Reply } from '../kestra/operation.ts';
import type { Context } from './tool.ts';

/** The value, or undefined if Kestra has nothing by that name. */
export const ifFound = <T>(call: Promise<T>): Promise<T | undefined> =>
  call.catch((thrown: unknown) => {
    if (thrown instanceof KestraError && thrown.status === 404) return undefined;
    throw thrown;
  });

/** Why a namespace shows nothing: for the reader of an empty list. */
export const namespaceNote = async (
  { invoke, may }: Pick<Context<'searchFlows'>, 'invoke' | 'may'>,
  namespace: string,
): Promise<string> => {
  if (!may('kestra.flow.read', namespace)) return `Your roles do not let you see which flows there are in ${namespace}.`;
  const { total } = await invoke('searchFlows', { query: { page: 1, size: 1, filters: { namespace: { PREFIX: namespace } } } });
  if (total === 0) return `There is no flow in ${namespace} or below it: check the name with search_namespaces.`;
  return `${namespace} and what is below it hold ${total} ${total === 1 ? 'flow' : 'flows'}: list_flows shows them (children: true for all).`;
};

/** Why a flow shows nothing. Undefined: it exists. */
export const flowNote = async (
  context: Pick<Context<'getFlow' | 'searchFlows'>, 'invoke' | 'may'>,
  namespace: string,
  flowId: string,
): Promise<string | undefined> => {
  if (!context.may('kestra.flow.read', namespace))
    return `Your roles do not let you look whether there is a flow ${flowId} in ${namespace}.`;
  if (await ifFound(context.invoke('getFlow', { path: { namespace, id: flowId } }))) return undefined;
  return `There is no flow ${flowId} in ${namespace}. ${await namespaceNote(context, namespace)}`;
};

/** The execution. @throws PublicError `not_found` */
export const existing = async (invoke: Invoke<'getExecution'>, id: string): Promise<Reply<'getExecution'>> => {
  const found = await ifFound(invoke('getExecution', { path: { executionId: id } }));
  if (found) return found;
  throw new PublicError('not_found', `There is no execution ${id}. It may have been purged; list_executions shows those of a flow.`);
};
