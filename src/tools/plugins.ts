import { z } from 'zod';
import { PublicError } from '../errors.ts';
import type { Reply } from '../kestra/operation.ts';
import { ifFound } from './absence.ts';
import { type Answer, answer } from './answer.ts';
import { page, paged, size } from './fields.ts';
import { propertiesOf } from './plugin-schema.ts';
import { brief, quoted } from './quoted.ts';
import { type Context, recipe } from './tool.ts';

type Installed = Reply<'listPlugins'>['results'][number];

/** What a plugin holds that a flow may name, and what we call it. */
const kinds = {
  tasks: 'task',
  triggers: 'trigger',
  conditions: 'condition',
  taskRunners: 'task runner',
  logExporters: 'log exporter',
} as const;
type Kind = keyof typeof kinds;
/** Conditions are Kestra 1's alone. */
type Plugin = Installed & { readonly conditions?: Installed['tasks'] };

interface Element {
  readonly type: string;
  readonly kind: (typeof kinds)[Kind];
  readonly deprecated: boolean;
  readonly about: string;
}

export const searchPlugins = recipe({
  name: 'search_plugins',
  title: 'Search plugins',
  description: 'The task and trigger types that are installed here, by words. Then get_plugin_schema.',
  permissions: ['kestra.plugin.read'],
  effect: 'read',
  anywhere: true,
  input: () => z.strictObject({ query: z.string().min(1).max(500), page, size }),
  uses: ['listPlugins'],
  run: async ({ query, page, size }, { invoke }) => {
    const all = await installed(invoke);
    const found = ranked(all, query);
    return answer({
      ...paged({ page, size }, found.length),
      types: found.slice((page - 1) * size, page * size).map(({ type, kind, deprecated, about }) => ({
        type,
        kind,
        ...(deprecated && { deprecated }),
        ...quoted({ about: brief(about) }),
      })),
      ...(found.length === 0 && { note: `None of the ${all.length} types that are installed fits these words.` }),
    });
  },
});

export const getPluginSchema = recipe({
  name: 'get_plugin_schema',
  title: 'Get plugin schema',
  description: 'The properties of a task or trigger type, required ones first, its outputs and an example.',
  permissions: ['kestra.plugin.read'],
  effect: 'read',
  anywhere: true,
  input: () =>
    z.strictObject({
      type: z
        .string()
        .max(256)
        .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'is not a type: see search_plugins')
        .describe('e.g. io.kestra.plugin.core.log.Log'),
    }),
  uses: ['getPluginDocumentation', 'listPlugins'],
  run: async ({ type }, context): Promise<Answer> => {
    const documentation = await ifFound(context.invoke('getPluginDocumentation', { path: { cls: type } }));
    if (!documentation) throw new PublicError('not_found', await notInstalled(type, context));
    const { about, properties, outputs, example } = propertiesOf(documentation.schema);
    return answer(
      { type, quoted: { about, ...properties, ...(outputs && { outputs }) } },
      ...(example ? [{ name: 'example', language: 'yaml', text: example }] : []),
    );
  },
});

const installed = async (invoke: Context<'listPlugins'>['invoke']): Promise<readonly Element[]> => {
  const { results } = await invoke('listPlugins', { query: { page: 1, size: 1000 } });
  const elements = results.flatMap((plugin) => (Object.keys(kinds) as Kind[]).flatMap((kind) => elementsOf(plugin, kind)));
  return [...new Map(elements.map((element) => [element.type, element])).values()];
};

const elementsOf = (plugin: Plugin, kind: Kind): Element[] =>
  (plugin[kind] ?? []).map(({ cls = '', deprecated = false, title, description }) => ({
    type: cls,
    kind: kinds[kind],
    deprecated: Boolean(deprecated),
    about: title ?? description ?? '',
  }));

/** Best first: what has the most of the words, and those nearest to the end of its name. */
const ranked = (all: readonly Element[], query: string): readonly Element[] => {
  const words = query.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const scored = all.map((element) => {
    const scores = words.map((word) => scoreOf(element, word));
    const hits = scores.filter((score) => score > 0).length;
    return { element, score: scores.reduce((sum, score) => sum + score, 0) * hits - (element.deprecated ? 1 : 0) };
  });
  return scored
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || a.element.type.localeCompare(b.element.type))
    .map(({ element }) => element);
};

const scoreOf = ({ type, kind, about }: Element, word: string): number => {
  const lower = type.toLowerCase();
  const name = lower.slice(lower.lastIndexOf('.') + 1);
  if (name === word) return 8;
  if (name.includes(word)) return 5;
  if (lower.split('.').includes(word)) return 4;
  if (lower.includes(word) || kind.includes(word)) return 3;
  return about.toLowerCase().includes(word) ? 2 : 0;
};

const notInstalled = async (type: string, { invoke }: Context<'listPlugins'>): Promise<string> => {
  const near = ranked(await installed(invoke), type.slice(type.lastIndexOf('.') + 1)).slice(0, 5);
  const hint = near.length > 0 ? `The nearest are: ${near.map((element) => element.type).join(', ')}.` : 'search_plugins shows what is.';
  return `The type ${type} is not installed here. ${hint}`;
};
