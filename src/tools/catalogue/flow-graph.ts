import { z } from 'zod';
import { PublicError } from '../../errors.ts';
import type { Reply } from '../../kestra/operation.ts';
import { flowNote, ifFound } from '../absence.ts';
import { answer, type Block } from '../answer.ts';
import { flowId, namespace, refuse } from '../fields.ts';
import { type Edge, type Frame, flowchart, type Node } from '../mermaid.ts';
import { parseSource } from '../source.ts';
import { type Context, recipe } from '../tool.ts';

const mostNodes = 150;

const drawing = (text: string): Block => ({ name: 'mermaid', language: 'mermaid', text });

type Topology = Reply<'getFlowDependencies'>;

/** Who calls whom. What lies outside of the caller's namespaces is there without its name, and what is behind it is not there. */
const dependencyFacts = (context: Context, { nodes = [], edges: all = [] }: Topology) => {
  const own = new Set(nodes.flatMap(({ uid = '', namespace = '' }) => (context.may('kestra.flow.read', namespace) ? [uid] : [])));
  const edges = all.filter(({ source = '', target = '' }) => own.has(source) || own.has(target));
  const near = new Set([...own, ...edges.flatMap(({ source = '', target = '' }) => [source, target])]);
  const named = nodes.flatMap(({ uid = '', namespace = '', id = '' }) =>
    near.has(uid) ? [{ uid, name: own.has(uid) ? `${namespace}.${id}` : '(a flow outside of your namespaces)' }] : [],
  );
  const nameOf = new Map(named.map(({ uid, name }) => [uid, name]));
  const links = edges.flatMap(({ source = '', target = '', relation }) => {
    const [from, to] = [nameOf.get(source), nameOf.get(target)];
    return from && to ? [{ from, to, by: relations[relation ?? ''] ?? relation }] : [];
  });
  const shown = named.slice(0, mostNodes);
  const text = flowchart(
    'LR',
    shown.map(({ uid, name }): Node => ({ id: uid, text: name })),
    edges.map(({ source = '', target = '', relation }): Edge => ({ from: source, to: target, text: relations[relation ?? ''] })),
  );
  return {
    facts: {
      flows: named.length,
      dependencies: links.slice(0, mostNodes),
      ...(named.length > shown.length && { drawing_note: `the drawing shows ${shown.length} of ${named.length} flows` }),
    },
    blocks: edges.length > 0 ? [drawing(text)] : [],
  };
};

const relations: Readonly<Record<string, string>> = { FLOW_TASK: 'subflow', FLOW_TRIGGER: 'trigger' };

export const flowDependencies = recipe({
  name: 'flow_dependencies',
  title: 'Flow dependencies',
  description: 'Which flows call this one or wait for it, and which it calls: as a list and a Mermaid drawing.',
  keywords: 'subflow callers upstream downstream impact lineage',
  permissions: ['kestra.flow.read'],
  effect: 'read',
  input: () => z.strictObject({ namespace, flow_id: flowId, everything: z.boolean().optional().describe('follow them to the end') }),
  target: ({ namespace }) => ({ namespace }),
  uses: ['getFlowDependencies', 'getFlow', 'searchFlows'],
  run: async ({ namespace, flow_id, everything }, context) => {
    const missing = await flowNote(context, namespace, flow_id);
    if (missing) throw new PublicError('not_found', missing);
    const graph = await context.invoke('getFlowDependencies', { path: { namespace, id: flow_id }, query: { expandAll: everything } });
    const { facts, blocks } = dependencyFacts(context, graph);
    return answer(
      { namespace, flow_id, ...facts, ...(facts.dependencies.length === 0 && { note: 'No flow calls this one, and it calls none.' }) },
      ...blocks,
    );
  },
});

export const namespaceDependencies = recipe({
  name: 'namespace_dependencies',
  title: 'Namespace dependencies',
  description: 'Which flows of a namespace call which: as a list and a Mermaid drawing.',
  keywords: 'subflow lineage impact',
  permissions: ['kestra.flow.read', 'kestra.namespace.read'],
  effect: 'read',
  input: () => z.strictObject({ namespace }),
  target: ({ namespace }) => ({ namespace }),
  uses: ['getFlowDependenciesFromNamespace'],
  run: async ({ namespace }, context) => {
    const graph = await context.invoke('getFlowDependenciesFromNamespace', { path: { namespace } });
    const { facts, blocks } = dependencyFacts(context, graph);
    const note =
      facts.flows === 0
        ? 'There is no flow in this namespace itself: search_namespaces finds its name.'
        : 'The flows of this namespace do not depend on each other or on others.';
    return answer({ namespace, ...facts, ...(facts.dependencies.length === 0 && { note }) }, ...blocks);
  },
});

export const flowGraph = recipe({
  name: 'flow_graph',
  title: 'Flow graph',
  description:
    "A flow's tasks in the order in which they run, with branches and loops, as a Mermaid drawing; of a saved flow, or of a source.",
  keywords: 'topology dag diagram picture mermaid draw',
  permissions: ['kestra.flow.read'],
  effect: 'read',
  input: () =>
    z.strictObject({
      namespace: namespace.optional(),
      flow_id: flowId.optional(),
      revision: z.int().min(1).optional(),
      source: z.string().min(1).optional().describe('YAML, instead of a saved flow').transform(parsed),
    }),
  target: ({ namespace, source }) => ({ namespace: namespace ?? source?.namespace }),
  uses: ['generateFlowGraph', 'generateFlowGraphFromSource', 'getFlow', 'searchFlows'],
  run: async ({ namespace, flow_id, revision, source }, context) => {
    if (source) {
      if (namespace || flow_id) refuse('Give either a source, or namespace and flow_id.');
      return draw(
        { namespace: source.namespace, flow_id: source.id },
        await context.invoke('generateFlowGraphFromSource', { body: source.text }),
      );
    }
    if (!namespace || !flow_id) return refuse('Give namespace and flow_id, or a source.');
    const graph = await ifFound(context.invoke('generateFlowGraph', { path: { namespace, id: flow_id }, query: { revision } }));
    if (graph) return draw({ namespace, flow_id, revision }, graph);
    throw new PublicError('not_found', (await flowNote(context, namespace, flow_id)) ?? `The flow has no revision ${revision}.`);
  },
});

function parsed(source: string | undefined) {
  return source === undefined ? undefined : parseSource(source);
}

const draw = (facts: Readonly<Record<string, unknown>>, graph: Reply<'generateFlowGraph'>) => {
  const { nodes, edges, frames, tasks } = graphParts(graph);
  const shown = nodes.slice(0, mostNodes);
  return answer(
    { ...facts, tasks, ...(shown.length < nodes.length && { note: `the drawing shows ${shown.length} of ${nodes.length} nodes` }) },
    drawing(flowchart('TD', shown, edges, frames)),
  );
};

const detail = z.object({
  uid: z.string(),
  type: z.string(),
  task: z.object({ id: z.string(), type: z.string() }).optional(),
  triggerDeclaration: z.object({ id: z.string(), type: z.string() }).optional(),
});
type Detail = z.output<typeof detail>;

/** Kestra's graph holds a start and an end of each block; only those of the whole flow are drawn, the others are joined through. */
const graphParts = ({ nodes = [], edges = [], clusters = [] }: Reply<'generateFlowGraph'>) => {
  const known = nodes.flatMap((node) => {
    const { data } = detail.safeParse(node);
    return data ? [data] : [];
  });
  const kept = known.flatMap((node): Node[] => {
    const about = node.task ?? node.triggerDeclaration;
    if (about) return [{ id: node.uid, text: `${about.id} · ${about.type.split('.').at(-1)}` }];
    return isEndOfAll(node) ? [{ id: node.uid, text: /Root$/.test(node.type) ? 'start' : 'end', shape: 'round' }] : [];
  });
  const ids = new Set(kept.map(({ id }) => id));
  const links = edges.flatMap(({ source, target, relation }) =>
    source && target ? [{ from: source, to: target, text: branchOf(relation) }] : [],
  );
  return {
    nodes: kept,
    edges: throughHidden(links, ids),
    frames: framesOf(clusters, ids),
    tasks: known.filter(({ task }) => task).length,
  };
};

const isEndOfAll = ({ uid, type }: Detail): boolean => /^root\.(root|end)-[^.]*$/.test(uid) && /GraphCluster(Root|End)$/.test(type);

const relationOf = z.object({ relationType: z.string().optional(), value: z.string().optional() });

/** What a branch is taken for, such as the value of a switch. */
const branchOf = (relation: unknown): string | undefined => {
  const { data } = relationOf.safeParse(relation);
  if (data?.value) return data.value;
  return data?.relationType && !/^(SEQUENTIAL|PARALLEL)$/.test(data.relationType) ? data.relationType.toLowerCase() : undefined;
};

const throughHidden = (edges: readonly Edge[], kept: ReadonlySet<string>): Edge[] => {
  const from = grouped(edges);
  const reach = (id: string, seen: ReadonlySet<string>): string[] => {
    if (kept.has(id)) return [id];
    if (seen.has(id)) return [];
    return (from.get(id) ?? []).flatMap((edge) => reach(edge.to, new Set([...seen, id])));
  };
  const found = edges.filter((edge) => kept.has(edge.from)).flatMap((edge) => reach(edge.to, new Set()).map((to) => ({ ...edge, to })));
  return [...new Map(found.map((edge) => [`${edge.from} ${edge.to} ${edge.text}`, edge])).values()];
};

const grouped = (edges: readonly Edge[]): Map<string, Edge[]> => {
  const groups = new Map<string, Edge[]>();
  for (const edge of edges) groups.set(edge.from, [...(groups.get(edge.from) ?? []), edge]);
  return groups;
};

const clusterTask = z.object({ taskNode: z.object({ uid: z.string(), task: z.object({ id: z.string() }) }).optional(), uid: z.string() });

/** A frame for each task that holds others, inside of the frame that holds it. */
const framesOf = (clusters: NonNullable<Reply<'generateFlowGraph'>['clusters']>, kept: ReadonlySet<string>): Frame[] => {
  const known = clusters.flatMap(({ cluster, nodes = [], parents = [] }) => {
    const { data } = clusterTask.safeParse(cluster);
    return data ? [{ uid: data.uid, text: data.taskNode?.task.id ?? data.uid.replace(/^cluster_(root\.)?/, ''), nodes, parents }] : [];
  });
  const inside = (parent: string | undefined): Frame[] =>
    known
      .filter(({ parents }) => parents.at(-1) === parent)
      .map(({ uid, text, nodes }) => ({ text, nodes: nodes.filter((node) => kept.has(node)), frames: inside(uid) }));
  return inside(undefined);
};
