import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { PublicError } from '../../errors.ts';
import type { Reply } from '../../kestra/operation.ts';
import { ifFound } from '../absence.ts';
import { answer } from '../answer.ts';
import { confirm, insistOnConfirm } from '../confirm.ts';
import { quoted } from '../quoted.ts';
import { runFlow, runInput, runUses } from '../run-flow.ts';
import { parseSource } from '../source.ts';
import { sourceDiff } from '../source-diff.ts';
import { type Context, recipe, type Tool } from '../tool.ts';

const uid = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[A-Za-z0-9]+$/, 'is not an app uid: see list_apps');

const target = ({ uid }: { readonly uid: string }) => ({ appUid: uid });

const existingApp = async (context: Context<'getApp'>, uid: string): Promise<Reply<'getApp'>> => {
  const app = await ifFound(context.invoke('getApp', { path: { uid } }));
  if (app) return app;
  throw new PublicError('not_found', `There is no app ${uid}: list_apps shows those there are.`);
};

export const updateApp = recipe({
  name: 'update_app',
  title: 'Update app',
  description: 'Save a new YAML source of an app (Enterprise). get_app has the present one; dry_run only shows the diff.',
  permissions: ['kestra.app.write'],
  effect: 'write',
  input: () =>
    z.strictObject({
      uid,
      app_data: z
        .union([z.string().min(1), z.record(z.string(), z.unknown())], 'is YAML, or an object')
        .describe('YAML, or the same as an object')
        .transform((app) => parseSource(typeof app === 'string' ? app : stringify(app))),
      dry_run: z.boolean().optional(),
    }),
  target: ({ uid, app_data }) => ({ appUid: uid, namespace: app_data.namespace }),
  uses: ['getApp', 'updateApp'],
  run: async ({ uid, app_data, dry_run }, context) => {
    const before = await existingApp(context, uid);
    const diff = sourceDiff({ name: 'present', source: before.source ?? '' }, { name: 'this source', source: app_data.text });
    if (before.source === app_data.text) return answer({ done: 'nothing: the source is the same', uid });
    if (dry_run) return answer({ uid, saved: false }, diff);
    const after = await context.invoke('updateApp', { path: { uid }, body: app_data.text });
    return answer({ done: 'updated', uid, namespace: after.namespace, disabled: after.disabled, ...quoted({ name: after.name }) }, diff);
  },
});

const switching = (operation: 'enableApp' | 'disableApp'): Tool => {
  const disable = operation === 'disableApp';
  return recipe({
    name: disable ? 'disable_app' : 'enable_app',
    title: disable ? 'Disable app' : 'Enable app',
    description: disable
      ? 'Take an app out of the catalog without deleting it (Enterprise).'
      : 'Put a disabled app back into the catalog (Enterprise).',
    permissions: ['kestra.app.write'],
    effect: 'write',
    input: () => z.strictObject({ uid }),
    target,
    uses: ['getApp', operation],
    run: async ({ uid }, context) => {
      const before = await existingApp(context, uid);
      if (Boolean(before.disabled) === disable) return answer({ done: 'nothing: it was so already', uid, disabled: disable });
      await context.invoke(operation, { path: { uid } });
      const { disabled, namespace, name } = await existingApp(context, uid);
      return answer({ done: disable ? 'disabled' : 'enabled', uid, namespace, disabled: Boolean(disabled), ...quoted({ name }) });
    },
  });
};

export const enableApp = switching('enableApp');
export const disableApp = switching('disableApp');

export const deleteApp = recipe({
  name: 'delete_app',
  title: 'Delete app',
  description: 'Delete an app (Enterprise); the flow behind it stays. get_app has its source, should it be wanted again.',
  permissions: ['kestra.app.delete'],
  effect: 'destroy',
  input: () => z.strictObject({ uid, confirm }),
  target,
  uses: ['getApp', 'deleteApp'],
  run: async ({ uid, confirm }, context) => {
    const { namespace, name } = await existingApp(context, uid);
    insistOnConfirm(
      confirm,
      uid,
      `This deletes the app ${JSON.stringify(name ?? uid)}${namespace ? ` of ${namespace}` : ''}: its link stops working.`,
    );
    await context.invoke('deleteApp', { path: { uid } });
    return answer({ done: 'deleted', uid, namespace, ...quoted({ name }) });
  },
});

const running = z.looseObject({ type: z.string().endsWith('.Execution'), namespace: z.string(), flowId: z.string() });

export const executeApp = recipe({
  name: 'execute_app',
  title: 'Execute app',
  description: 'Run the flow that an app runs and wait for its end, as execute_flow does (Enterprise). The form of the app is not shown.',
  keywords: 'start run dispatch form',
  permissions: ['kestra.app.read', 'kestra.app.execute', 'kestra.flow.execute'],
  effect: 'run',
  enterprise: true,
  input: () => runInput.omit({ namespace: true, flow_id: true, revision: true }).extend({ uid }),
  target,
  uses: ['getApp', ...runUses] as const,
  run: async ({ uid, ...how }, context) => {
    const app = await existingApp(context, uid);
    if (app.disabled) throw new PublicError('conflict', `The app ${uid} is disabled; nothing was started. enable_app puts it back.`);
    const found = running.safeParse(parse(app.source ?? ''));
    if (!found.success) throw new PublicError('conflict', `The app ${uid} runs no flow: get_app shows what it does.`);
    const { namespace, flowId } = found.data;
    context.authorize('kestra.flow.execute', namespace);
    return runFlow({ ...how, namespace, flow_id: flowId }, context);
  },
});
