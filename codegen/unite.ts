import { type Contract, factsFrom } from './contract.ts';
import { type Merging, merge } from './merge.ts';
import {
  type Content,
  type Edition,
  editions,
  mentioned,
  type Operation,
  type Parameter,
  type Reply,
  reached,
  type Schema,
  shapeOf,
} from './openapi.ts';

/** A line's operations as a client sees them: true of both editions. */
export interface Document {
  line: string;
  /** Those whose document was read. */
  editions: readonly Edition[];
  operations: Record<string, Operation & { edition?: 'ee' }>;
  schemas: Record<string, Schema>;
}

/** The union of what the editions say: by route, then field by field where they differ. */
export function unite(contract: Contract): Document {
  const [ee, oss] = [factsFrom(contract, 'ee'), factsFrom(contract, 'oss')];
  const added: Record<string, Schema> = {};
  const sides = { ee: ee?.schemas ?? {}, oss: oss?.schemas ?? {}, added };
  const operations: Document['operations'] = {};
  for (const id of Object.keys({ ...ee?.operations, ...oss?.operations }).sort()) {
    const operation = uniteOperation(ee?.operations[id], oss?.operations[id], sides);
    const edition = !oss?.operations[id] && isEeOnly(contract, operation) ? { edition: 'ee' as const } : {};
    operations[id] = { ...operation, ...edition };
  }
  const replies = [ee, oss].map((facts) => Object.values(facts?.operations ?? {}).map(({ responses }) => responses));
  const read = reached(mentioned(replies), { ...sides.oss, ...sides.ee });
  const schemas: Record<string, Schema> = {};
  for (const name of Object.keys({ ...sides.ee, ...sides.oss })) {
    const [left, right] = [sides.ee[name], sides.oss[name]];
    schemas[name] = left && right ? merge(left, right, { ...sides, direction: read.has(name) ? 'read' : 'sent' }) : (left ?? right ?? {});
  }
  return reachable({
    line: contract.line,
    editions: editions.filter((edition) => contract.documents[edition]),
    operations,
    schemas: { ...schemas, ...added },
  });
}

/** Drops the schemas that no operation reaches. */
export function reachable(document: Document): Document {
  const names = [...reached(mentioned(document.operations), document.schemas)].sort();
  return { ...document, schemas: Object.fromEntries(names.map((name) => [name, document.schemas[name] ?? {}])) };
}

/** Whether the EE document has a route and the OSS one has not; the reverse only means that the EE document hides it. */
function isEeOnly(contract: Contract, { method, path }: Operation): boolean {
  if (!contract.documents.ee || !contract.documents.oss) return false;
  const shape = shapeOf(method, path);
  const served = Object.entries(contract.routes).filter(([other, routes]) => routes[method] && shapeOf(method, other) === shape);
  return served.every(([, routes]) => routes[method] === 'ee');
}

type Sides = Omit<Merging, 'direction'>;

function uniteOperation(ee: Operation | undefined, oss: Operation | undefined, sides: Sides): Operation {
  if (!ee || !oss) {
    const only = ee ?? oss;
    if (!only) throw new Error('an operation without facts');
    return only;
  }
  const responses: Record<string, Reply> = {};
  for (const status of Object.keys({ ...ee.responses, ...oss.responses })) {
    const [left, right] = [ee.responses[status]?.content, oss.responses[status]?.content];
    responses[status] = left || right ? { content: uniteContent(left, right, { ...sides, direction: 'read' }) } : {};
  }
  const parameters = uniteParameters(ee.parameters, oss.parameters, { ...sides, direction: 'sent' });
  const united: Operation = { method: ee.method, path: ee.path, parameters, responses };
  if (ee.requestBody || oss.requestBody) {
    united.requestBody = { content: uniteContent(ee.requestBody?.content, oss.requestBody?.content, { ...sides, direction: 'sent' }) };
    if (ee.requestBody?.required || oss.requestBody?.required) united.requestBody.required = true;
  }
  return united;
}

function uniteContent(ee: Content = {}, oss: Content = {}, merging: Merging): Content {
  const all: Content = {};
  for (const type of Object.keys({ ...ee, ...oss }).sort()) {
    const [left, right] = [ee[type], oss[type]];
    all[type] = left && right ? { schema: merge(left.schema ?? {}, right.schema ?? {}, merging) } : (left ?? right ?? {});
  }
  return all;
}

function uniteParameters(ee: readonly Parameter[], oss: readonly Parameter[], merging: Merging): Parameter[] {
  const key = ({ in: place, name }: Parameter): string => `${place} ${name}`;
  const all = new Map(ee.map((parameter) => [key(parameter), parameter]));
  for (const parameter of oss) {
    const known = all.get(key(parameter));
    const both = known && {
      ...known,
      ...(parameter.required && { required: true }),
      schema: merge(known.schema, parameter.schema, merging),
    };
    all.set(key(parameter), both ?? parameter);
  }
  return [...all.values()].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
