/** How one tools/call was decided and how it ended: one for each. Never arguments but those that say what it touched, never answers. */
export interface CallRecord {
  readonly request: string;
  /** The trace that it was part of. */
  readonly trace?: string;
  readonly user: string;
  /** The OAuth client. */
  readonly clientId?: string;
  /** The client's own name for itself. */
  readonly client: string;
  /** `unknown` for whatever is no tool. */
  readonly tool: string;
  readonly target: CallTarget;
  /** Whether this server let it through to Kestra. */
  readonly decision: 'allowed' | 'denied';
  /** `ok`, or the code of the error. */
  readonly code: string;
  readonly upstream: readonly UpstreamCall[];
  readonly ms: number;
}

export interface CallTarget {
  readonly namespace?: string;
  readonly flow?: string;
  readonly execution?: string;
  readonly app?: string;
}

export interface UpstreamCall {
  /** The operationId. */
  readonly operation: string;
  /** Absent: no answer. */
  readonly status: number | undefined;
}

/** What else was decided: a sign-in, a consent, a refresh token that came twice, a revocation, a credential. As the store keeps it. */
export interface EventRecord {
  readonly kind: string;
  readonly user?: { readonly issuer: string; readonly subject: string };
  readonly clientId?: string;
  readonly grantId?: string;
  readonly address?: string;
  readonly requestId?: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}
