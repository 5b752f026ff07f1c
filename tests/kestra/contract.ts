import type { components as Components13, operations as Operations13 } from '../../src/kestra/generated/schema-1.3.d.ts';
import type { components as Components20, operations as Operations20 } from '../../src/kestra/generated/schema-2.0.d.ts';

/** A schema of 2.0. */
export type Schema<Name extends keyof Components20['schemas']> = Components20['schemas'][Name];
/** A schema of 1.3. */
export type OldSchema<Name extends keyof Components13['schemas']> = Components13['schemas'][Name];

type Content<Reply> = Reply extends { content: infer Types } ? Types[keyof Types] : never;
type Good<Operation> = Operation extends { responses: { 200: infer Reply } } ? Content<Reply> : never;
type Old<Id> = Id extends keyof Operations13 ? Good<Operations13[Id]> : never;

/** What the contracts say that an operation answers, on either line. */
export type Reply<Id extends keyof Operations20> = Good<Operations20[Id]> | Old<Id>;

/** The answer of an operation, held to the contract. */
export function reply<Id extends keyof Operations20>(body: Reply<Id>, type = 'application/json'): Response {
  return new Response(JSON.stringify(body), { status: 200, headers: { 'content-type': type } });
}
