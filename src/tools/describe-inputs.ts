import { z } from 'zod';
import { PublicError } from '../errors.ts';
import { KestraError } from '../kestra/failure.ts';
import { flowNote, ifFound } from './absence.ts';
import { answer } from './answer.ts';
import { flowId, namespace } from './fields.ts';
import { type Input, schemaOf } from './input-types.ts';
import { type Declared, flatten } from './inputs.ts';
import { type Context, recipe } from './tool.ts';

type Uses = 'getFlow' | 'searchFlows' | 'validateNewExecutionInputs';

export const describeInputs = recipe({
  name: 'describe_inputs',
  title: 'Describe inputs',
  description: 'The inputs of a flow as a JSON schema: types, choices, defaults, which are required. Then execute_flow.',
  permissions: ['kestra.flow.read'],
  effect: 'read',
  input: () => z.strictObject({ namespace, flow_id: flowId }),
  target: ({ namespace }) => ({ namespace }),
  uses: ['getFlow', 'searchFlows', 'validateNewExecutionInputs'],
  run: async ({ namespace, flow_id }, context) => {
    const flow = await ifFound(context.invoke('getFlow', { path: { namespace, id: flow_id } }));
    if (!flow) throw new PublicError('not_found', (await flowNote(context, namespace, flow_id)) ?? 'There is no such flow.');
    const declared = flatten((flow.inputs ?? []) as readonly Declared[]) as readonly Input[];
    const { inputs, note } = await rendered(context, namespace, flow_id, declared);
    return answer({
      namespace,
      flow_id,
      revision: flow.revision,
      ...(flow.disabled && { disabled: true }),
      ...(inputs.length === 0 ? { inputs: 'none: execute_flow needs nothing else' } : { quoted: { schema: schemaOf(inputs) } }),
      ...(note && { note }),
    });
  },
});

/** Choices and defaults that are expressions, as Kestra renders them now. */
const rendered = async (
  context: Context<Uses>,
  namespace: string,
  id: string,
  declared: readonly Input[],
): Promise<{ inputs: readonly Input[]; note?: string }> => {
  const open = declared.filter(({ expression, defaults }) => expression !== undefined || /\{\{/.test(String(defaults ?? '')));
  if (open.length === 0) return { inputs: declared };
  const names = open.map((input) => input.id).join(', ');
  if (!context.may('kestra.flow.execute', namespace))
    return { inputs: declared, note: `Shown as expressions: ${names}. They are rendered for those who may execute the flow.` };
  try {
    const { inputs: verdicts } = await context.invoke('validateNewExecutionInputs', {
      path: { namespace, id },
      query: { labels: [] },
      body: {},
    });
    const seen = new Map(verdicts.map((verdict) => [String((verdict.input as Partial<Input> | undefined)?.id), verdict]));
    const inputs = declared.map((input): Input => {
      const verdict = seen.get(input.id);
      if (!open.includes(input) || !verdict) return input;
      const { values } = verdict.input as unknown as Input;
      return {
        ...input,
        ...(Array.isArray(values) && { values }),
        ...(verdict.isDefault && verdict.value !== undefined && { defaults: verdict.value }),
      };
    });
    return { inputs, note: `Rendered by Kestra just now: ${names}. What depends on other inputs may differ in a run.` };
  } catch (thrown) {
    if (!(thrown instanceof KestraError) || context.signal.aborted) throw thrown;
    return { inputs: declared, note: `Shown as expressions, which Kestra did not render: ${names}.` };
  }
};
