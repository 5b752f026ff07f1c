import type { Contract } from './contract.ts';
import { methods, type Operation, shapeOf } from './openapi.ts';
import { type Elsewhere, type Patches, reference } from './patch.ts';
import { banner } from './types.ts';
import type { Document } from './unite.ts';

/** The table that says at which route each line serves an operation, and every route of each line. */
export function routesTable(contracts: readonly Contract[], documents: readonly Document[], patches: Patches): string {
  const lines = documents.map(({ line }) => line);
  const ids = [...new Set(documents.flatMap(({ operations }) => Object.keys(operations)))].sort();
  const home = documents.find(({ line }) => line === reference);
  const table = ids.map((id) => {
    const rows = documents
      .filter(({ operations }) => operations[id])
      .map((document) => `    '${document.line}': ${literal(route(id, document, home, patches))},`);
    return `  ${id}: {\n${rows.join('\n')}\n  },`;
  });
  const every = contracts.map(
    (contract) =>
      `  '${contract.line}': [\n${everyRoute(contract, patches.elsewhere)
        .map((entry) => `    '${entry}',`)
        .join('\n')}\n  ],`,
  );
  const imports = lines.map((line) => `import type { operations as ${alias(line)} } from './schema-${line}.d.ts';`);
  return `${banner}
${imports.join('\n')}

export const lines = [${lines.map((line) => `'${line}'`).join(', ')}] as const;
export type Line = (typeof lines)[number];

export interface Route {
  method: 'get' | 'post' | 'put' | 'delete' | 'patch';
  path: string;
  /** The media type to send. */
  body?: string;
  /** The media type to expect; none where the reply is empty. */
  reply?: string;
  /** Only the Enterprise Edition serves it. */
  edition?: 'ee';
  /** Another path, for servers of this line that answer 404 or 405 at \`path\`. */
  elsewhere?: string;
}

/** Where each line serves an operation; a line that is missing lacks it. */
export const routes: { readonly [Id in ${lines.map((line) => `keyof ${alias(line)}`).join(' | ')}]: { readonly [L in Line]?: Route } } = {
${table.join('\n')}
};

/** Every route of a line, those of no tool included. */
export const everyRoute: Readonly<Record<Line, readonly string[]>> = {
${every.join('\n')}
};
`;
}

const alias = (line: string): string => `Operations${line.replace(/\W/g, '_')}`;

function literal(value: object): string {
  const fields = Object.entries(value).map(([key, inner]) => `${key}: '${inner}'`);
  return `{ ${fields.join(', ')} }`;
}

function route(id: string, { line, editions, operations }: Document, home: Document | undefined, patches: Patches): Record<string, string> {
  const operation = operations[id];
  if (!operation) throw new Error(`no ${id} in ${line}`);
  const { method, path } = operation;
  // Of a line of which one edition's document was read, only the reference line can say it.
  const edition = operation.edition ?? (editions.length === 1 ? home?.operations[id]?.edition : undefined);
  const body = only(id, line, 'body', Object.keys(operation.requestBody?.content ?? {}));
  const reply = only(id, line, 'reply', replyTypes(operation));
  const listed = patches.elsewhere.find((entry) => entry.operation === id && entry.line === line);
  const elsewhere = listed?.paths.find((other) => other !== path);
  return { method, path, ...(body && { body }), ...(reply && { reply }), ...(edition && { edition }), ...(elsewhere && { elsewhere }) };
}

function replyTypes({ responses }: Operation): string[] {
  return [...new Set(Object.values(responses).flatMap(({ content }) => Object.keys(content ?? {})))];
}

function only(id: string, line: string, what: string, types: readonly string[]): string | undefined {
  if (types.length > 1) throw new Error(`${id}: the ${what} may be ${types.join(' or ')} in ${line}; choose one in patches.ts`);
  return types[0];
}

function everyRoute(contract: Contract, elsewhere: readonly Elsewhere[]): string[] {
  const all = new Map<string, string>();
  const add = (method: string, path: string): void => {
    if (!all.has(shapeOf(method, path))) all.set(shapeOf(method, path), `${method.toUpperCase()} ${path}`);
  };
  for (const path of Object.keys(contract.routes).sort())
    for (const method of methods) if (contract.routes[path]?.[method]) add(method, path);
  for (const { operation, line, paths } of elsewhere) {
    const told = contract.operations[operation];
    const method = (told?.both ?? told?.ee ?? told?.oss)?.method;
    if (line === contract.line && method) for (const path of paths) add(method, path);
  }
  return [...all.values()].sort();
}
