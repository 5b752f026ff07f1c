import { type Contract, factsFrom } from './contract.ts';
import { fieldsOf } from './merge.ts';
import { editions, mentioned, type Operation, reached, type Schema, shapeOf } from './openapi.ts';
import { print } from './print.ts';
import { type Document, unite } from './unite.ts';

/** One difference, and the operations that it touches. */
export interface Change {
  text: string;
  operations: string[];
}

/** What a refresh changed in a line, seen by a client of both editions. */
export function changesOf(before: Contract | undefined, after: Contract): Change[] {
  if (!before)
    return [{ text: `new contract: ${Object.keys(after.operations).length} operations, ${count(after)} routes`, operations: [] }];
  const [old, now] = [unite(before), unite(after)];
  return [...versions(before, after), ...operations(old, now), ...schemas(old, now), ...otherRoutes(before, after)];
}

function versions(before: Contract, after: Contract): Change[] {
  return editions
    .filter((edition) => before.documents[edition] !== after.documents[edition])
    .map((edition) => ({
      text: `${edition} document: ${before.documents[edition] ?? 'none'} -> ${after.documents[edition] ?? 'none'}`,
      operations: [],
    }));
}

function operations(old: Document, now: Document): Change[] {
  const changes: Change[] = [];
  for (const id of Object.keys({ ...old.operations, ...now.operations }).sort()) {
    const [was, is] = [old.operations[id], now.operations[id]];
    const add = (text: string): unknown => changes.push({ text: `${id}: ${text}`, operations: [id] });
    if (!is) add('gone');
    else if (!was) add('added');
    else {
      if (shapeOf(was.method, was.path) !== shapeOf(is.method, is.path))
        add(`moved from ${was.method} ${was.path} to ${is.method} ${is.path}`);
      if (was.edition !== is.edition) add(`now served by ${is.edition ?? 'both editions'}`);
      for (const text of [...parameters(was, is), ...bodies(was, is)]) add(text);
    }
  }
  return changes;
}

function parameters(was: Operation, is: Operation): string[] {
  const index = ({ parameters: all }: Operation) =>
    new Map(all.map((parameter) => [`${parameter.in} parameter ${parameter.name}`, parameter]));
  const [old, now] = [index(was), index(is)];
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((key) => {
    const [before, after] = [old.get(key), now.get(key)];
    if (!after) return [`${key} lost`];
    if (!before) return [`${key} added${after.required ? ' (required)' : ''}`];
    const texts = before.required === after.required ? [] : [`${key} is ${after.required ? 'required now' : 'optional now'}`];
    return same(before.schema, after.schema) ? texts : [...texts, `${key} has another type`];
  });
}

function bodies(was: Operation, is: Operation): string[] {
  const index = ({ requestBody, responses }: Operation) => {
    const all = new Map<string, Schema>();
    for (const [type, { schema = {} }] of Object.entries(requestBody?.content ?? {})) all.set(`body (${type})`, schema);
    for (const [status, { content }] of Object.entries(responses)) {
      if (!content) all.set(`reply ${status} (empty)`, {});
      for (const [type, { schema = {} }] of Object.entries(content ?? {})) all.set(`reply ${status} (${type})`, schema);
    }
    return all;
  };
  const [old, now] = [index(was), index(is)];
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((key) => {
    const [before, after] = [old.get(key), now.get(key)];
    if (!before || !after) return [`${key} ${before ? 'lost' : 'added'}`];
    const found = differences('', before, after);
    return found.length > 0 ? [`${key}: ${listed(found)}`] : [];
  });
}

function schemas(old: Document, now: Document): Change[] {
  const reaching = [old, now].flatMap(({ operations: all, schemas: known }) =>
    Object.entries(all).map(([id, operation]) => [id, reached(mentioned(operation), known)] as const),
  );
  const flat = ({ schemas: known }: Document, name: string): Schema | undefined => {
    const schema = known[name];
    return schema && (fieldsOf(schema, known) ?? schema);
  };
  return Object.keys({ ...old.schemas, ...now.schemas })
    .filter((name) => old.schemas[name] && now.schemas[name])
    .sort()
    .flatMap((name) => {
      const found = differences('', flat(old, name), flat(now, name));
      if (found.length === 0) return [];
      const touched = [...new Set(reaching.filter(([, names]) => names.has(name)).map(([id]) => id))].sort();
      return [{ text: `${name}: ${listed(found)}`, operations: touched }];
    });
}

interface Difference {
  at: string;
  what: 'added' | 'lost' | 'always there now' | 'optional now' | 'of another type' | 'value added' | 'value lost';
}

/** How a schema differs, down to the fields of its inner objects. */
function differences(at: string, was: Schema | undefined, is: Schema | undefined): Difference[] {
  if (same(was, is)) return [];
  if (!was || !is) return [{ at, what: was ? 'lost' : 'added' }];
  const found: Difference[] = [];
  for (const name of Object.keys({ ...was.properties, ...is.properties }).sort()) {
    const [before, after] = [was.properties?.[name], is.properties?.[name]];
    const field = at ? `${at}.${name}` : name;
    found.push(...differences(field, before, after));
    const [needed, needs] = [was.required?.includes(name) ?? false, is.required?.includes(name) ?? false];
    if (before && after && needed !== needs) found.push({ at: field, what: needs ? 'always there now' : 'optional now' });
  }
  if (was.items && is.items) found.push(...differences(`${at}[]`, was.items, is.items));
  if (was.enum && is.enum) found.push(...values(was.enum, is.enum));
  return found.length > 0 ? found : [{ at: at || 'as a whole', what: 'of another type' }];
}

function values(was: readonly unknown[], is: readonly unknown[]): Difference[] {
  return [
    ...is.filter((value) => !was.includes(value)).map((value) => ({ at: String(value), what: 'value added' as const })),
    ...was.filter((value) => !is.includes(value)).map((value) => ({ at: String(value), what: 'value lost' as const })),
  ];
}

function listed(found: readonly Difference[]): string {
  const kinds = [...new Set(found.map(({ what }) => what))].sort();
  return kinds
    .map(
      (kind) =>
        `${kind}: ${found
          .filter(({ what }) => what === kind)
          .map(({ at }) => at)
          .join(', ')}`,
    )
    .join('; ');
}

function otherRoutes(before: Contract, after: Contract): Change[] {
  const [old, now] = [routesOf(before), routesOf(after)];
  const list = (texts: string[]): string => `${texts.length} (${texts.slice(0, 5).join(', ')}${texts.length > 5 ? ', …' : ''})`;
  const added = [...now].filter((route) => !old.has(route));
  const gone = [...old].filter((route) => !now.has(route));
  return [
    ...(added.length > 0 ? [{ text: `routes added: ${list(added)}`, operations: [] }] : []),
    ...(gone.length > 0 ? [{ text: `routes gone: ${list(gone)}`, operations: [] }] : []),
  ];
}

function routesOf(contract: Contract): Set<string> {
  return new Set(
    editions.flatMap((edition) =>
      Object.entries(factsFrom(contract, edition)?.routes ?? {}).flatMap(([path, served]) => served.map((method) => `${method} ${path}`)),
    ),
  );
}

const count = (contract: Contract): number => routesOf(contract).size;

function same(a: unknown, b: unknown): boolean {
  return print(a) === print(b);
}
