import { diffLines } from 'diff';
import { z } from 'zod';
import { PublicError } from '../../errors.ts';
import type { Reply } from '../../kestra/operation.ts';
import { flowNote, ifFound } from '../absence.ts';
import { answer } from '../answer.ts';
import { flowId, namespace, page, paged, refuse, size } from '../fields.ts';
import { flowLink } from '../link.ts';
import { quoted } from '../quoted.ts';
import { sourceDiff } from '../source-diff.ts';
import { type Context, recipe } from '../tool.ts';
import { insistOnValid, verdictOn } from '../verdict.ts';

const revision = z.int().min(1);

export const listFlowRevisions = recipe({
  name: 'list_flow_revisions',
  title: 'List flow revisions',
  description: "A flow's revisions, newest first, with how many lines each changed. Then diff_flow_revisions or rollback_flow.",
  keywords: 'history versions changes who changed',
  permissions: ['kestra.flow.read'],
  effect: 'read',
  input: () => z.strictObject({ namespace, flow_id: flowId, page, size }),
  target: ({ namespace }) => ({ namespace }),
  uses: ['listFlowRevisions', 'getFlow', 'searchFlows'],
  run: async ({ namespace, flow_id, page, size }, context) => {
    const revisions = (await ifFound(context.invoke('listFlowRevisions', { path: { namespace, id: flow_id } }))) ?? [];
    if (revisions.length === 0) throw await noFlow(context, namespace, flow_id);
    const oldestFirst = [...revisions].sort((a, b) => (a.revision ?? 0) - (b.revision ?? 0));
    const rows = oldestFirst.map((flow, index) => ({
      revision: flow.revision,
      updated: flow.updated,
      ...(flow.disabled && { disabled: true }),
      ...changed(oldestFirst[index - 1]?.source, flow.source),
    }));
    return answer({
      namespace,
      flow_id,
      ...paged({ page, size }, rows.length),
      revisions: rows.reverse().slice((page - 1) * size, page * size),
      ...(await flowLink(context, { id: flow_id, namespace })),
    });
  },
});

/** Lines added and taken away since the revision before. */
const changed = (before: string | undefined, after: string | undefined) => {
  if (before === undefined || after === undefined) return {};
  const count = (kind: 'added' | 'removed') => diffLines(before, after).reduce((sum, part) => sum + (part[kind] ? part.count : 0), 0);
  return { lines_added: count('added'), lines_removed: count('removed') };
};

const noFlow = async (context: Context<'getFlow' | 'searchFlows'>, namespace: string, flowId: string): Promise<PublicError> =>
  new PublicError(
    'not_found',
    (await flowNote(context, namespace, flowId)) ?? `The flow ${flowId} in ${namespace} has no revisions that Kestra shows.`,
  );

type Flow = Reply<'getFlow'>;

const at = async (context: Context<'getFlow' | 'searchFlows'>, namespace: string, id: string, revision?: number): Promise<Flow> => {
  const flow = await ifFound(context.invoke('getFlow', { path: { namespace, id }, query: { source: true, revision } }));
  if (flow) return flow;
  const note = await flowNote(context, namespace, id);
  throw new PublicError(
    'not_found',
    note ?? `The flow ${id} in ${namespace} has no revision ${revision}: list_flow_revisions shows those there are.`,
  );
};

export const diffFlowRevisions = recipe({
  name: 'diff_flow_revisions',
  title: 'Diff flow revisions',
  description: 'What changed in a flow from one revision to another (or to the current one), as a unified diff.',
  keywords: 'compare versions history what changed',
  permissions: ['kestra.flow.read'],
  effect: 'read',
  input: () =>
    z.strictObject({
      namespace,
      flow_id: flowId,
      from_revision: revision.optional().describe('default: the one before'),
      to_revision: revision.optional().describe('default: the current one'),
    }),
  target: ({ namespace }) => ({ namespace }),
  uses: ['getFlow', 'searchFlows'],
  run: async ({ namespace, flow_id, from_revision, to_revision }, context) => {
    const after = await at(context, namespace, flow_id, to_revision);
    const earlier = from_revision ?? (after.revision ?? 1) - 1;
    if (earlier === 0) refuse('Revision 1 is the first: there is none before it.');
    const before = await at(context, namespace, flow_id, earlier);
    const facts = { namespace, flow_id, from_revision: before.revision, to_revision: after.revision };
    if (before.source === after.source) return answer({ ...facts, same: true });
    return answer(
      { ...facts, same: false, ...changed(before.source, after.source) },
      sourceDiff(
        { name: `revision ${before.revision}`, source: before.source ?? '' },
        { name: `revision ${after.revision}`, source: after.source ?? '' },
      ),
    );
  },
});

export const rollbackFlow = recipe({
  name: 'rollback_flow',
  title: 'Roll back flow',
  description:
    'Save an older revision of a flow again, as a new revision: nothing of the history is lost. Look at diff_flow_revisions first.',
  keywords: 'undo revert restore previous version history',
  permissions: ['kestra.flow.read', 'kestra.flow.write'],
  effect: 'write',
  input: () =>
    z.strictObject({
      namespace,
      flow_id: flowId,
      to_revision: revision,
      expected_revision: revision.optional().describe('refuse if the current one is another'),
    }),
  target: ({ namespace }) => ({ namespace }),
  uses: ['getFlow', 'searchFlows', 'validateFlows', 'updateFlow'],
  run: async ({ namespace, flow_id, to_revision, expected_revision }, context) => {
    const present = await at(context, namespace, flow_id);
    if (expected_revision !== undefined && present.revision !== expected_revision) {
      throw new PublicError(
        'conflict',
        `${namespace}.${flow_id} is at revision ${present.revision}, not ${expected_revision}. Nothing was saved.`,
      );
    }
    const old = await at(context, namespace, flow_id, to_revision);
    const facts = { namespace, flow_id, restored_revision: to_revision, revision_before: present.revision };
    if (old.source === present.source) return answer({ ...facts, done: 'nothing: the current source is the same' });
    const source = { namespace, id: flow_id, text: old.source ?? '' };
    const verdict = await verdictOn(context.invoke, source);
    const refused = `Kestra of today does not accept revision ${to_revision}; nothing was saved: save a mended one with create_or_update_flow.`;
    insistOnValid(source, verdict, refused);
    const saved = await context.invoke('updateFlow', { path: { namespace, id: flow_id }, body: source.text });
    return answer({
      ...facts,
      done: 'rolled back',
      revision_after: saved.revision,
      undo: `rollback_flow with to_revision ${present.revision}`,
      ...quoted({ warnings: verdict.warnings }),
      ...(await flowLink(context, { id: flow_id, namespace })),
    });
  },
});
