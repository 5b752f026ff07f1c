import type { Request } from 'express';
import { type EndpointDeps, originOf } from './deps.ts';
import type { Ending } from './sign-in-ending.ts';

/** Writes down that a sign-in that was under way came to nothing: of a client's, or at the account page. */
export const signInFailed =
  ({ store, observer, log }: Pick<EndpointDeps, 'store' | 'observer' | 'log'>) =>
  async (request: Request, { error, detail }: Ending, clientId?: string): Promise<void> => {
    const origin = originOf(request);
    log.warn({ client: clientId ?? 'account', request_id: origin.requestId, error, err: detail }, 'sign-in failed');
    observer.signIn(error);
    const event = { kind: 'sign_in_failed', ...(clientId !== undefined && { clientId }), detail: { reason: error } };
    // The store may be what failed.
    await store.recordEvent(event, origin).catch(() => undefined);
  };
