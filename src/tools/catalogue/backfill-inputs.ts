import { PublicError } from '../../errors.ts';
import { ifFound } from '../absence.ts';
import { refuse } from '../fields.ts';
import { type Declared, encodeInputs, flatten } from '../inputs.ts';
import { admitStored } from '../stored-file.ts';
import type { Context } from '../tool.ts';

interface Given {
  readonly namespace: string;
  readonly flow_id: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Holds what a backfill is given to what execute_flow would take. Kestra looks at it only when it runs, and then renders the expressions
 * in it, which give keys and secrets away: so these are for those who may write them into the flow.
 * @throws PublicError `invalid_input` for what the flow does not take, `forbidden` for what the caller may not give it
 */
export const insistOnInputs = async (context: Context<'getFlow'>, { namespace, flow_id, inputs, labels }: Given): Promise<void> => {
  if (isExpression([inputs, Object.values(labels)]) && !context.may('kestra.flow.write', namespace)) {
    throw new PublicError(
      'forbidden',
      `Nothing was started: expressions in the inputs or labels of a backfill are for those who may write flows in ${namespace} (kestra.flow.write). Give plain values.`,
    );
  }
  if (Object.keys(inputs).length === 0) return;
  const flow = await ifFound(context.invoke('getFlow', { path: { namespace, id: flow_id } }));
  const declared = flatten((flow?.inputs ?? []) as readonly Declared[]).map((input) => ({ ...input, required: false }));
  const files = declared.filter(({ type, id }) => type === 'FILE' && typeof (inputs[id] ?? '') !== 'string').map(({ id }) => id);
  if (files.length > 0)
    refuse(`A backfill takes no files with it: give ${files.join(', ')} as the kestra:// address of one that Kestra has.`);
  encodeInputs(declared, inputs, (address) => admitStored(address, namespace, context));
};

const isExpression = (value: unknown): boolean =>
  typeof value === 'string'
    ? /\{[{%]/.test(value)
    : value !== null && typeof value === 'object' && Object.entries(value).flat().some(isExpression);
