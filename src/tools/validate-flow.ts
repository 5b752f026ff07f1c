import { z } from 'zod';
import { answer } from './answer.ts';
import { parseSource } from './source.ts';
import { recipe } from './tool.ts';
import { remarks, verdictOn } from './verdict.ts';

export const validateFlow = recipe({
  name: 'validate_flow',
  title: 'Validate flow',
  description: "Kestra's verdict on a flow's YAML, with the lines where its problems are. Nothing is saved. Then create_or_update_flow.",
  permissions: ['kestra.flow.read'],
  effect: 'read',
  input: () => z.strictObject({ source: z.string().min(1, 'may not be empty').describe('the whole flow').transform(parseSource) }),
  target: ({ source }) => ({ namespace: source.namespace }),
  uses: ['validateFlows'],
  run: async ({ source }, { invoke }) => {
    const verdict = await verdictOn(invoke, source);
    const valid = !verdict.constraints;
    return answer({
      valid,
      namespace: source.namespace,
      flow_id: source.id,
      ...remarks(source, verdict),
      ...(valid && { next: 'create_or_update_flow saves it' }),
    });
  },
});
