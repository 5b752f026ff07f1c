import type { RawDocument, RawOperation } from './document.ts';
import {
  type Content,
  type Method,
  mentioned,
  methods,
  type Operation,
  type Parameter,
  type Reply,
  reached,
  type Schema,
} from './openapi.ts';
import { canonical } from './print.ts';

/** What one official document says about the operations in use. */
export interface Facts {
  version: string;
  operations: Record<string, Operation>;
  schemas: Record<string, Schema>;
  /** Path -> methods, of every route of the document. */
  routes: Record<string, Method[]>;
}

export interface Place {
  method: Method;
  path: string;
}

/** Takes the facts out of a document: the operations at `places`, named as there, the schemas they reach, and every route. */
export function factsOf(raw: RawDocument, places: ReadonlyMap<string, Place>): Facts {
  const operations: Record<string, Operation> = {};
  for (const [id, { method, path }] of places) {
    const found = raw.paths[path]?.[method];
    if (found === undefined) throw new Error(`no ${method} ${path} in the document`);
    operations[id] = operationFacts({ method, path }, found as RawOperation);
  }
  const all: Record<string, Schema> = {};
  for (const [name, schema] of Object.entries(raw.components.schemas)) all[name] = schemaFacts(schema);
  const names = [...reached(mentioned(operations), all)].sort();
  const missing = names.filter((name) => all[name] === undefined);
  if (missing.length > 0) throw new Error(`the document mentions schemas it does not have: ${missing.join(', ')}`);
  const schemas = Object.fromEntries(names.map((name) => [name, all[name] ?? {}]));
  return canonical({ version: raw.info.version, operations, schemas, routes: routesOf(raw) });
}

/** Every route of a document. */
export function routesOf(raw: RawDocument): Record<string, Method[]> {
  const routes: Record<string, Method[]> = {};
  for (const [path, item] of Object.entries(raw.paths)) {
    const served = methods.filter((method) => item[method] !== undefined);
    if (served.length > 0) routes[path] = served;
  }
  return routes;
}

function operationFacts(place: Place, raw: RawOperation): Operation {
  const operation: Operation = { ...place, parameters: (raw.parameters ?? []).map(parameterFacts).sort(byPlaceAndName), responses: {} };
  if (raw.requestBody) {
    operation.requestBody = { content: contentFacts(raw.requestBody.content) };
    if (raw.requestBody.required) operation.requestBody.required = true;
  }
  for (const [status, reply] of Object.entries(raw.responses ?? {})) {
    if (status.startsWith('2')) operation.responses[status] = replyFacts(reply.content);
  }
  return operation;
}

const byPlaceAndName = (a: Parameter, b: Parameter): number => (`${a.in} ${a.name}` < `${b.in} ${b.name}` ? -1 : 1);

function parameterFacts(raw: { name: string; in: string; required?: unknown; schema?: unknown }): Parameter {
  const parameter: Parameter = { name: raw.name, in: raw.in, schema: schemaFacts(raw.schema) };
  if (raw.required === true) parameter.required = true;
  return parameter;
}

function replyFacts(content: Record<string, { schema?: unknown }> | undefined): Reply {
  return content && Object.keys(content).length > 0 ? { content: contentFacts(content) } : {};
}

function contentFacts(content: Record<string, { schema?: unknown }>): Content {
  return Object.fromEntries(
    Object.entries(content).map(([type, { schema }]) => [type, schema === undefined ? {} : { schema: schemaFacts(schema) }]),
  );
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A schema without prose, samples and bounds: only what decides a type. */
export function schemaFacts(raw: unknown): Schema {
  const schema: Schema = {};
  if (!isRecord(raw)) return schema;
  if (typeof raw.$ref === 'string') schema.$ref = raw.$ref;
  if (typeof raw.type === 'string') schema.type = raw.type;
  if (typeof raw.format === 'string') schema.format = raw.format;
  if (Array.isArray(raw.enum)) schema.enum = [...raw.enum].sort();
  if (raw.default !== undefined) schema.default = raw.default;
  if (raw.nullable === true) schema.nullable = true;
  if (Array.isArray(raw.required)) schema.required = raw.required.filter((name) => typeof name === 'string').sort();
  if (isRecord(raw.properties))
    schema.properties = Object.fromEntries(Object.entries(raw.properties).map(([name, inner]) => [name, schemaFacts(inner)]));
  if (typeof raw.additionalProperties === 'boolean') schema.additionalProperties = raw.additionalProperties;
  else if (isRecord(raw.additionalProperties)) schema.additionalProperties = schemaFacts(raw.additionalProperties);
  if (isRecord(raw.items)) schema.items = schemaFacts(raw.items);
  for (const key of ['allOf', 'oneOf', 'anyOf'] as const) {
    const parts = raw[key];
    if (Array.isArray(parts)) schema[key] = parts.map(schemaFacts);
  }
  return schema;
}
