import type { Context } from './tool.ts';

type Place = Pick<Context, 'instance' | 'tenant'>;

/** The page of an execution in Kestra's UI, or nothing where its address is not known. */
export const executionLink = (context: Place, { id, namespace, flowId }: { id: string; namespace: string; flowId: string }) =>
  link(context, `executions/${namespace}/${flowId}/${id}`);

/** The page of a flow in Kestra's UI, or nothing where its address is not known. */
export const flowLink = (context: Place, { id, namespace }: { id: string; namespace: string }) =>
  link(context, `flows/edit/${namespace}/${id}`);

const link = async ({ instance, tenant }: Place, page: string): Promise<{ link?: string }> => {
  const { uiUrl } = await instance();
  return uiUrl ? { link: `${uiUrl.replace(/\/ui$/, '')}/ui/${tenant}/${page}` } : {};
};
