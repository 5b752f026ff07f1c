import type { Request, Response } from 'express';
import { Busy } from '../errors.ts';
import type { Admission, Kind } from './admission.ts';
import { refuseRpc } from './refusal.ts';

/**
 * Waits until it is the turn of a request, whose places are free again when its answer is out or given up.
 * @returns undefined when its turn has come; else why it never will: it was refused with 429, or nobody waits for it any more
 */
export const takeTurn = async (
  admission: Admission,
  { request, response, user, kind, calls }: { request: Request; response: Response; user: string; kind: Kind; calls: number },
): Promise<'busy' | 'cancelled' | undefined> => {
  const gone = new AbortController();
  const leaves = () => gone.abort();
  response.once('close', leaves);
  try {
    const leave = await admission.enter(user, kind, calls, gone.signal);
    response.off('close', leaves);
    if (response.closed || response.writableEnded) {
      leave();
      return 'cancelled';
    }
    response.once('close', leave);
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof Busy)) throw thrown;
    if (gone.signal.aborted || response.writableEnded) return 'cancelled';
    refuseRpc(request, response, { status: 429, message: thrown.message, headers: { 'Retry-After': String(thrown.retryAfter) } });
    return 'busy';
  }
};
