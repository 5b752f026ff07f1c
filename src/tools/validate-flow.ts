import { z } from 'zod';
import { PublicError } from '../errors.ts';
import { answer } from './answer.ts';
import { problemsOf } from './problems.ts';
import { quoted } from './quoted.ts';
import { parseSource } from './source.ts';
import { recipe } from './tool.ts';

export const validateFlow = recipe({
  name: 'validate_flow',
  title: 'Validate flow',
  description: "Kestra's verdict on a flow's YAML, with the lines where its problems are. Nothing is saved. Then create_or_update_flow.",
  permissions: ['kestra.flow.read'],
  effect: 'read',
  input: z.strictObject({ source: z.string().min(1, 'may not be empty').describe('the whole flow').transform(parseSource) }),
  target: ({ source }) => ({ namespace: source.namespace }),
  uses: ['validateFlows'],
  run: async ({ source }, { invoke }) => {
    const [verdict] = await invoke('validateFlows', { body: source.text });
    if (!verdict) throw new PublicError('kestra_unreadable', 'Kestra gave no verdict on the flow.');
    const { constraints, warnings = [], infos = [], deprecationPaths = [], outdated } = verdict;
    const problems = problemsOf(source, constraints);
    return answer({
      valid: !constraints,
      namespace: source.namespace,
      flow_id: source.id,
      ...quoted({ problems, warnings, infos, deprecated: deprecationPaths }),
      ...(outdated && { outdated: 'the flow in Kestra is newer than the revision that this source names' }),
      ...(constraints && { next: nextStep(constraints) }),
      ...(!constraints && { next: 'create_or_update_flow saves it' }),
    });
  },
});

const nextStep = (constraints: string): string => {
  if (/Invalid type/.test(constraints)) return 'search_plugins shows the types that are installed here';
  if (/Unrecognized field|must not be null|must not be empty/.test(constraints)) return 'get_plugin_schema shows the properties of a type';
  return 'Mend what is named and validate again.';
};
