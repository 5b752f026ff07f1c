import type { Contract, Told } from './contract.ts';
import { editions, type Method, type Operation, shapeOf } from './openapi.ts';
import { type Patches, reference } from './patch.ts';

/** What is wrong between the operations in use, the contracts, and the moves and absences that patches.ts lists. */
export function faultsOf(contracts: readonly Contract[], inUse: readonly string[], patches: Patches): string[] {
  if (!contracts.some(({ line }) => line === reference)) return [`there is no contract of ${reference}: give its documents with --from`];
  return [...contracts.flatMap((contract) => missing(contract, contracts, inUse, patches)), ...idle(contracts, inUse, patches)];
}

/** Operations of which one edition's document has the route, but was last read before they were in use. */
export function gapsOf(contract: Contract): string[] {
  return Object.entries(contract.operations).flatMap(([id, told]) => {
    const operation = anyOf(told);
    if (told.both || !operation) return [];
    const served = editionsServing(contract, operation);
    const unread = editions.filter((edition) => served.has(edition) && !told[edition]);
    return unread.map(
      (edition) => `${id}: the ${edition} document of ${contract.line} has it too; read it again with --from to have its facts`,
    );
  });
}

function missing(contract: Contract, contracts: readonly Contract[], inUse: readonly string[], patches: Patches): string[] {
  const { line, documents } = contract;
  const listed = new Set(patches.absences.filter(({ lines }) => lines.includes(line)).map(({ operation }) => operation));
  const home = contracts.find((other) => other.line === reference);
  return inUse.flatMap((id) => {
    if (contract.operations[id] || listed.has(id)) return [];
    const read = editions.filter((edition) => documents[edition] !== undefined);
    const told = line === reference ? undefined : home?.operations[id];
    const isDue = told ? read.some((edition) => (told.both ?? told[edition]) !== undefined) : read.length === editions.length;
    return isDue ? [`${id} is in operations.json, but not in the contract of ${line}: read the documents of ${line} with --from`] : [];
  });
}

function idle(contracts: readonly Contract[], inUse: readonly string[], { moves, absences, elsewhere }: Patches): string[] {
  const faults: string[] = [];
  const fault = (what: string, operation: string, line: string, why: string): void => {
    faults.push(`patch "${what} of ${operation}" matches nothing in ${line}: ${why}`);
  };
  for (const { line, operations, routes } of contracts) {
    for (const { operation, method, path, lines } of moves) {
      if (!lines.includes(line)) continue;
      const found = anyOf(operations[operation]);
      if (!inUse.includes(operation)) fault('move', operation, line, 'the operation is not in use');
      else if (found && shapeOf(found.method, found.path) !== shapeOf(method, path))
        fault('move', operation, line, `it is at ${found.method} ${found.path}`);
    }
    for (const { operation, lines } of absences) {
      if (!lines.includes(line)) continue;
      const home = anyOf(contracts.find((contract) => contract.line === reference)?.operations[operation]);
      if (!inUse.includes(operation)) fault('absence', operation, line, 'the operation is not in use');
      else if (home && has(routes, home)) fault('absence', operation, line, `the line has ${home.method} ${home.path}`);
    }
    for (const { operation, line: of, paths } of elsewhere) {
      if (of !== line) continue;
      const found = anyOf(operations[operation]);
      const shapes = paths.map((path) => shapeOf(found?.method ?? '', path));
      if (!found) fault('other path', operation, line, 'the line has no such operation');
      else if (!shapes.includes(shapeOf(found.method, found.path))) fault('other path', operation, line, `it is at ${found.path}`);
    }
  }
  return faults;
}

function anyOf(told: Told<Operation> | undefined): Operation | undefined {
  return told?.both ?? told?.ee ?? told?.oss;
}

function has(routes: Contract['routes'], { method, path }: Operation): boolean {
  return Object.entries(routes).some(([other, served]) => served[method] && shapeOf(method, other) === shapeOf(method, path));
}

function editionsServing(contract: Contract, { method, path }: Operation): Set<string> {
  const served = new Set<string>();
  for (const [other, methods] of Object.entries(contract.routes)) {
    for (const [verb, edition] of Object.entries(methods)) {
      if (shapeOf(verb as Method, other) !== shapeOf(method, path)) continue;
      for (const one of edition === 'both' ? editions : [edition]) served.add(one);
    }
  }
  return served;
}
