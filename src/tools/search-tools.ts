import { z } from 'zod';
import { subjects } from '../access/permission.ts';
import { answer } from './answer.ts';
import { query } from './fields.ts';
import { inputSchema } from './input-schema.ts';
import { type Context, isFor, isServed, recipe, subjectOf, type Tool } from './tool.ts';

const mostWithSchema = 5;
const mostNames = 20;

export const searchTools = recipe({
  name: 'search_tools',
  title: 'Search tools',
  description:
    'Find the tools that are not listed: bulk actions, backfills, triggers, files, key-values, secrets, revisions, graphs, … Call one with run_tool.',
  permissions: [],
  effect: 'session',
  input: () =>
    z.strictObject({
      query: query.describe('e.g. "pause backfill"; without it, all names'),
      subject: z.enum(subjects).optional(),
      effect: z.enum(['read', 'write', 'run', 'destroy']).optional(),
    }),
  uses: [],
  run: async ({ query, subject, effect }, context) => {
    const there = await available(context);
    const fitting = there.filter((tool) => (!subject || subjectOf(tool) === subject) && (!effect || tool.effect === effect));
    if (!query?.trim()) return index(fitting);
    const found = ranked(fitting, query);
    if (found.length === 0) {
      const { facts } = index(fitting.length > 0 ? fitting : there);
      return answer({ found: 0, note: 'No tool fits these words. Those that there are, by subject:', ...facts });
    }
    const more = found.slice(mostWithSchema, mostNames).map(({ name }) => name);
    return answer({
      found: found.length,
      tools: found.slice(0, mostWithSchema).map(described),
      ...(more.length > 0 && { more }),
      next: 'run_tool with name and arguments',
    });
  },
});

/** The tools that the caller may use and this Kestra has. */
const available = async ({ catalog, session, instance }: Context): Promise<readonly Tool[]> => {
  // While Kestra can't be asked: what every edition of the newest line has, as in the list.
  const here = await instance().catch(() => ({ edition: 'OSS', line: '2.0' }) as const);
  return catalog.filter((tool) => tool.permissions.length > 0 && isFor(tool, session.principal.grants) && isServed(tool, here));
};

const index = (tools: readonly Tool[]) => {
  const there = [...new Set(tools.map(subjectOf))];
  return answer({
    tools: Object.fromEntries(
      there.map((subject) => [subject, tools.filter((tool) => subjectOf(tool) === subject).map(({ name }) => name)]),
    ),
  });
};

const described = (tool: Tool) => ({
  name: tool.name,
  about: tool.description,
  effect: tool.effect,
  subject: subjectOf(tool),
  arguments: inputSchema(tool),
});

/** Best first: the more of the words a tool has, and the nearer to its name, the better. */
const ranked = (tools: readonly Tool[], query: string): readonly Tool[] => {
  const wanted = wordsOf(query);
  const scored = tools.map((tool) => ({ tool, score: scoreOf(tool, wanted) })).sort((a, b) => b.score - a.score);
  // What shares a common word or two with a long question is no answer to it.
  const least = (scored[0]?.score ?? 0) / 5;
  return scored.filter(({ score }) => score > 0 && score >= least).map(({ tool }) => tool);
};

const weights = { name: 6, keywords: 4, subject: 3, description: 2, input: 1 } as const;

const scoreOf = (tool: Tool, wanted: readonly string[]): number => {
  const words = {
    name: wordsOf(tool.name),
    keywords: wordsOf(tool.keywords ?? ''),
    subject: [subjectOf(tool) as string],
    description: wordsOf(`${tool.title} ${tool.description}`),
    input: wordsOf(Object.keys(tool.input.shape).join(' ')),
  };
  const scores = wanted.map((word) =>
    Math.max(0, ...(Object.keys(weights) as (keyof typeof weights)[]).map((place) => (words[place].includes(word) ? weights[place] : 0))),
  );
  const hits = scores.filter((score) => score > 0).length;
  return scores.reduce((sum, score) => sum + score, 0) * hits;
};

const noise = new Set([
  'a',
  'an',
  'all',
  'and',
  'by',
  'for',
  'from',
  'in',
  'is',
  'it',
  'kestra',
  'my',
  'of',
  'on',
  'or',
  'the',
  'to',
  'with',
]);

/** What other systems, and people, call what Kestra has. */
const synonyms: Readonly<Record<string, string>> = {
  cancel: 'kill',
  dag: 'graph',
  history: 'revision',
  job: 'execution',
  pipeline: 'flow',
  remove: 'delete',
  rerun: 'replay',
  retry: 'restart',
  run: 'execution',
  schedule: 'trigger',
  stop: 'kill',
  topology: 'graph',
  variable: 'kv',
  workflow: 'flow',
};

const wordsOf = (text: string): string[] =>
  (text.toLowerCase().match(/[a-z0-9]+/g) ?? [])
    .filter((word) => !noise.has(word))
    .map(stem)
    .map((word) => synonyms[word] ?? word);

/** Plurals, and the commonest endings of verbs. */
const stem = (word: string): string => {
  const singular = /(?:ches|shes|sses|xes)$/.test(word) ? word.slice(0, -2) : word.replace(/ies$/, 'y').replace(/(?<!s|u)s$/, '');
  return singular.length > 6 ? singular.replace(/ing$/, '') : singular;
};
