import { z } from 'zod';
import { PublicError } from '../../errors.ts';
import { inNamespace, matching } from '../../kestra/filters.ts';
import { ifFound } from '../absence.ts';
import { answer } from '../answer.ts';
import { confirm, insistOnConfirm } from '../confirm.ts';
import { children, namespace, page, paged, query, refuse, size } from '../fields.ts';
import { quoted } from '../quoted.ts';
import { type Context, recipe } from '../tool.ts';

const key = z
  .string()
  .max(256)
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]*$/, 'is not a key: letters, digits, dots, - and _, beginning with a letter or digit');
const target = ({ namespace }: { namespace?: string }) => ({ namespace });

export const listKeys = recipe({
  name: 'list_keys',
  title: 'List keys',
  description: 'The keys of the KV store, without their values. Then get_key.',
  keywords: 'kv key-value store',
  permissions: ['kestra.kv.read'],
  effect: 'read',
  input: () => z.strictObject({ namespace: namespace.optional(), children, query, page, size }),
  target,
  uses: ['listAllKeys'],
  run: async ({ namespace, children, query, page, size }, context) => {
    const { total, results } = await context.invoke('listAllKeys', {
      query: { page, size, sort: ['key:asc'], filters: { ...inNamespace(namespace, children), ...matching(query) } },
    });
    return answer({
      ...paged({ page, size }, total),
      keys: results.map(({ namespace, key, updateDate, expirationDate, description }) => ({
        namespace,
        key,
        updated: updateDate,
        ...(expirationDate && { expires: expirationDate }),
        ...quoted({ description }),
      })),
      ...(total === 0 &&
        page === 1 && {
          note: `No key was found${namespace ? ` in ${namespace}${children ? ' and below' : ' itself (children: true looks below)'}` : ''}${query ? ` for ${JSON.stringify(query)}` : ''}.`,
        }),
    });
  },
});

const stored = (context: Context<'getKeyValue'>, namespace: string, key: string) =>
  ifFound(context.invoke('getKeyValue', { path: { namespace, key } }));

const noKey = (namespace: string, key: string): PublicError =>
  new PublicError('not_found', `${namespace} has no key ${key}, or it has expired: list_keys shows those there are.`);

export const getKey = recipe({
  name: 'get_key',
  title: 'Get key',
  description: 'The value of a key of the KV store, with its type.',
  keywords: 'kv key-value store read',
  permissions: ['kestra.kv.read'],
  effect: 'read',
  input: () => z.strictObject({ namespace, key }),
  target,
  uses: ['getKeyValue'],
  run: async ({ namespace, key }, context) => {
    const found = await stored(context, namespace, key);
    if (!found) throw noKey(namespace, key);
    return answer({
      namespace,
      key,
      type: found.type,
      revision: found.revision,
      updated: found.updated,
      // A value of false or of no characters is a value.
      quoted: { value: found.value ?? null },
    });
  },
});

const types = ['STRING', 'NUMBER', 'BOOLEAN', 'JSON', 'DATE', 'DATETIME', 'DURATION'] as const;
const duration = /^P(?!$)(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?$/;

/** The text that makes Kestra store the value with the type: JSON, but for moments, which it knows without quotes alone. */
const literal = (value: unknown, type: (typeof types)[number]): string => {
  const wrong = (what: string): never => refuse(`value: ${JSON.stringify(value).slice(0, 100)} is not ${what}.`);
  const text = typeof value === 'string' ? value : '';
  switch (type) {
    case 'STRING':
      if (typeof value !== 'string') return wrong('a text');
      if (duration.test(value)) return refuse('Kestra stores a text such as PT2H as a DURATION: use that type, or put it into an object.');
      return JSON.stringify(value);
    case 'NUMBER':
      return typeof value === 'number' ? JSON.stringify(value) : wrong('a number');
    case 'BOOLEAN':
      return typeof value === 'boolean' ? JSON.stringify(value) : wrong('true or false');
    case 'JSON':
      return value !== null && typeof value === 'object' ? JSON.stringify(value) : wrong('an object or a list');
    case 'DATE':
      return z.iso.date().safeParse(text).success ? text : wrong('a date such as 2026-01-31');
    case 'DATETIME':
      return z.iso.datetime({ offset: true }).safeParse(text).success
        ? new Date(text).toISOString()
        : wrong('a moment such as 2026-01-31T08:00:00Z');
    case 'DURATION':
      return duration.test(text) ? JSON.stringify(text) : wrong('a duration such as PT2H or P1D');
  }
};

const typeOf = (value: unknown): (typeof types)[number] => {
  if (typeof value === 'number') return 'NUMBER';
  if (typeof value === 'boolean') return 'BOOLEAN';
  return typeof value === 'string' ? 'STRING' : 'JSON';
};

export const setKey = recipe({
  name: 'set_key',
  title: 'Set key',
  description:
    'Set a key of the KV store. The type follows the value (text, number, boolean, object); DATE, DATETIME and DURATION must be named. A key that is there is replaced only with overwrite.',
  keywords: 'kv key-value store write put',
  permissions: ['kestra.kv.write'],
  effect: 'write',
  input: () =>
    z.strictObject({
      namespace,
      key,
      value: z.unknown(),
      type: z.enum(types, `is one of ${types.join(', ')}`).optional(),
      ttl: z.string().regex(duration, 'is a duration such as PT1H or P30D').optional().describe('it expires after that'),
      description: z
        .string()
        .max(500)
        .regex(/^[ -~]*$/, 'may have plain ASCII only: it is sent as a header')
        .optional(),
      overwrite: z.boolean().optional(),
    }),
  target,
  uses: ['getKeyValue', 'setKeyValue'],
  run: async ({ namespace, key, value, type, ttl, description, overwrite }, context) => {
    if (value === undefined || value === null) refuse('value: is missing. delete_key takes a key away.');
    const wanted = type ?? typeOf(value);
    const body = literal(value, wanted);
    const before = await stored(context, namespace, key);
    if (before && !overwrite) {
      throw new PublicError(
        'conflict',
        `The key ${key} is there already, as a ${before.type}. Nothing was set: overwrite: true replaces it.`,
      );
    }
    await context.invoke('setKeyValue', { path: { namespace, key }, header: { ttl, description }, body });
    const after = await stored(context, namespace, key);
    return answer({
      done: before ? 'replaced' : 'created',
      namespace,
      key,
      type: after?.type,
      ...(after && after.type !== wanted && { note: `Kestra reads this as a ${after.type}: a moment at midnight is a day to it.` }),
      revision: after?.revision,
      ...(ttl && { expires_after: ttl }),
    });
  },
});

export const deleteKey = recipe({
  name: 'delete_key',
  title: 'Delete key',
  description: 'Delete a key of the KV store with its value.',
  keywords: 'kv key-value store remove',
  permissions: ['kestra.kv.delete'],
  effect: 'destroy',
  input: () => z.strictObject({ namespace, key, confirm }),
  target,
  uses: ['getKeyValue', 'deleteKeyValue'],
  run: async ({ namespace, key, confirm }, context) => {
    const before = await stored(context, namespace, key);
    if (!before) throw noKey(namespace, key);
    insistOnConfirm(confirm, key, `This deletes the key ${key} of ${namespace}, a ${before.type}: its value can not be had back.`);
    await context.invoke('deleteKeyValue', { path: { namespace, key } });
    return answer({ done: 'deleted', namespace, key });
  },
});
