import type { Session } from '../access/session.ts';
import type { Invoke, OperationId } from '../kestra/operation.ts';
import type { RequestContext } from '../telemetry/request.ts';
import type { Span } from '../telemetry/tracer.ts';
import type { Answer } from '../tools/answer.ts';
import type { Context, Prepared, Target, Tool } from '../tools/tool.ts';

/** One tools/call on its way through the layers. */
export interface ToolCall {
  readonly tool: Tool;
  readonly args: unknown;
  readonly session: Session;
  /** The client's own name for itself, for the audit. */
  readonly client: string;
  /** What it came in: there from the outermost layer inwards, whoever calls. */
  readonly request?: RequestContext;
  /** What the client says beside the arguments. */
  readonly meta?: Readonly<Record<string, unknown>>;
  /** Its place in a trace: there from the outermost layer inwards. */
  readonly span?: Span;
  /** Aborted when the client cancels or goes away. */
  readonly signal: AbortSignal;
  readonly progress?: Context['progress'];
  /** There if the client brings its user's answer to a question; to be asked once. */
  readonly consent?: () => Promise<Consent>;
  /** Aborted when this program has been told to stop. */
  readonly stopping?: AbortSignal;
  /** Filled in on the way, for the audit. */
  readonly trace: Trace;
  /** The understood arguments: there from the authorize layer inwards. */
  readonly prepared?: Prepared;
  /** Holds every call to Kestra to the caller's grants: there from the authorize layer inwards. */
  readonly admit?: (invoke: Invoke) => Promise<Invoke>;
  /** Kestra, with the caller's credential and within the grants: there from the credential layer inwards. */
  readonly invoke?: Invoke;
}

/** What the user said to this very call. `stale`: the answer is to another question, or has been heard already. */
export type Consent = 'given' | 'declined' | 'stale';

/** What became of a call: what it touched, and what Kestra answered to what. */
export interface Trace {
  target?: Target;
  /** Whether this server let it through to the tool. */
  admitted?: boolean;
  readonly upstream: { readonly operation: OperationId; readonly status: number | undefined }[];
}

/** What the client gets. */
export interface ToolResult {
  readonly answer: Answer;
  readonly failed: boolean;
}

export type Handler = (call: ToolCall) => Promise<ToolResult>;

/** Something that happens around every call. */
export type Layer = (next: Handler) => Handler;

/** The first layer is the outermost. */
export const stack =
  (...layers: readonly Layer[]) =>
  (core: Handler): Handler =>
    layers.reduceRight((next, layer) => layer(next), core);
