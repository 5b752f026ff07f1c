import type { comparison } from './evidence.ts';

/** What is known of a failure. */
export interface Known {
  readonly state: string;
  /** The name of the flow, if it is not the one that was asked about but a subflow of it. */
  readonly subflow?: string;
  readonly cause: string | undefined;
  readonly success: ReturnType<typeof comparison> | null | undefined;
  readonly failures: number | undefined;
  readonly attempts: number;
}

/** What a message speaks of, and what then helps. */
const signs: readonly (readonly [RegExp, string])[] = [
  [
    /unable to find `|variable.*(not|un)defined|null value|attribute \[|root attribute/i,
    'An expression names what is not there: compare it with the inputs and the outputs of the tasks before it.',
  ],
  [
    /secret.*(not found|cannot find|missing)|(cannot|can't|unable to) find secret/i,
    'A secret is missing in this namespace: search_tools "secrets" lists the names.',
  ],
  [
    /\b401\b|\b403\b|unauthori[sz]ed|forbidden|access denied|permission denied|authentication fail/i,
    'The credential that the task uses was refused: renew it, then restart_execution.',
  ],
  [
    /connection (refused|reset)|timed? ?out|unreachable|unknownhost|name or service not known|\b(429|502|503|504)\b|too many requests|temporarily/i,
    'What the task talks to was not reachable: if it is back, restart_execution.',
  ],
  [/no space left|out ?of ?memory|oomkilled|exit code:? 137|java heap/i, 'Memory or disk ran out: give the task more, or less to do.'],
  [
    /no such file|file not found|nosuchfile|\b404\b|does(n't| not) exist|no such table/i,
    'What the task looks for is not there: check its name, and the task that should have made it.',
  ],
  [/invalid type|class not found|noclassdef/i, 'A plugin is missing here: search_plugins shows what is installed.'],
];

/** What to try, the likeliest first. */
export const adviceOn = ({ state, subflow, cause, success, failures, attempts }: Known): string[] => {
  if (state === 'KILLED') return ['It was killed: replay_execution starts it anew.'];
  const sign = signs.find(([pattern]) => cause !== undefined && pattern.test(cause))?.[1];
  return [
    ...(sign ? [sign] : []),
    ...(success && !success.same_revision
      ? [
          subflow
            ? `The subflow ${subflow} changed since it last succeeded: see the diff; rollback_flow to its revision ${success.revision} undoes that.`
            : `The flow changed since it last succeeded: see the diff; restart_execution with revision ${success.revision} uses the old one.`,
        ]
      : []),
    ...(success?.same_revision && success.other_inputs.length > 0
      ? [`The same revision succeeded with other inputs: look at ${success.other_inputs.slice(0, 5).join(', ')}.`]
      : []),
    ...(success?.same_revision && success.other_inputs.length === 0 && failures === 1
      ? [
          'The same revision succeeded with the same inputs, and this is the first failure since: it may pass, so restart_execution is worth a try.',
        ]
      : []),
    ...(success === null
      ? [
          `${subflow ? `The subflow ${subflow}` : 'The flow'} has never succeeded: mend it (get_flow, validate_flow, create_or_update_flow).`,
        ]
      : []),
    ...(attempts > 1 ? [`The task was tried ${attempts} times already: another restart alone will hardly help.`] : []),
    subflow
      ? 'Once mended, replay_execution runs it anew; restart_execution would go on with the same execution of the subflow, at its old revision.'
      : 'Once mended, restart_execution goes on from the failed task (with the newest revision only if given); replay_execution runs it all again.',
  ];
};
