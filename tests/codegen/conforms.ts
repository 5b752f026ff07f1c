import { nameOf, type Schema } from '../../codegen/openapi.ts';

type Schemas = Record<string, Schema>;

/** Where a value contradicts its schema: missing, undeclared, null or of another type. List items share one path. */
export function contradictions(value: unknown, schema: Schema, schemas: Schemas, path = '$'): string[] {
  return [...new Set(check(value, schema, schemas, path))].sort();
}

function check(value: unknown, schema: Schema, schemas: Schemas, path: string): string[] {
  if (schema.$ref) return check(value, schemas[nameOf(schema.$ref)] ?? {}, schemas, path);
  if (value === null) return schema.nullable || isOpen(schema) ? [] : [`${path} is null`];
  const options = schema.oneOf ?? schema.anyOf;
  if (options) {
    const found = options.map((option) => check(value, option, schemas, path));
    return found.find((faults) => faults.length === 0) ?? found[0] ?? [];
  }
  const fields = flatten(schema, schemas);
  if (fields) return checkFields(value, fields, schemas, path);
  if (schema.allOf) return schema.allOf.flatMap((part) => check(value, part, schemas, path));
  if (schema.type === 'array') {
    if (!Array.isArray(value)) return [`${path} is no array`];
    return value.flatMap((item) => check(item, schema.items ?? {}, schemas, `${path}[]`));
  }
  if (schema.enum && !schema.enum.includes(value)) return [`${path} is ${JSON.stringify(value)}, not one of its enum`];
  if (schema.type === 'integer') return Number.isInteger(value) ? [] : [`${path} is no integer`];
  if (schema.type !== undefined && schema.type !== 'object' && typeof value !== schema.type)
    return [`${path} is ${typeof value}, not ${schema.type}`];
  return [];
}

const isOpen = (schema: Schema): boolean => Object.keys(schema).length === 0;

function checkFields(value: unknown, fields: Schema, schemas: Schemas, path: string): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${path} is no object`];
  const faults = (fields.required ?? []).filter((name) => !(name in value)).map((name) => `${path}.${name} is required but absent`);
  for (const [name, inner] of Object.entries(value)) {
    const declared = fields.properties?.[name];
    const rest = fields.additionalProperties;
    if (declared) faults.push(...check(inner, declared, schemas, `${path}.${name}`));
    else if (typeof rest === 'object') faults.push(...check(inner, rest, schemas, `${path}.*`));
    else if (rest !== true) faults.push(`${path}.${name} is undeclared`);
  }
  return faults;
}

function flatten(schema: Schema, schemas: Schemas): Schema | undefined {
  if (schema.$ref) return flatten(schemas[nameOf(schema.$ref)] ?? {}, schemas);
  const parts = (schema.allOf ?? []).map((part) => flatten(part, schemas));
  if (!schema.properties && !schema.additionalProperties && (parts.length === 0 || parts.some((part) => part === undefined)))
    return undefined;
  const all: Schema = { properties: {}, required: [...(schema.required ?? [])] };
  for (const part of [...parts, schema]) {
    all.properties = { ...all.properties, ...part?.properties };
    all.required = [...new Set([...(all.required ?? []), ...(part?.required ?? [])])];
    if (part?.additionalProperties) all.additionalProperties = part.additionalProperties;
  }
  return all;
}
