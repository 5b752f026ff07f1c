import { PublicError } from '../errors.ts';
import type { Invoke, Reply } from '../kestra/operation.ts';
import { problemsOf } from './problems.ts';
import { quoted } from './quoted.ts';
import type { Source } from './source.ts';

type Named = Pick<Source, 'text' | 'namespace' | 'id'>;

export type Verdict = Reply<'validateFlows'>[number];

/**
 * What Kestra says of a flow's source without saving it (validateFlows).
 * @throws PublicError `invalid_input` if Kestra reads another namespace or id than this server, whose permission check would be for nothing
 */
export const verdictOn = async (invoke: Invoke<'validateFlows'>, { text, namespace, id }: Named): Promise<Verdict> => {
  const [verdict] = await invoke('validateFlows', { body: text });
  if (!verdict) throw new PublicError('kestra_unreadable', 'Kestra gave no verdict on the flow; nothing was saved.');
  if ((verdict.namespace ?? namespace) === namespace && (verdict.flow ?? id) === id) return verdict;
  throw new PublicError(
    'invalid_input',
    'Kestra reads another namespace or id in this source than this server; nothing was saved. Write both as plain text.',
    verdict,
  );
};

/** The verdict for a reader: each problem with its lines, and what helps. */
export const remarks = (source: Named, { constraints, warnings, infos, deprecationPaths, outdated }: Verdict) => ({
  ...quoted({ problems: problemsOf(source, constraints), warnings, infos, deprecated: deprecationPaths }),
  ...(outdated && { outdated: 'the flow in Kestra is newer than the revision that this source names' }),
  ...(constraints && { next: nextStep(constraints) }),
});

/** @throws PublicError `kestra_refused` if Kestra would not take the flow */
export const insistOnValid = (source: Named, { constraints }: Verdict, refused: string): void => {
  if (!constraints) return;
  const problems = problemsOf(source, constraints).map(({ problem, lines }) => `${lines ? `line ${lines.join(', ')}: ` : ''}${problem}`);
  throw new PublicError('kestra_refused', `${refused} ${nextStep(constraints)}.`, undefined, problems.join('\n'));
};

/** What only one line of Kestra has, and what the other has instead. */
const replaced: readonly (readonly [RegExp, string])[] = [
  [
    /Invalid type: \S+\.(ForEach|ForEachItem|EachParallel|EachSequential)\b/,
    'Kestra 2 has io.kestra.plugin.core.flow.Loop instead, with values and tasks; {{ item.value }} is the value of a round',
  ],
  [
    /Invalid type: \S+\.flow\.Loop\b/,
    'Kestra 1 has io.kestra.plugin.core.flow.ForEach instead; {{ taskrun.value }} is the value of a round',
  ],
  [/Unrecognized field "(runIf|conditions)"/, 'Kestra 2 calls it when'],
  [/Unrecognized field "preconditions"/, 'Kestra 2 calls it dependsOn'],
];

const nextStep = (constraints: string): string => {
  const instead = replaced.find(([pattern]) => pattern.test(constraints))?.[1];
  if (instead) return instead;
  if (/Invalid type/.test(constraints)) return 'search_plugins shows the types that are installed here';
  if (/Unrecognized field|must not be null|must not be empty/.test(constraints)) return 'get_plugin_schema shows the properties of a type';
  return 'Mend what is named and validate again';
};
