import { z } from 'zod';
import { PublicError } from '../../errors.ts';
import { answer } from '../answer.ts';
import { namespace } from '../fields.ts';
import { quoted } from '../quoted.ts';
import { recipe, tool } from '../tool.ts';

const variables = z.record(z.string().min(1).max(256), z.unknown());
const description = z.string().max(1000);

type Variables = Readonly<Record<string, unknown>>;
const withoutNulls = (given: Variables | undefined): Record<string, object> | undefined =>
  given &&
  Object.fromEntries(Object.entries(given).filter((entry): entry is [string, object] => entry[1] !== null && entry[1] !== undefined));

export const createNamespace = tool('createNamespace')({
  name: 'create_namespace',
  title: 'Create namespace',
  description:
    'Create a namespace with a description and variables (Enterprise). Without one a namespace is there as soon as a flow is saved in it.',
  permissions: ['kestra.namespace.write'],
  effect: 'write',
  input: () => z.strictObject({ namespace, description: description.optional(), variables: variables.optional() }),
  target: ({ namespace }) => ({ namespace }),
  call: ({ namespace, description, variables }) => ({
    body: { id: namespace, deleted: false, description, variables: withoutNulls(variables) },
  }),
  show: ({ id, description }) => answer({ done: 'created', namespace: id, ...quoted({ description }) }),
});

export const updateNamespace = recipe({
  name: 'update_namespace',
  title: 'Update namespace',
  description: 'Change the description or the variables of a namespace (Enterprise); a variable of null is taken away, the others stay.',
  permissions: ['kestra.namespace.read', 'kestra.namespace.write'],
  effect: 'write',
  enterprise: true,
  input: () => z.strictObject({ namespace, description: description.optional(), variables: variables.optional() }),
  target: ({ namespace }) => ({ namespace }),
  uses: ['getNamespace', 'updateNamespace'],
  run: async ({ namespace, description, variables }, context) => {
    const before = await context.invoke('getNamespace', { path: { id: namespace } });
    // Any name is answered; one that nobody made has nothing but its name.
    if (before.deleted === undefined)
      throw new PublicError('not_found', `Nobody has created ${namespace}: create_namespace does. Nothing was changed.`);
    const after = await context.invoke('updateNamespace', {
      path: { id: namespace },
      body: {
        ...before,
        deleted: before.deleted,
        ...(description !== undefined && { description }),
        ...(variables && { variables: withoutNulls({ ...before.variables, ...variables }) }),
      },
    });
    return answer({
      done: 'updated',
      namespace,
      ...quoted({ description: after.description, variables: Object.keys(after.variables ?? {}) }),
    });
  },
});
