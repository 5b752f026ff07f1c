import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Facts } from './facts.ts';
import { type Edition, editions, type Method, mentioned, methods, type Operation, reached, type Schema } from './openapi.ts';
import { print } from './print.ts';

/** What each edition's document says; `both` when they say the same. */
export interface Told<T> {
  both?: T;
  ee?: T;
  oss?: T;
}

/** The facts of one Kestra line, from the documents of its editions, each kept apart where they differ. */
export interface Contract {
  line: string;
  /** The version of each document that was read. */
  documents: Partial<Record<Edition, string>>;
  operations: Record<string, Told<Operation>>;
  schemas: Record<string, Told<Schema>>;
  /** Every route of the documents and which edition has it; not only those of the operations in use. */
  routes: Record<string, Partial<Record<Method, Edition | 'both'>>>;
}

/** Takes a document's facts into the contract of its line; what only the other edition has stays. */
export function refresh(contract: Contract, edition: Edition, facts: Facts): Contract {
  const other = edition === 'ee' ? 'oss' : 'ee';
  const sides = { [edition]: facts, [other]: factsFrom(contract, other) } as Record<Edition, Facts | undefined>;
  return fold(contract.line, sides);
}

/** A contract of a line of which no document has been read. */
export function blank(line: string): Contract {
  return { line, documents: {}, operations: {}, schemas: {}, routes: {} };
}

/** The facts that one edition's document contributed. */
export function factsFrom(contract: Contract, edition: Edition): Facts | undefined {
  const version = contract.documents[edition];
  if (version === undefined) return undefined;
  const routes: Facts['routes'] = {};
  for (const [path, served] of Object.entries(contract.routes)) {
    const own = methods.filter((method) => served[method] === 'both' || served[method] === edition);
    if (own.length > 0) routes[path] = own;
  }
  return { version, operations: side(contract.operations, edition), schemas: side(contract.schemas, edition), routes };
}

function side<T>(told: Record<string, Told<T>>, edition: Edition): Record<string, T> {
  const own: Record<string, T> = {};
  for (const [name, { both, [edition]: ours = both }] of Object.entries(told)) if (ours !== undefined) own[name] = ours;
  return own;
}

function fold(line: string, sides: Record<Edition, Facts | undefined>): Contract {
  const contract = blank(line);
  for (const edition of editions) {
    const facts = sides[edition];
    if (!facts) continue;
    contract.documents[edition] = facts.version;
    for (const [path, served] of Object.entries(facts.routes)) {
      const known = contract.routes[path] ?? {};
      contract.routes[path] = known;
      for (const method of served) known[method] = known[method] === undefined ? edition : 'both';
    }
  }
  contract.operations = told(sides.ee?.operations, sides.oss?.operations);
  contract.schemas = told(sides.ee?.schemas, sides.oss?.schemas);
  return contract;
}

function told<T>(ee: Record<string, T> = {}, oss: Record<string, T> = {}): Record<string, Told<T>> {
  const all: Record<string, Told<T>> = {};
  for (const name of Object.keys({ ...ee, ...oss })) {
    const [ours, theirs] = [ee[name], oss[name]];
    if (ours === undefined || theirs === undefined) all[name] = ours === undefined ? { oss: theirs } : { ee: ours };
    else all[name] = print(ours) === print(theirs) ? { both: ours } : { ee: ours, oss: theirs };
  }
  return all;
}

/** The contract without what no operation in use needs any more. */
export function prune(contract: Contract, inUse: readonly string[]): Contract {
  const sides = Object.fromEntries(editions.map((edition) => [edition, pruned(factsFrom(contract, edition), inUse)]));
  return fold(contract.line, sides as Record<Edition, Facts | undefined>);
}

function pruned(facts: Facts | undefined, inUse: readonly string[]): Facts | undefined {
  if (!facts) return undefined;
  const operations = Object.fromEntries(Object.entries(facts.operations).filter(([id]) => inUse.includes(id)));
  const names = reached(mentioned(operations), facts.schemas);
  return { ...facts, operations, schemas: Object.fromEntries(Object.entries(facts.schemas).filter(([name]) => names.has(name))) };
}

const record = z.record(z.string(), z.record(z.string(), z.unknown()));
const stored = z.object({
  line: z.string(),
  documents: z.record(z.string(), z.string()),
  operations: record,
  schemas: record,
  routes: record,
});

/** Reads every contract of a folder, oldest line first. */
export async function readContracts(folder: string): Promise<Contract[]> {
  const contracts: Contract[] = [];
  for (const file of await readdir(folder)) {
    if (!/^kestra-.*\.json$/.test(file)) continue;
    const contract = stored.parse(JSON.parse(await readFile(join(folder, file), 'utf8'))) as Contract;
    if (fileOf(contract.line) !== file) throw new Error(`${file} holds the contract of line ${contract.line}`);
    contracts.push(contract);
  }
  return contracts.sort((a, b) => compareLines(a.line, b.line));
}

/** The file name of a line's contract. */
export function fileOf(line: string): string {
  return `kestra-${line}.json`;
}

/** Orders lines by number: 1.3 before 1.10 before 2.0. */
export function compareLines(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

/** Reads the list of operations in use. */
export async function readOperations(folder: string): Promise<string[]> {
  const ids = z.array(z.string()).parse(JSON.parse(await readFile(join(folder, 'operations.json'), 'utf8')));
  const sorted = [...new Set(ids)].sort();
  if (sorted.join() !== ids.join()) throw new Error('operations.json must be sorted and name each operation once');
  return ids;
}
