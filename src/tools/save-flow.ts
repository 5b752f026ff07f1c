import { z } from 'zod';
import { PublicError } from '../errors.ts';
import type { Reply } from '../kestra/operation.ts';
import { ifFound } from './absence.ts';
import { type Answer, answer } from './answer.ts';
import { doubtful } from './doubt.ts';
import { flowId, refuse } from './fields.ts';
import { flowLink } from './link.ts';
import { parseSource, type Source } from './source.ts';
import { sourceDiff } from './source-diff.ts';
import { type Context, recipe } from './tool.ts';
import { insistOnValid, remarks, type Verdict, verdictOn } from './verdict.ts';

type Uses = 'validateFlows' | 'getFlow' | 'createFlow' | 'updateFlow';

export const createOrUpdateFlow = recipe({
  name: 'create_or_update_flow',
  title: 'Create or update flow',
  description:
    'Validate a flow and save it: a new one is created, an existing one gets a new revision. With dry_run nothing is saved: it says whether Kestra accepts the flow and shows the diff. Then execute_flow.',
  permissions: ['kestra.flow.write'],
  effect: 'write',
  input: () =>
    z.strictObject({
      source: z.string().min(1, 'may not be empty').describe('the whole flow, YAML').transform(parseSource),
      expected_revision: z.int().min(0).optional().describe('refuse if the flow has another; 0: refuse if it exists'),
      dry_run: z.boolean().optional(),
    }),
  target: ({ source }) => ({ namespace: source.namespace }),
  uses: ['validateFlows', 'getFlow', 'createFlow', 'updateFlow'],
  run: async ({ source, expected_revision, dry_run }, context) => {
    const id = source.id ?? refuse('The source has no id: add a line such as "id: my-flow".');
    if (!flowId.safeParse(id).success) refuse(`id: ${JSON.stringify(id.slice(0, 100))} is not a flow id that Kestra allows.`);
    const verdict = await verdictOn(context.invoke, source);
    if (!dry_run) insistOnValid(source, verdict, 'Kestra finds the flow invalid; nothing was saved.');
    const present = await ifFound(context.invoke('getFlow', { path: { namespace: source.namespace, id }, query: { source: true } }));
    const conflict = conflictOf(present?.revision, expected_revision, `${source.namespace}.${id}`);
    if (dry_run) return preview(context, source, id, verdict, present, conflict);
    if (conflict) throw new PublicError('conflict', `${conflict} Nothing was saved.`);
    return save(context, source, id, verdict, present);
  },
});

type Flow = Reply<'getFlow'>;

const conflictOf = (present: number | undefined, expected: number | undefined, name: string): string | undefined => {
  if (expected === undefined || expected === (present ?? 0)) return undefined;
  if (present === undefined) return `${name} does not exist, so it has no revision ${expected}.`;
  return expected === 0
    ? `${name} exists already, at revision ${present}.`
    : `${name} is at revision ${present}, not ${expected}: somebody changed it meanwhile. Read it again with get_flow.`;
};

const preview = async (
  context: Context<Uses>,
  source: Source,
  id: string,
  verdict: Verdict,
  present: Flow | undefined,
  conflict: string | undefined,
): Promise<Answer> => {
  const { namespace, text } = source;
  const mayRead = context.may('kestra.flow.read', namespace);
  const facts = {
    valid: !verdict.constraints,
    would: verdict.constraints ? 'be refused' : present ? (present.source === text ? 'change nothing' : 'update') : 'create',
    namespace,
    flow_id: id,
    revision: present?.revision,
    ...(conflict && { conflict }),
    ...remarks(source, verdict),
    ...(!mayRead && present && { note: 'Your roles do not let you read flows here, so the diff is left out.' }),
    saved: false,
  };
  if (!mayRead || !present || present.source === text) return answer(facts);
  return answer(
    facts,
    sourceDiff({ name: `revision ${present.revision}`, source: present.source ?? '' }, { name: 'this source', source: text }),
  );
};

const save = async (context: Context<Uses>, source: Source, id: string, verdict: Verdict, present: Flow | undefined): Promise<Answer> => {
  const { namespace, text } = source;
  const saved = await (present
    ? context.invoke('updateFlow', { path: { namespace, id }, body: text })
    : context.invoke('createFlow', { body: text })
  ).catch(doubtful('look at its revision with get_flow'));
  return answer({
    done: present ? (saved.revision === present.revision ? 'nothing: the source is the same' : 'updated') : 'created',
    namespace,
    flow_id: id,
    ...(present && { revision_before: present.revision }),
    revision_after: saved.revision,
    ...remarks(source, verdict),
    ...(present &&
      saved.revision !== present.revision && { undo: `get_flow with revision ${present.revision} has the source before: save that again` }),
    ...(await flowLink(context, { id, namespace })),
  });
};
