import { newId } from '../clock.ts';
import { taskJson } from '../flow-json.ts';
import { type JsonObject, objects, string } from '../json.ts';
import { taskRunJson } from '../present.ts';
import { notFound } from '../refusal.ts';
import { type Call, flag, json, param, type Route, text } from '../route.ts';
import type { Execution, Flow } from '../state.ts';
import { checkFlow } from '../validate.ts';
import { tasksIn } from '../violations.ts';
import { executionOf, flowOf } from './executions.ts';

const model = 'io.kestra.core.models.hierarchies';
const lists = ['tasks', 'then', 'else'];

type Part = Record<string, unknown>;

interface Graph {
  nodes: Part[];
  edges: Part[];
  clusters: Part[];
}

/** How the children of a task hang on it. */
function relationOf(type: string): string {
  if (/\.(Parallel|EachParallel)$/.test(type)) return 'PARALLEL';
  if (/\.(If|Switch)$/.test(type)) return 'CHOICE';
  if (/\.(ForEach|EachSequential|Loop)$/.test(type)) return 'DYNAMIC';
  return 'SEQUENTIAL';
}

function holdsTasks(task: JsonObject): boolean {
  return lists.some((key) => Array.isArray(task[key]));
}

/** The topology of a flow; error handlers are left out. */
class Builder {
  readonly graph: Graph = { nodes: [], edges: [], clusters: [] };
  readonly #show: (task: JsonObject) => Part;

  constructor(show: (task: JsonObject) => Part) {
    this.#show = show;
  }

  build(flow: Flow): Graph {
    const [start, end] = this.#ends('root');
    this.#chain(objects(flow.definition.tasks), 'root', start, end, {}, []);
    return this.graph;
  }

  #ends(uid: string): [string, string] {
    const [start, end] = [`${uid}.root-${newId()}`, `${uid}.end-${newId()}`];
    this.graph.nodes.push({ uid: start, type: `${model}.GraphClusterRoot` }, { uid: end, type: `${model}.GraphClusterEnd` });
    return [start, end];
  }

  #edge(source: string, target: string, relation: JsonObject): void {
    this.graph.edges.push({ source, target, relation });
  }

  /** Tasks one after another; gives the uids of all nodes that it made. */
  #chain(tasks: JsonObject[], parent: string, start: string, end: string, first: JsonObject, parents: string[]): string[] {
    let [before, relation] = [start, first];
    const made: string[] = [];
    for (const task of tasks) {
      const { entry, exit, uids } = this.#task(task, parent, parents, 'SEQUENTIAL');
      this.#edge(before, entry, relation);
      [before, relation] = [exit, { relationType: 'SEQUENTIAL' }];
      made.push(...uids);
    }
    this.#edge(before, end, {});
    return made;
  }

  #task(task: JsonObject, parent: string, parents: string[], relationType: string): { entry: string; exit: string; uids: string[] } {
    const uid = `${parent}.${String(task.id)}`;
    const type = String(task.type);
    if (!holdsTasks(task)) {
      const kind = type.endsWith('.flow.Subflow') ? 'SubflowGraphTask' : 'GraphTask';
      this.graph.nodes.push({ uid, type: `${model}.${kind}`, ...this.#show(task), relationType });
      return { entry: uid, exit: uid, uids: [uid] };
    }
    const own = relationOf(type);
    const [start, end] = this.#ends(uid);
    const node = { uid, type: `${model}.GraphTask`, ...this.#show(task), relationType: own };
    this.graph.nodes.push(node);
    this.#edge(start, uid, {});
    const cluster = `cluster_${uid}`;
    const inside = this.#inside(task, uid, end, own, [...parents, cluster]);
    this.graph.clusters.push({
      cluster: {
        uid: cluster,
        type: `${model}.GraphCluster`,
        relationType: own,
        taskNode: node,
        finally: { uid: `${String(task.id)}.finally-${newId()}`, type: `${model}.GraphClusterFinally` },
      },
      nodes: [start, end, uid, ...inside],
      parents,
      start,
      end,
    });
    return { entry: start, exit: end, uids: [start, end, uid, ...inside] };
  }

  #inside(task: JsonObject, uid: string, end: string, relationType: string, parents: string[]): string[] {
    if (relationType !== 'PARALLEL') {
      return lists
        .filter((key) => Array.isArray(task[key]))
        .flatMap((key) => {
          const relation = key === 'tasks' ? { relationType } : { relationType, value: key };
          return this.#chain(objects(task[key]), uid, uid, end, relation, parents);
        });
    }
    return objects(task.tasks).flatMap((child) => {
      const { entry, exit, uids } = this.#task(child, uid, parents, relationType);
      this.#edge(uid, entry, { relationType });
      this.#edge(exit, end, {});
      return uids;
    });
  }
}

function ofFlow(call: Call): Response {
  const flow = call.world.state.flow(param(call, 'namespace'), param(call, 'id'));
  if (!flow) throw notFound();
  return json(new Builder((task) => ({ task: taskJson(task) })).build(flow));
}

async function ofSource(call: Call): Promise<Response> {
  const verdict = checkFlow(await text(call, 'application/x-yaml'), { line: call.line, plugins: call.world.plugins });
  if ('refusal' in verdict) throw verdict.refusal;
  return json(new Builder((task) => ({ task: taskJson(task) })).build({ definition: verdict.flow } as Flow));
}

function bare(task: JsonObject): JsonObject {
  const shown: JsonObject = { id: task.id, type: task.type };
  for (const key of lists) if (Array.isArray(task[key])) shown[key] = objects(task[key]).map(bare);
  if (String(task.type).endsWith('.flow.Subflow')) {
    shown.subflowId = { namespace: task.namespace, flowId: task.flowId, revision: null };
  }
  return shown;
}

function ofExecution(call: Call): Response {
  const execution: Execution = executionOf(call);
  const run = (task: JsonObject): Part => {
    const found = execution.taskRuns?.find((one) => one.taskId === task.id);
    return found ? { taskRun: taskRunJson(found, execution, call.line) } : {};
  };
  return json(new Builder((task) => ({ task: bare(task), ...run(task), values: [] })).build(flowOf(call, execution)));
}

/** Which flows call which. 1.3 works that out later than anybody waited for: it knows none. */
function links(call: Call): { from: Flow; namespace: string; id: string }[] {
  if (call.line === '1.3') return [];
  return call.world.state.latestFlows().flatMap((from) =>
    tasksIn(from.definition)
      .filter(({ task }) => String(task.type).endsWith('.flow.Subflow'))
      .map(({ task }) => ({ from, namespace: string(task.namespace) ?? '', id: string(task.flowId) ?? '' }))
      .filter((link) => call.world.state.flow(link.namespace, link.id)),
  );
}

function dependencies(found: ReturnType<typeof links>, flows: Flow[]): { nodes: JsonObject[]; edges: JsonObject[] } {
  const uid = (namespace: string, id: string): string => `main_${namespace}_${id}`;
  const nodes = new Map<string, JsonObject>();
  for (const { from, namespace, id } of found) {
    nodes.set(`${from.namespace}/${from.id}`, { uid: uid(from.namespace, from.id), namespace: from.namespace, id: from.id });
    nodes.set(`${namespace}/${id}`, { uid: uid(namespace, id), namespace, id });
  }
  for (const { namespace, id } of flows) {
    if (!nodes.has(`${namespace}/${id}`)) nodes.set(`${namespace}/${id}`, { uid: `${namespace}_${id}`, namespace, id });
  }
  return {
    nodes: [...nodes.values()],
    edges: found.map(({ from, namespace, id }) => ({
      source: uid(from.namespace, from.id),
      target: uid(namespace, id),
      relation: 'FLOW_TASK',
    })),
  };
}

function ofOneFlow(call: Call): Response {
  const [namespace, id] = [param(call, 'namespace'), param(call, 'id')];
  if (!call.world.state.flow(namespace, id)) throw notFound();
  const all = links(call);
  const reached = new Set([`${namespace}/${id}`]);
  const ends = (link: (typeof all)[number]): string[] => [`${link.from.namespace}/${link.from.id}`, `${link.namespace}/${link.id}`];
  const touching = () => all.filter((link) => ends(link).some((end) => reached.has(end)));
  // With expandAll what those depend on too, and so on.
  for (let before = 0; flag(call, 'expandAll') && before < reached.size; ) {
    before = reached.size;
    for (const end of touching().flatMap(ends)) reached.add(end);
  }
  return json(dependencies(touching(), []));
}

function ofNamespace(call: Call): Response {
  const namespace = param(call, 'namespace');
  const flows = call.world.state.latestFlows().filter((flow) => flow.namespace === namespace);
  return json(
    dependencies(
      links(call).filter((link) => link.from.namespace === namespace || link.namespace === namespace),
      flows,
    ),
  );
}

export const graphRoutes: Route[] = [
  { on: 'POST /api/v1/{tenant}/flows/graph', handle: ofSource },
  { on: 'GET /api/v1/{tenant}/flows/{namespace}/{id}/graph', handle: ofFlow },
  { on: 'GET /api/v1/{tenant}/executions/{executionId}/graph', handle: ofExecution },
  { on: 'GET /api/v1/{tenant}/flows/{namespace}/{id}/dependencies', handle: ofOneFlow },
  { on: 'GET /api/v1/{tenant}/namespaces/{namespace}/dependencies', handle: ofNamespace },
];
