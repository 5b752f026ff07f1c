import { stringify } from 'yaml';
import { z } from 'zod';
import { PublicError } from '../errors.ts';
import { matching } from '../kestra/filters.ts';
import { ifFound } from './absence.ts';
import { answer } from './answer.ts';
import { page, paged, query, refuse, size } from './fields.ts';
import { brief, quoted } from './quoted.ts';
import { parseSource } from './source.ts';
import { recipe, tool } from './tool.ts';

export const listApps = tool('searchAppsFromCatalog')({
  name: 'list_apps',
  title: 'List apps',
  description: 'The apps of the catalog (Enterprise). Then get_app.',
  permissions: ['kestra.app.read'],
  effect: 'read',
  input: () => z.strictObject({ query, page, size }),
  call: ({ query, page, size }) => ({ query: { page, size, filters: matching(query) } }),
  show: ({ total, results }, { query, page, size }) =>
    answer({
      ...paged({ page, size }, total),
      apps: results.map(({ uid, type, name, description, tags }) => ({
        uid,
        type,
        ...quoted({ name, description: brief(description), tags }),
      })),
      ...(total === 0 &&
        page === 1 && {
          note: query ? `No app matches ${JSON.stringify(query)}.` : 'There are no apps in the catalog that you may see.',
        }),
    }),
});

export const getApp = recipe({
  name: 'get_app',
  title: 'Get app',
  description: "An app's YAML source (Enterprise).",
  permissions: ['kestra.app.read'],
  effect: 'read',
  input: () =>
    z.strictObject({
      uid: z
        .string()
        .min(1)
        .max(100)
        .regex(/^[A-Za-z0-9]+$/, 'is not an app uid: see list_apps'),
    }),
  target: ({ uid }) => ({ appUid: uid }),
  uses: ['getApp'],
  run: async ({ uid }, { invoke }) => {
    const app = await ifFound(invoke('getApp', { path: { uid } }));
    if (!app) throw new PublicError('not_found', `There is no app ${uid}: list_apps shows those there are.`);
    const { namespace, name, disabled, created, updated, tags, source } = app;
    return answer(
      { uid, namespace, disabled, created, updated, ...quoted({ name, tags }) },
      { name: 'source', language: 'yaml', text: source ?? '' },
    );
  },
});

export const createApp = tool('createApp')({
  name: 'create_app',
  title: 'Create app',
  description: 'Create an app from its YAML source (Enterprise).',
  permissions: ['kestra.app.write'],
  effect: 'write',
  input: () =>
    z.strictObject({
      app_data: z
        .union([z.string().min(1), z.record(z.string(), z.unknown())], 'is YAML, or an object')
        .describe('YAML, or the same as an object')
        .transform((app) => parseSource(typeof app === 'string' ? app : stringify(app))),
    }),
  target: ({ app_data }) => ({ namespace: app_data.namespace }),
  call: ({ app_data }) => ({ body: app_data.text }),
  show: ({ uid, namespace, name, disabled }) =>
    answer({ done: 'created', uid: uid ?? refuse('Kestra gave no uid.'), namespace, disabled, ...quoted({ name }) }),
});
