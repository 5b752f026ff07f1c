import { type HttpHandler, http } from 'msw';
import { authenticate, mayUse } from './auth.ts';
import type { Line } from './dialect.ts';
import type { Engine } from './engine.ts';
import { notFound, Refusal, refusalJson } from './refusal.ts';
import { type Call, json, type Route } from './route.ts';
import { type Match, Router } from './router.ts';
import { actionRoutes } from './routes/actions.ts';
import { appRoutes } from './routes/apps.ts';
import { bulkRoutes } from './routes/bulk.ts';
import { enterpriseRoutes } from './routes/enterprise.ts';
import { executionRoutes } from './routes/executions.ts';
import { fileRoutes } from './routes/files.ts';
import { flowRoutes } from './routes/flows.ts';
import { followRoutes } from './routes/follow.ts';
import { graphRoutes } from './routes/graph.ts';
import { instanceRoutes } from './routes/instance.ts';
import { kvRoutes } from './routes/kv.ts';
import { logRoutes } from './routes/logs.ts';
import { namespaceRoutes } from './routes/namespaces.ts';
import { outputRoutes } from './routes/outputs.ts';
import { pluginRoutes } from './routes/plugins.ts';
import { storageRoutes } from './routes/storage.ts';
import { triggerRoutes } from './routes/triggers.ts';
import { line, type World } from './world.ts';

const all: readonly Route[] = [
  ...instanceRoutes,
  ...flowRoutes,
  ...executionRoutes,
  ...actionRoutes,
  ...followRoutes,
  ...outputRoutes,
  ...logRoutes,
  ...triggerRoutes,
  ...namespaceRoutes,
  ...kvRoutes,
  ...fileRoutes,
  ...appRoutes,
  ...pluginRoutes,
  ...graphRoutes,
  ...bulkRoutes,
  ...storageRoutes,
  ...enterpriseRoutes,
];

function table(of: Line): { router: Router; routes: Map<string, Route> } {
  const routes = new Map(all.filter((route) => !route.line || route.line === of).map((route) => [canonical(route.on), route]));
  return {
    router: new Router(
      of,
      [...routes.values()].map((route) => route.on),
    ),
    routes,
  };
}

/** A route without the names of its parameters, which differ between documents. */
function canonical(on: string): string {
  return on.replaceAll(/\{\w+\}/g, '{}');
}

let tables: Record<Line, ReturnType<typeof table>> | undefined;

/** What a server notes about the requests that it gets. */
export interface Notes {
  offend(reason: string, request: Request): void;
  /** A request for a route that this version and edition does not have. */
  stray(request: Request): void;
}

/** The handlers of one pretended server, for msw; `pick` finds the one for a request without asking each in turn. */
export interface Handlers {
  list: HttpHandler[];
  pick(request: Request): HttpHandler;
}

/** The path and query of a request as they were sent. */
export function targetOf(request: Request): string {
  return request.headers.get('x-pretence-target') ?? request.url.slice(new URL(request.url).origin.length);
}

/** Makes the handlers for a world. */
export function handlersFor(world: World, engine: Engine, notes: Notes): Handlers {
  tables ??= { '1.3': table('1.3'), '2.0': table('2.0') };
  const known = tables;
  const matches = new WeakMap<Request, Match>();
  const matchOf = (request: Request): Match => {
    const before = matches.get(request);
    if (before) return before;
    const path = targetOf(request).split('?')[0] ?? '';
    const found = known[line(world)].router.match(request.method, path, world.edition);
    matches.set(request, found);
    return found;
  };
  const routeOf = (match: Match): Route | undefined =>
    match.kind === 'route' ? known[line(world)].routes.get(canonical(match.key)) : undefined;

  const byRoute = new Map<Route, HttpHandler>();
  for (const route of all) {
    const method = route.on.split(' ')[0]?.toLowerCase() as 'get' | 'post' | 'put' | 'delete' | 'patch';
    const mine = ({ request }: { request: Request }): boolean => routeOf(matchOf(request)) === route;
    byRoute.set(
      route,
      http[method](mine, ({ request }) => answer(request, route, matchOf(request), { world, engine, notes })),
    );
  }
  const rest = http.all(
    () => true,
    ({ request }) => answer(request, undefined, matchOf(request), { world, engine, notes }),
  );
  return {
    list: [...byRoute.values(), rest],
    pick: (request) => {
      const route = routeOf(matchOf(request));
      return (route && byRoute.get(route)) ?? rest;
    },
  };
}

interface Surroundings {
  world: World;
  engine: Engine;
  notes: Notes;
}

async function answer(request: Request, route: Route | undefined, match: Match, around: Surroundings): Promise<Response> {
  const target = targetOf(request);
  try {
    return await respond(request, route, match, target, around);
  } catch (error) {
    if (error instanceof Refusal) return json(refusalJson(error, target), error.status);
    throw error;
  }
}

async function respond(
  request: Request,
  route: Route | undefined,
  match: Match,
  target: string,
  { world, engine, notes }: Surroundings,
): Promise<Response> {
  const [path = '', query = ''] = split(target);
  const authorization = request.headers.get('authorization') ?? undefined;
  const who = authenticate({ path, authorization }, line(world), world.edition, world.users);
  if (!who) return new Response(null, { status: 401, headers: world.edition === 'OSS' ? { 'www-authenticate': 'Basic' } : {} });
  const user = who === 'open' ? undefined : who;
  refuseIllegal(target);
  if (!route || match.kind !== 'route') return unmatched(request, match, path, world, notes);
  const tenant = match.params.tenant;
  if (tenant !== undefined && tenant !== 'main') {
    if (world.edition === 'OSS') throw new Refusal(400, "Bad Request: Tenant must be 'main' for OSS version");
    throw notFound();
  }
  const params = renamed(route.on, match);
  if (!mayUse(user, world.edition, request.method, params.namespace ?? namespaceOf(world, params.executionId)))
    throw new Refusal(403, 'Forbidden');
  const call: Call = {
    world,
    engine,
    line: line(world),
    edition: world.edition,
    request,
    target,
    params,
    query: new URLSearchParams(query),
    user,
    offend: (reason) => notes.offend(reason, request),
  };
  return await route.handle(call);
}

/** Java reads the target as a URI, which some characters must not stand in unencoded. */
function refuseIllegal(target: string): void {
  const index = target.search(/[\^|"<>\\`{} ]/);
  if (index >= 0) throw new Refusal(500, `Internal server error: Illegal character in query at index ${index}: ${target}`);
}

function split(target: string): [string, string] {
  const mark = target.indexOf('?');
  return mark < 0 ? [target, ''] : [target.slice(0, mark), target.slice(mark + 1)];
}

const namesOf = new Map<string, string[]>();

function parameterNames(route: string): string[] {
  const known = namesOf.get(route);
  if (known) return known;
  const names = [...route.matchAll(/\{(\w+)\}/g)].map((one) => one[1] ?? '');
  namesOf.set(route, names);
  return names;
}

/** The parameters under the names that the handler uses. */
function renamed(on: string, match: { key: string; params: Record<string, string> }): Record<string, string> {
  const given = parameterNames(match.key);
  return Object.fromEntries(parameterNames(on).map((name, index) => [name, match.params[given[index] ?? ''] ?? '']));
}

function namespaceOf(world: World, executionId: string | undefined): string | undefined {
  return executionId === undefined ? undefined : world.state.executions.get(executionId)?.namespace;
}

/** A route that Kestra has and we don't is an error of ours; one that Kestra doesn't have gets Kestra's answer. */
function unmatched(request: Request, match: Match, path: string, world: World, notes: Notes): Response {
  if (match.kind === 'route') {
    notes.offend(`${match.key} is not pretended`, request);
    return json({ message: `The pretended Kestra does not have ${match.key}` }, 501);
  }
  notes.stray(request);
  if (world.edition === 'EE' && line(world) === '2.0') throw new Refusal(403, 'Access denied');
  if (match.kind === 'wrongMethod') {
    const allowed = [...(match.allowed.includes('GET') ? ['HEAD'] : []), ...match.allowed].join(', ');
    throw new Refusal(405, `Method Not Allowed: Method [${request.method}] not allowed for URI [${path}]. Allowed methods: [${allowed}]`);
  }
  throw notFound();
}
