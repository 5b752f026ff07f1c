import { KestraError } from './failure.ts';
import type { operations as operations13 } from './generated/schema-1.3.d.ts';
import type { Call, CallOf, OperationId, Reply, ReplyOf } from './operation.ts';

export type OldId = keyof operations13;

export interface Wire {
  readonly path?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

/** How an older line does what a 2.x operation does, where the route is not the only difference. */
export interface Translation {
  /** The operation of the older line; the same one unless that line does it with another. */
  readonly operation: OldId;
  readonly call: (call: Wire, tenant: string) => Wire;
  readonly reply: (reply: unknown, call: Wire) => unknown;
}

/** Holds a translation against both contracts; afterwards only the shape that all share is known. */
export const translate = <Id extends OperationId, Old extends OldId>(translation: {
  operation: Old;
  call: (call: Call<Id>, tenant: string) => CallOf<operations13[Old]>;
  reply: (reply: ReplyOf<operations13[Old]>, call: Call<Id>) => Reply<Id>;
}): Translation => translation as unknown as Translation;

export type Page = { readonly page?: number; readonly size?: number };
export const page = ({ page, size }: Page = {}): Page => ({ page, size });

/** A filter's single value: the older dialect has flat parameters. */
export const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** The filters go along in the newer form too: a server that was upgraded a moment ago ignores the flat one and would list everything. */
export const newer = <Q extends { filters?: unknown }>(query: Q | undefined): Pick<Q, 'filters'> => ({ filters: query?.filters });

/** An answer that only a newer server gives. Without a status, so that the version is asked again. */
export const upgraded = (): never => {
  throw new KestraError('not_on_this_server', 'Kestra answers differently. Its version may have changed a moment ago: try once more.', {
    mayHaveArrived: true,
  });
};
