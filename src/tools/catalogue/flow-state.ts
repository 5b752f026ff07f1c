import { z } from 'zod';
import { PublicError } from '../../errors.ts';
import { ofFlow } from '../../kestra/filters.ts';
import type { Reply } from '../../kestra/operation.ts';
import { flowNote, ifFound } from '../absence.ts';
import { answer } from '../answer.ts';
import { confirm, insistOnConfirm } from '../confirm.ts';
import { flowId, namespace } from '../fields.ts';
import { flowLink } from '../link.ts';
import { type Context, recipe, type Tool } from '../tool.ts';

const present = async (context: Context<'getFlow' | 'searchFlows'>, namespace: string, id: string): Promise<Reply<'getFlow'>> => {
  const flow = await ifFound(context.invoke('getFlow', { path: { namespace, id } }));
  if (flow) return flow;
  throw new PublicError('not_found', (await flowNote(context, namespace, id)) ?? `There is no flow ${id} in ${namespace}.`);
};

/** Kestra does it by writing `disabled` into the source, as a new revision. */
const switching = (disable: boolean): Tool =>
  recipe({
    name: disable ? 'disable_flow' : 'enable_flow',
    title: disable ? 'Disable flow' : 'Enable flow',
    description: disable
      ? 'Keep a flow from being started, by hand or by its triggers. Executions under way go on.'
      : 'Let a disabled flow be started again.',
    keywords: 'switch on off stop',
    permissions: ['kestra.flow.write'],
    effect: 'write',
    input: () => z.strictObject({ namespace, flow_id: flowId }),
    target: ({ namespace }) => ({ namespace }),
    uses: ['getFlow', 'searchFlows', disable ? 'disableFlowsByIds' : 'enableFlowsByIds'],
    run: async ({ namespace, flow_id }, context) => {
      const before = await present(context, namespace, flow_id);
      const facts = { namespace, flow_id, ...(await flowLink(context, { id: flow_id, namespace })) };
      if (Boolean(before.disabled) === disable) return answer({ ...facts, disabled: disable, done: 'nothing: it was so already' });
      await context.invoke(disable ? 'disableFlowsByIds' : 'enableFlowsByIds', { body: [{ namespace, id: flow_id }] });
      const after = await present(context, namespace, flow_id);
      return answer({
        ...facts,
        done: disable ? 'disabled' : 'enabled',
        disabled: Boolean(after.disabled),
        revision_before: before.revision,
        revision_after: after.revision,
      });
    },
  });

export const disableFlow = switching(true);
export const enableFlow = switching(false);

export const deleteFlow = recipe({
  name: 'delete_flow',
  title: 'Delete flow',
  description: 'Delete a flow with its triggers. Its executions and logs stay. Without confirm it only says what would be lost.',
  keywords: 'remove',
  permissions: ['kestra.flow.delete'],
  effect: 'destroy',
  input: () => z.strictObject({ namespace, flow_id: flowId, confirm }),
  target: ({ namespace }) => ({ namespace }),
  uses: ['getFlow', 'searchFlows', 'searchExecutions', 'deleteFlow'],
  run: async ({ namespace, flow_id, confirm }, context) => {
    const flow = await present(context, namespace, flow_id);
    if (confirm !== `${namespace}.${flow_id}`) {
      const triggers = flow.triggers?.map(({ id }) => id) ?? [];
      const under = context.may('kestra.execution.read', namespace) ? await underWay(context, namespace, flow_id) : 0;
      insistOnConfirm(
        confirm,
        `${namespace}.${flow_id}`,
        [
          `This deletes the flow ${flow_id} of ${namespace}, at revision ${flow.revision}`,
          triggers.length > 0 ? `, and its triggers ${triggers.slice(0, 10).join(', ')}` : '',
          under > 0 ? `; ${under} of its executions are under way` : '',
          '. Flows that call it will fail.',
        ].join(''),
      );
    }
    await context.invoke('deleteFlow', { path: { namespace, id: flow_id } });
    return answer({
      done: 'deleted',
      namespace,
      flow_id,
      last_revision: flow.revision,
      note: 'Kestra keeps the old revisions: saving the flow under the same name goes on from them.',
    });
  },
});

const underWay = async ({ invoke }: Context<'searchExecutions'>, namespace: string, flowId: string): Promise<number> => {
  const { total } = await invoke('searchExecutions', {
    query: { page: 1, size: 1, filters: { ...ofFlow(namespace, flowId), state: { IN: ['CREATED', 'RUNNING', 'PAUSED', 'QUEUED'] } } },
  });
  return total;
};
