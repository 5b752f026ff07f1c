import type { OperationRequestBodyContent, RequiredKeysOf, SuccessResponse } from 'openapi-typescript-helpers';
import type { operations } from './generated/schema-2.0.d.ts';

/** Kestra 2.0's operationId: the name of what a caller wants, whatever route this server has for it. */
export type OperationId = keyof operations;

type Part<T, K extends string> = K extends keyof T ? NonNullable<T[K]> : never;
type Slot<K extends string, T> = [T] extends [never]
  ? { readonly [P in K]?: never }
  : RequiredKeysOf<T> extends never
    ? { readonly [P in K]?: T }
    : { readonly [P in K]: T };
type BodySlot<B> = [B] extends [never] ? { readonly body?: never } : undefined extends B ? { readonly body?: B } : { readonly body: B };

/** The path, query, header and body of an operation of some contract. The tenant is the session's and can't be named. */
export type CallOf<O, P = Part<O, 'parameters'>> = Slot<'path', Omit<Part<P, 'path'>, 'tenant'>> &
  Slot<'query', Part<P, 'query'>> &
  Slot<'header', Part<P, 'header'>> &
  BodySlot<OperationRequestBodyContent<O>>;

/** What an operation of some contract answers when it succeeds. */
export type ReplyOf<O> = O extends { responses: infer R extends Record<number, unknown> } ? SuccessResponse<R> : never;

/** What a caller must supply to an operation, whatever the server. */
export type Call<Id extends OperationId> = CallOf<operations[Id]>;

/** What a caller gets from an operation, whatever the server. */
export type Reply<Id extends OperationId> = ReplyOf<operations[Id]>;

/** TypeScript lets unknown keys through in a returned literal; this turns them into errors, at every depth. */
export type Exact<C, W> = C extends string | number | boolean | null | undefined | Blob | readonly unknown[]
  ? C
  : unknown extends W
    ? C
    : { [K in keyof C]: K extends KeysOf<W> ? Exact<C[K], Get<W, K>> : never };
type KeysOf<W> = W extends unknown ? keyof W : never;
type Get<W, K> = W extends unknown ? (K extends keyof W ? NonNullable<W[K]> : never) : never;

/**
 * Calls one operation with one caller's credential.
 * @throws PublicError with one of the `kestra_…` codes, `not_found`, `conflict` or `not_on_this_server`
 */
export type Invoke<Ids extends OperationId = OperationId> = <Id extends Ids>(id: Id, call: Call<Id>) => Promise<Reply<Id>>;
