import { type Contract, factsFrom } from './contract.ts';
import type { RawDocument, RawOperation } from './document.ts';
import { type Facts, type Place, routesOf } from './facts.ts';
import { type Edition, methods, shapeOf } from './openapi.ts';
import { type Patches, reference } from './patch.ts';

/** Where a document serves what. */
export interface Index {
  byShape: ReadonlyMap<string, Place>;
  byId: ReadonlyMap<string, Place>;
}

export interface Search {
  line: string;
  edition: Edition;
  inUse: readonly string[];
  /** The contract of this line before this run, and the one of the reference line. */
  known: Contract | undefined;
  referenceLine: Contract | undefined;
  /** The document of the other edition: of this run or, failing that, as the contract has it. */
  other: Index | undefined;
  patches: Omit<Patches, 'corrections'>;
}

/**
 * Where a document serves the operations in use. Ids are the reference line's; other lines are matched by method and route, because
 * documents disagree about ids. A route that differs and is no listed move fails the run.
 */
export function locate(raw: RawDocument, search: Search): Map<string, Place> {
  const index = indexOf(raw);
  const places = new Map<string, Place>();
  const faults: string[] = [];
  for (const id of search.inUse) {
    if (search.patches.absences.some(({ operation, lines }) => operation === id && lines.includes(search.line))) continue;
    const found = search.line === reference ? findById(id, index, search) : findByRoute(id, index, search);
    if (typeof found === 'string') faults.push(found);
    else if (found) places.set(id, found);
  }
  if (faults.length > 0) throw new Error(faults.join('\n'));
  return places;
}

/** The index of a document. */
export function indexOf(raw: RawDocument): Index {
  const byId = new Map<string, Place>();
  for (const [path, item] of Object.entries(raw.paths)) {
    for (const method of methods) {
      const id = (item[method] as RawOperation | undefined)?.operationId;
      if (id !== undefined) byId.set(id, { method, path });
    }
  }
  return { byShape: shapes(routesOf(raw)), byId };
}

/** The index of a document of which only the facts in a contract are left. */
export function indexOfFacts(facts: Facts): Index {
  return { byShape: shapes(facts.routes), byId: new Map(Object.entries(facts.operations)) };
}

function shapes(routes: Facts['routes']): Map<string, Place> {
  return new Map(
    Object.entries(routes).flatMap(([path, served]) => served.map((method) => [shapeOf(method, path), { method, path }] as const)),
  );
}

type Found = Place | string | undefined;
const shape = ({ method, path }: Place): string => shapeOf(method, path);

/** On the reference line an operation is found where it was, at first by its id. */
function findById(id: string, index: Index, search: Search): Found {
  const byName = index.byId.get(id);
  const place = placeIn(search.known, id) ?? search.other?.byId.get(id) ?? byName;
  if (!place) return search.other ? `${id} is in operations.json, but in no document of ${search.line}` : undefined;
  return at(id, place, index, search);
}

/** On another line it is found at a listed move, else at the reference line's route. */
function findByRoute(id: string, index: Index, search: Search): Found {
  const move = search.patches.moves.find(({ operation, lines }) => operation === id && lines.includes(search.line));
  const place = move ?? placeIn(search.referenceLine, id);
  if (!place) return `${id} is in operations.json, but not in the contract of ${reference}: refresh that one first`;
  return at(id, { method: place.method, path: place.path }, index, search);
}

function at(id: string, place: Place, index: Index, search: Search): Found {
  const { line, edition, known, other, referenceLine, patches } = search;
  const listed = patches.elsewhere.find((entry) => entry.operation === id && entry.line === line)?.paths ?? [];
  const candidates = [place, ...listed.map((path) => ({ method: place.method, path }))];
  for (const candidate of candidates) {
    const here = index.byShape.get(shape(candidate));
    if (here) return here;
  }
  const byName = line === reference ? index.byId.get(id) : undefined;
  const before = (known && factsFrom(known, edition))?.operations[id];
  if (!byName && !before) {
    // The documents of one version each lack routes that the other has.
    if (candidates.some((candidate) => other?.byShape.has(shape(candidate)))) return undefined;
    if (!other && !inEdition(referenceLine, id, edition)) return undefined;
  }
  const hint = index.byId.get(id);
  return (
    `${id}: the ${edition} document of ${line} has no ${place.method} ${place.path}, and patches.ts lists neither a move nor an absence of it.` +
    (hint ? ` It has an operation of that id at ${hint.method} ${hint.path}.` : '')
  );
}

function placeIn(contract: Contract | undefined, id: string): Place | undefined {
  const told = contract?.operations[id];
  const operation = told?.both ?? told?.ee ?? told?.oss;
  return operation && { method: operation.method, path: operation.path };
}

function inEdition(contract: Contract | undefined, id: string, edition: Edition): boolean {
  const told = contract?.operations[id];
  return told?.both !== undefined || told?.[edition] !== undefined;
}
