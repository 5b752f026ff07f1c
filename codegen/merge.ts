import { nameOf, refTo, type Schema } from './openapi.ts';

type Schemas = Record<string, Schema>;

/** A reply must be true of both editions: a field that one may leave out is optional. What is sent must suit both: a field that one needs is required. */
export type Direction = 'sent' | 'read';

/** The two editions' schemas, and those that merging adds under names of their own. */
export interface Merging {
  ee: Schemas;
  oss: Schemas;
  added: Schemas;
  direction: Direction;
}

/** A schema that holds for both editions. */
export function merge(ee: Schema, oss: Schema, merging: Merging): Schema {
  if (same(ee, oss)) return ee;
  const { nullable: left, ...l } = plain(ee);
  const { nullable: right, ...r } = plain(oss);
  const merged = same(l, r) ? l : differing(l, r, merging);
  if (!left && !right) return merged;
  return merged.$ref ? { allOf: [merged], nullable: true } : { ...merged, nullable: true };
}

function differing(l: Schema, r: Schema, merging: Merging): Schema {
  if (isAnything(l) || isAnything(r)) return {};
  if (l.type === 'array' && r.type === 'array') return { type: 'array', items: merge(l.items ?? {}, r.items ?? {}, merging) };
  const [left, right] = [fieldsOf(l, merging.ee), fieldsOf(r, merging.oss)];
  if (left && right)
    return l.$ref && r.$ref ? named(nameOf(l.$ref), nameOf(r.$ref), left, right, merging) : mergeFields(left, right, merging);
  if (l.type !== undefined && l.type === r.type) return mergeScalars(l, r);
  return { anyOf: [l, r] };
}

/** Two schemas of different names get one of their own, named after both, so that a type of it can be named too. */
function named(ee: string, oss: string, left: Schema, right: Schema, merging: Merging): Schema {
  const name = `${ee}Or${oss}${merging.direction === 'sent' ? '.Sent' : ''}`;
  if (!merging.added[name]) {
    merging.added[name] = {};
    merging.added[name] = mergeFields(left, right, merging);
  }
  return refTo(name);
}

function mergeScalars(l: Schema, r: Schema): Schema {
  const schema: Schema = { type: l.type ?? 'string' };
  if (l.enum && r.enum) schema.enum = [...new Set([...l.enum, ...r.enum])].sort();
  if (l.format !== undefined && l.format === r.format) schema.format = l.format;
  if (l.default !== undefined && l.default === r.default) schema.default = l.default;
  return schema;
}

function mergeFields(ee: Schema, oss: Schema, merging: Merging): Schema {
  const properties: Schemas = {};
  const [ours, theirs] = [ee.properties ?? {}, oss.properties ?? {}];
  for (const name of Object.keys({ ...ours, ...theirs }).sort()) {
    const [left, right] = [ours[name], theirs[name]];
    properties[name] = left && right ? merge(left, right, merging) : (left ?? right ?? {});
  }
  const [needed, also] = [ee.required ?? [], oss.required ?? []];
  const required = merging.direction === 'sent' ? [...new Set([...needed, ...also])].sort() : needed.filter((name) => also.includes(name));
  const schema: Schema = { type: 'object', properties };
  if (required.length > 0) schema.required = required;
  const rest = mergeRest(ee.additionalProperties, oss.additionalProperties, merging);
  if (rest) schema.additionalProperties = rest;
  return schema;
}

function mergeRest(
  ee: Schema['additionalProperties'],
  oss: Schema['additionalProperties'],
  merging: Merging,
): boolean | Schema | undefined {
  if (!ee || !oss) return ee || oss;
  return ee === true || oss === true ? true : merge(ee, oss, merging);
}

/** The fields of an object, its `allOf` parts and references taken in; undefined for anything else. */
export function fieldsOf(schema: Schema, schemas: Schemas, above: readonly string[] = []): Schema | undefined {
  if (schema.$ref) {
    const name = nameOf(schema.$ref);
    const target = schemas[name];
    return target && !above.includes(name) ? fieldsOf(target, schemas, [...above, name]) : undefined;
  }
  if (!schema.allOf) return schema.type === 'object' && (schema.properties || schema.additionalProperties) ? schema : undefined;
  const all: Schema = { type: 'object', properties: { ...schema.properties }, required: [...(schema.required ?? [])] };
  for (const part of schema.allOf) {
    const fields = fieldsOf(part, schemas, above);
    if (!fields) return undefined;
    all.properties = { ...fields.properties, ...all.properties };
    all.required = [...new Set([...(all.required ?? []), ...(fields.required ?? [])])].sort();
    if (fields.additionalProperties) all.additionalProperties = fields.additionalProperties;
  }
  return all;
}

/** `allOf` or `oneOf` of a single schema is that schema: Kestra wraps references so to mark them nullable. */
function plain(schema: Schema): Schema {
  const [only, second] = schema.allOf ?? schema.oneOf ?? schema.anyOf ?? [];
  if (!only || second || schema.properties) return schema;
  return plain(schema.nullable ? { ...only, nullable: true } : only);
}

/** `{type: object}` without fields means that anything may stand there. */
export function isAnything(schema: Schema): boolean {
  const { type, $ref, properties, allOf, oneOf, anyOf, additionalProperties } = schema;
  return !$ref && !properties && !allOf && !oneOf && !anyOf && !additionalProperties && (type === undefined || type === 'object');
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
