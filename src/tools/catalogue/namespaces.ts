import { z } from 'zod';
import { answer } from '../answer.ts';
import { namespace } from '../fields.ts';
import { brief, quoted } from '../quoted.ts';
import { recipe, tool } from '../tool.ts';

export const describeNamespace = recipe({
  name: 'describe_namespace',
  title: 'Describe namespace',
  description: 'What a namespace holds: how many flows, keys and secrets; with Kestra Enterprise also its description and variables.',
  permissions: ['kestra.namespace.read'],
  effect: 'read',
  input: () => z.strictObject({ namespace }),
  target: ({ namespace }) => ({ namespace }),
  uses: ['getNamespace', 'searchFlows', 'listAllKeys', 'getInheritedSecrets'],
  run: async ({ namespace }, context) => {
    const filters = { namespace: { EQUALS: namespace } };
    const [about, flows, below, keys, secrets] = await Promise.all([
      context.invoke('getNamespace', { path: { id: namespace } }),
      context.may('kestra.flow.read', namespace) ? context.invoke('searchFlows', { query: { page: 1, size: 1, filters } }) : undefined,
      context.may('kestra.flow.read', namespace)
        ? context.invoke('searchFlows', { query: { page: 1, size: 1, filters: { namespace: { PREFIX: namespace } } } })
        : undefined,
      context.may('kestra.kv.read', namespace) ? context.invoke('listAllKeys', { query: { page: 1, size: 1, filters } }) : undefined,
      context.may('kestra.secret.read', namespace) ? context.invoke('getInheritedSecrets', { path: { namespace } }) : undefined,
    ]);
    const own = secrets?.[namespace]?.length;
    return answer({
      namespace,
      flows: flows?.total,
      flows_with_those_below: below?.total,
      keys: keys?.total,
      secrets: own,
      ...quoted({ description: brief(about.description), variables: Object.keys(about.variables ?? {}) }),
      ...(below?.total === 0 &&
        keys?.total === 0 && { note: 'Nothing is in it: Kestra knows any name. search_namespaces shows those there are.' }),
    });
  },
});

export const listSecrets = tool('getInheritedSecrets')({
  name: 'list_secrets',
  title: 'List secrets',
  description: 'The names of the secrets that flows of a namespace can use, its own and those of the namespaces above. Never values.',
  keywords: 'credentials passwords names',
  permissions: ['kestra.secret.read'],
  effect: 'read',
  input: () => z.strictObject({ namespace }),
  target: ({ namespace }) => ({ namespace }),
  call: ({ namespace }) => ({ path: { namespace } }),
  show: (reply, { namespace }, context) => {
    const from = Object.entries(reply).filter(([of, names]) => names.length > 0 && context.may('kestra.secret.read', of));
    const hidden = above(namespace).filter((of) => !context.may('kestra.secret.read', of));
    return answer({
      namespace,
      secrets: from.flatMap(([of, names]) => names.map((name) => ({ name, from: of }))),
      ...(from.length === 0 && { note: 'Kestra names none. The open-source edition takes them from its environment: SECRET_NAME.' }),
      ...(hidden.length > 0 && { not_shown: `those of ${hidden.join(', ')}, if there are any: your roles are not for it` }),
    });
  },
});

/** The namespaces above one, the next first. */
const above = (namespace: string): string[] => {
  const parent = namespace.slice(0, Math.max(0, namespace.lastIndexOf('.')));
  return parent === '' ? [] : [parent, ...above(parent)];
};
