/** The part of OpenAPI 3.0 that Kestra's documents use and the contracts keep. */

export const methods = ['get', 'post', 'put', 'delete', 'patch'] as const;
export type Method = (typeof methods)[number];

export const editions = ['ee', 'oss'] as const;
export type Edition = (typeof editions)[number];

export interface Schema {
  $ref?: string;
  type?: string;
  format?: string;
  enum?: unknown[];
  default?: unknown;
  nullable?: boolean;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema;
  allOf?: Schema[];
  oneOf?: Schema[];
  anyOf?: Schema[];
}

export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  schema: Schema;
}

/** Media type -> what a body of that type holds. */
export type Content = Record<string, { schema?: Schema }>;

export interface Body {
  required?: boolean;
  content: Content;
}

export interface Reply {
  content?: Content;
}

/** An operation with the place it is served at. */
export interface Operation {
  method: Method;
  path: string;
  parameters: Parameter[];
  requestBody?: Body;
  /** Status -> reply; successes only, since Kestra hardly declares its errors. */
  responses: Record<string, Reply>;
}

/** `get /a/{x}` and `get /a/{y}` are one route: parameter names do not count. */
export function shapeOf(method: string, path: string): string {
  return `${method} ${path.replace(/\{[^}]*\}/g, '{}')}`;
}

const prefix = '#/components/schemas/';

/** The name a `$ref` points at. */
export function nameOf(ref: string): string {
  return ref.slice(prefix.length);
}

export function refTo(name: string): Schema {
  return { $ref: prefix + name };
}

/** Every schema name mentioned in a value, at any depth. */
export function mentioned(value: unknown, names = new Set<string>()): Set<string> {
  if (typeof value !== 'object' || value === null) return names;
  for (const [key, inner] of Object.entries(value)) {
    if (key === '$ref' && typeof inner === 'string') names.add(nameOf(inner));
    else mentioned(inner, names);
  }
  return names;
}

/** The schemas that `roots` reach, themselves included when they are names. */
export function reached<S>(roots: Iterable<string>, schemas: Record<string, S>): Set<string> {
  const seen = new Set<string>();
  const todo = [...roots];
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    todo.push(...mentioned(schemas[name]));
  }
  return seen;
}
