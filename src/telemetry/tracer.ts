import { nextStep, type TraceContext, traceHeaders } from './trace-context.ts';

/** What a trace shows of a piece of work. Never arguments, never secrets. */
export type Attributes = Readonly<Record<string, string | number>>;

/** A piece of work in a trace. */
export interface Span {
  /** Absent outside of any trace. */
  readonly traceId?: string;
  /** The headers with which a request tells the next server of it (W3C Trace Context); none outside of any trace. */
  readonly headers: Readonly<Record<string, string>>;
  /** A request to another server, which is part of this work. */
  request(name: string): Span;
  /** @param problem the code of what went wrong, if it did */
  end(attributes: Attributes, problem?: string): void;
}

export interface Tracer {
  /** @param from where the caller is in a trace of theirs */
  begin(name: string, from: TraceContext | undefined): Span;
  /** Sends what is not sent yet. */
  close(): Promise<void>;
}

const outside: Span = { headers: {}, request: () => outside, end: () => undefined };

const passedOn = (context: TraceContext): Span => ({
  traceId: context.traceId,
  headers: traceHeaders(context),
  request: () => passedOn(nextStep(context)),
  end: () => undefined,
});

/** Records nothing, and passes on the traces of others. */
export const passingTracer: Tracer = {
  begin: (_, from) => (from ? passedOn(nextStep(from)) : outside),
  close: async () => undefined,
};
