import type { Session } from '../access/session.ts';
import type { Answer } from '../tools/answer.ts';
import type { Tool } from '../tools/tool.ts';
import type { Handler } from './pipeline.ts';

/** Who sends a request that is no tools/call, and how long they wait. */
export interface Asker {
  readonly client: string;
  readonly signal: AbortSignal;
}

/** What a request handler is told of the request. */
export interface Asking {
  readonly mcpReq: { readonly envelope?: unknown; readonly signal: AbortSignal };
}

/** Asks a tool for what a resource, a prompt or a completion shows: through the same layers as a call of the caller's own. */
export type Ask = (tool: Tool, args: Readonly<Record<string, unknown>>, asker: Asker) => Promise<{ answer: Answer; failed: boolean }>;

export const asking =
  (handle: Handler, session: Session, stopping?: AbortSignal): Ask =>
  (tool, args, { client, signal }) =>
    handle({ tool, args, session, client, signal, trace: { upstream: [] }, stopping });
