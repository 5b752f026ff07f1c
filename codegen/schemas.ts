import type { Operation, Parameter, Schema } from './openapi.ts';
import type { Document } from './unite.ts';

/** Every operation of a document. */
export function operationsOf(document: Document): Operation[] {
  return Object.values(document.operations);
}

/** Every parameter of a name. */
export function parametersNamed(document: Document, name: string): Parameter[] {
  return operationsOf(document).flatMap(({ parameters }) => parameters.filter((parameter) => parameter.name === name));
}

/** Visits every schema of a document, inner ones too, with the name of the field it is declared at, if it is one. */
export function everySchema(document: Document, visit: (schema: Schema, field?: string) => void): void {
  const into = (schema: Schema, field?: string): void => {
    visit(schema, field);
    for (const [name, inner] of Object.entries(schema.properties ?? {})) into(inner, name);
    for (const inner of [...(schema.allOf ?? []), ...(schema.oneOf ?? []), ...(schema.anyOf ?? [])]) into(inner);
    if (schema.items) into(schema.items);
    if (typeof schema.additionalProperties === 'object') into(schema.additionalProperties);
  };
  for (const schema of Object.values(document.schemas)) into(schema);
  for (const { parameters, requestBody, responses } of operationsOf(document)) {
    for (const { schema } of parameters) into(schema);
    for (const body of [requestBody, ...Object.values(responses)]) {
      for (const { schema } of Object.values(body?.content ?? {})) if (schema) into(schema);
    }
  }
}

/** Takes a field out of a schema and, where it composes others, out of its own part. Says whether it was there. */
export function dropField(schema: Schema | undefined, name: string): boolean {
  if (!schema) return false;
  let dropped = dropRequired(schema, name);
  if (schema.properties?.[name]) {
    delete schema.properties[name];
    dropped = true;
  }
  return dropped;
}

/** Makes a field optional. Says whether it was required. */
export function dropRequired(schema: Schema | undefined, name: string): boolean {
  if (!schema?.required?.includes(name)) return false;
  schema.required = schema.required.filter((field) => field !== name);
  if (schema.required.length === 0) delete schema.required;
  return true;
}

/** Makes a schema another one, in place, keeping that it may be null. */
export function become(schema: Schema, other: Schema): void {
  const { nullable } = schema;
  for (const key of Object.keys(schema) as (keyof Schema)[]) delete schema[key];
  Object.assign(schema, structuredClone(other), nullable && { nullable });
}
