import { parse } from 'yaml';
import { newId, now } from '../clock.ts';
import { reply, type Schema } from '../contract.ts';
import { matching, readFilters } from '../filters.ts';
import { array, isObject, string } from '../json.ts';
import { page } from '../paging.ts';
import { notFound, Refusal } from '../refusal.ts';
import { type Call, empty, json, param, type Route, text, visible } from '../route.ts';
import type { App } from '../state.ts';

const apps = '/api/v1/{tenant}/apps';

type Source = Schema<'AppsController.ApiAppSource'>;
type Item = Schema<'AppsController.ApiAppCatalogItem'>;

function sourceJson(app: App): Source {
  const { uid, name, namespace, tags, disabled, source, created, updated } = app;
  return { uid, name, namespace, tags, disabled, source, created, updated };
}

function itemJson(app: App): Item {
  const { uid, name, description, type, tags } = app;
  return { uid, name, ...(description ? { description } : {}), type, tags };
}

/** Reads the source of an app. What a real server says about a wrong one was never recorded: only the status is sure. */
export function readApp(source: string): Omit<App, 'uid' | 'created' | 'updated'> {
  let given: unknown;
  try {
    given = parse(source);
  } catch (error) {
    throw new Refusal(422, `Invalid entity: Illegal app source: YAML parsing error: ${String(error)}`);
  }
  if (!isObject(given)) throw new Refusal(422, 'Invalid entity: Illegal app source: not an object');
  for (const key of ['id', 'type', 'namespace', 'displayName', 'flowId', 'layout']) {
    if (given[key] === undefined)
      throw new Refusal(422, `Invalid entity: ${key}: must not be null\n`, [{ path: key, message: 'must not be null' }]);
  }
  const description = string(given.description);
  const flowId = string(given.flowId);
  return {
    name: String(given.displayName),
    ...(description ? { description } : {}),
    ...(flowId ? { flowId } : {}),
    type: String(given.type),
    namespace: String(given.namespace),
    tags: array(given.tags).map(String),
    disabled: given.disabled === true,
    source,
  };
}

async function create(call: Call): Promise<Response> {
  const date = now();
  const app: App = { uid: newId(), ...readApp(await text(call, 'application/x-yaml')), created: date, updated: date };
  call.world.state.apps.set(app.uid, app);
  return reply<'createApp'>(sourceJson(app));
}

function appOf(call: Call): App {
  const app = call.world.state.apps.get(param(call, 'uid'));
  if (!app) throw notFound();
  return app;
}

async function update(call: Call): Promise<Response> {
  const before = appOf(call);
  const app: App = { ...before, ...readApp(await text(call, 'application/x-yaml')), updated: now() };
  call.world.state.apps.set(app.uid, app);
  return json(sourceJson(app));
}

/** 1.3 takes flat `q` and `tags`, 2.0 filters. */
function searched(call: Call): App[] {
  const all = visible(call, [...call.world.state.apps.values()]);
  const text = (app: App): string => `${app.name} ${app.description ?? ''} ${app.uid}`.toLowerCase();
  if (call.line === '1.3') {
    const q = (call.query.get('q') ?? '').toLowerCase();
    const tags = call.query.getAll('tags').flatMap((one) => one.split(','));
    return all.filter((app) => text(app).includes(q) && (tags.length === 0 || tags.some((tag) => app.tags.includes(tag))));
  }
  return matching(all, readFilters(call, 'other'), (app, { field, value }) => {
    if (field === 'q') return text(app).includes(value.toLowerCase());
    if (field === 'namespace') return app.namespace;
    if (field === 'tags') return app.tags;
    if (field === 'flowId') return app.flowId;
    return true;
  });
}

export const appRoutes: Route[] = [
  {
    on: `GET ${apps}/catalog`,
    handle: (call) => {
      const { results, total } = page(
        call,
        'searchAppsFromCatalog',
        searched(call).filter((app) => !app.disabled),
      );
      return reply<'searchAppsFromCatalog'>({ results: results.map(itemJson), total });
    },
  },
  {
    on: `GET ${apps}/search`,
    handle: (call) => {
      const { results, total } = page(call, 'searchApps', searched(call));
      return json({
        results: results.map(({ disabled, source: _, description: _text, ...app }) => ({ ...app, id: app.uid, enabled: !disabled })),
        total,
      });
    },
  },
  { on: `POST ${apps}`, handle: create },
  { on: `GET ${apps}/{uid}`, handle: (call) => reply<'getApp'>(sourceJson(appOf(call))) },
  { on: `PUT ${apps}/{uid}`, handle: update },
  {
    on: `DELETE ${apps}/{uid}`,
    handle: (call) => {
      call.world.state.apps.delete(appOf(call).uid);
      return empty(204);
    },
  },
  ...['enable', 'disable'].map(
    (what): Route => ({
      on: `POST ${apps}/{uid}/${what}`,
      handle: (call) => {
        const app = appOf(call);
        app.disabled = what === 'disable';
        return json(sourceJson(app));
      },
    }),
  ),
];
