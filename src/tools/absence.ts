import { PublicError } from '../errors.ts';
import { KestraError } from '../kestra/failure.ts';
import type { Invoke, Reply } from '../kestra/operation.ts';

/** The value, or undefined if Kestra has nothing by that name. */
export const ifFound = <T>(call: Promise<T>): Promise<T | undefined> =>
  call.catch((thrown: unknown) => {
    if (thrown instanceof KestraError && thrown.status === 404) return undefined;
    throw thrown;
  });

/** Why a namespace shows nothing: for the reader of an empty list. */
export const namespaceNote = async (invoke: Invoke<'searchFlows'>, namespace: string): Promise<string> => {
  const { total } = await invoke('searchFlows', { query: { page: 1, size: 1, filters: { namespace: { PREFIX: namespace } } } });
  if (total === 0) return `There is no flow in ${namespace} or below it: check the name with search_namespaces.`;
  return `${namespace} and what is below it hold ${total} ${total === 1 ? 'flow' : 'flows'}: list_flows shows them (children: true for all).`;
};

/** Why a flow shows nothing. */
export const flowNote = async (
  invoke: Invoke<'getFlow' | 'searchFlows'>,
  namespace: string,
  flowId: string,
): Promise<string | undefined> =>
  (await ifFound(invoke('getFlow', { path: { namespace, id: flowId } }))) === undefined
    ? `There is no flow ${flowId} in ${namespace}. ${await namespaceNote(invoke, namespace)}`
    : undefined;

/** The execution. @throws PublicError `not_found` */
export const existing = async (invoke: Invoke<'getExecution'>, id: string): Promise<Reply<'getExecution'>> => {
  const found = await ifFound(invoke('getExecution', { path: { executionId: id } }));
  if (found) return found;
  throw new PublicError('not_found', `There is no execution ${id}. It may have been purged; list_executions shows those of a flow.`);
};
