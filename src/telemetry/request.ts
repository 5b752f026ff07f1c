import { randomBytes } from 'node:crypto';
import type { TraceContext } from './trace-context.ts';

/** One request of a client. */
export interface RequestContext {
  /** By which the log, the audit and the client's error can be found for one another. Never taken from the request. */
  readonly id: string;
  /** The OAuth client; absent where nobody signs in. */
  readonly clientId?: string;
  readonly trace?: TraceContext;
}

/** Twelve letters: short enough for a model to repeat, and not met twice. */
export const newRequestId = (): string => randomBytes(9).toString('base64url');
