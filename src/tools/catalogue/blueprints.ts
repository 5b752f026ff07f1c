import { z } from 'zod';
import { PublicError } from '../../errors.ts';
import { KestraError } from '../../kestra/failure.ts';
import { matching } from '../../kestra/filters.ts';
import { answer } from '../answer.ts';
import { page, paged, size } from '../fields.ts';
import { brief, quoted } from '../quoted.ts';
import { recipe } from '../tool.ts';

/** Kestra gives what the internet does to it as its own failure. */
const fetched = <T>(asked: Promise<T>): Promise<T> =>
  asked.catch((thrown: unknown) => {
    if (!(thrown instanceof KestraError) || thrown.code !== 'kestra_failed') throw thrown;
    const why = 'Kestra fetches blueprints from api.kestra.io, and can not reach it from where it runs. Write the flow without one.';
    throw new PublicError(thrown.code, why, thrown, thrown.quoted);
  });

export const searchBlueprints = recipe({
  name: 'search_blueprints',
  title: 'Search blueprints',
  description: 'Find ready-made example flows of the Kestra community, such as "s3 to postgres". Kestra fetches them from the internet.',
  keywords: 'example template sample',
  permissions: ['kestra.blueprint.read'],
  effect: 'read',
  anywhere: true,
  input: () => z.strictObject({ query: z.string().min(1).max(200), page, size }),
  uses: ['searchBlueprints'],
  run: async ({ query, page, size }, { invoke }) => {
    const { total, results } = await fetched(
      invoke('searchBlueprints', { path: { kind: 'FLOW' }, query: { page, size, filters: matching(query) } }),
    );
    return answer({
      ...paged({ page, size }, total),
      blueprints: results.map(({ id, title, description, tags, includedTasks }) => ({
        blueprint_id: id,
        ...quoted({ title, description: brief(description), tags, tasks: includedTasks?.slice(0, 10) }),
      })),
      ...(total === 0 && page === 1 && { note: `No blueprint matches ${JSON.stringify(query)}: use fewer words.` }),
    });
  },
});

export const getBlueprint = recipe({
  name: 'get_blueprint',
  title: 'Get blueprint',
  description: 'The YAML of an example flow. Change its namespace before you save it.',
  keywords: 'example template sample',
  permissions: ['kestra.blueprint.read'],
  effect: 'read',
  anywhere: true,
  input: () =>
    z.strictObject({
      blueprint_id: z
        .string()
        .max(256)
        .regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]*$/, 'is not the id of a blueprint'),
    }),
  uses: ['getBlueprint', 'getBlueprintSource'],
  run: async ({ blueprint_id }, { invoke }) => {
    const path = { kind: 'FLOW', id: blueprint_id } as const;
    const about = await fetched(invoke('getBlueprint', { path }));
    const source = about.source ?? (await invoke('getBlueprintSource', { path }));
    return answer(
      { blueprint_id, ...quoted({ title: about.title, description: about.description, tags: about.tags }) },
      { name: 'source', language: 'yaml', text: source },
    );
  },
});
