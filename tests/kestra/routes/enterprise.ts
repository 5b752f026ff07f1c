import { parse } from 'yaml';
import { newId, now } from '../clock.ts';
import { array, isObject, object, objects, string } from '../json.ts';
import { page } from '../paging.ts';
import { notFound, Refusal } from '../refusal.ts';
import { bodyObject, type Call, empty, json, param, type Route, text, visible } from '../route.ts';
import type { TestSuite } from '../state.ts';

const tests = '/api/v1/{tenant}/tests';
const namespaces = '/api/v1/{tenant}/namespaces';

/** Reads a suite. What a real server says about a wrong one was never recorded. */
function read(source: string): TestSuite | string {
  const given: unknown = parse(source);
  if (!isObject(given)) return 'not an object';
  for (const key of ['id', 'namespace', 'flowId', 'testCases']) if (given[key] === undefined) return `${key}: must not be null`;
  return {
    id: String(given.id),
    namespace: String(given.namespace),
    flowId: String(given.flowId),
    ...(string(given.description) ? { description: String(given.description) } : {}),
    testCases: objects(given.testCases).map((one) => ({
      ...one,
      id: String(one.id),
      type: String(one.type),
      assertions: array(one.assertions),
    })),
    source,
  };
}

function accepted(source: string): TestSuite {
  const suite = read(source);
  if (typeof suite === 'string') throw new Refusal(422, `Invalid entity: ${suite}`);
  return suite;
}

function suiteOf(call: Call): TestSuite {
  const found = call.world.state.suites.get(`${param(call, 'namespace')}/${param(call, 'id')}`);
  if (!found) throw notFound();
  return found;
}

async function save(call: Call): Promise<Response> {
  const suite = accepted(await text(call, 'application/x-yaml'));
  call.world.state.suites.set(`${suite.namespace}/${suite.id}`, suite);
  return json({ deleted: false, disabled: false, ...suite });
}

async function run(call: Call): Promise<Response> {
  const suite = suiteOf(call);
  const given = call.request.headers.get('content-type') ? await bodyObject(call) : {};
  const wanted = array(given.testCases).map(String);
  const cases = suite.testCases.filter(({ id }) => wanted.length === 0 || wanted.includes(id));
  const result = {
    id: newId(),
    testSuiteId: suite.id,
    namespace: suite.namespace,
    flowId: suite.flowId,
    state: 'SUCCESS',
    startDate: now(),
    endDate: now(),
    results: cases.map(({ id, type }) => ({
      testId: id,
      testType: type,
      executionId: newId(),
      url: '',
      state: 'SUCCESS',
      assertionResults: [],
      errors: [],
      fixtures: {},
    })),
  };
  call.world.state.results.push(result);
  return json(result);
}

function inside(call: Call, { namespace }: { namespace: string }): boolean {
  const asked = call.query.get('namespace');
  return !asked || namespace === asked || (call.query.get('includeChildNamespaces') === 'true' && namespace.startsWith(`${asked}.`));
}

async function saveNamespace(call: Call, id: string | undefined): Promise<Response> {
  const given = await bodyObject(call);
  const name = id ?? String(given.id);
  const exists = call.world.state.namespaces.has(name);
  if (id !== undefined && !exists) throw notFound();
  if (id === undefined && exists) throw new Refusal(409, 'Conflict: Namespace already exists');
  const description = string(given.description);
  call.world.state.namespaces.set(name, { ...(description ? { description } : {}), variables: object(given.variables ?? {}) });
  return json({ ...given, id: name, deleted: false });
}

export const enterpriseRoutes: Route[] = [
  {
    on: `GET ${tests}/search`,
    handle: (call) =>
      json(
        page(
          call,
          'searchTestSuites',
          visible(call, [...call.world.state.suites.values()]).filter((one) => inside(call, one)),
        ),
      ),
  },
  {
    on: `GET ${tests}/results/search`,
    handle: (call) =>
      json(
        page(
          call,
          'searchTestSuitesResults',
          call.world.state.results.filter((one) => inside(call, one)),
        ),
      ),
  },
  { on: `POST ${tests}`, handle: save },
  {
    on: `POST ${tests}/validate`,
    handle: async (call) => {
      const suite = read(await text(call, 'application/x-yaml'));
      return json(typeof suite === 'string' ? { index: 0, constraints: suite, outdated: false } : { index: 0, outdated: false });
    },
  },
  { on: `GET ${tests}/{namespace}/{id}`, handle: (call) => json({ deleted: false, disabled: false, ...suiteOf(call) }) },
  {
    on: `PUT ${tests}/{namespace}/{id}`,
    handle: (call) => {
      suiteOf(call);
      return save(call);
    },
  },
  {
    on: `DELETE ${tests}/{namespace}/{id}`,
    handle: (call) => {
      const { namespace, id } = suiteOf(call);
      call.world.state.suites.delete(`${namespace}/${id}`);
      return empty(204);
    },
  },
  { on: `POST ${tests}/{namespace}/{id}/run`, handle: run },
  { on: `POST ${namespaces}`, handle: (call) => saveNamespace(call, undefined) },
  { on: `PUT ${namespaces}/{id}`, handle: (call) => saveNamespace(call, param(call, 'id')) },
];
