import { PublicError } from '../../errors.ts';
import type { Layer } from '../pipeline.ts';

/** What the user was asked about and did not agree to is not done, and the audit says so. */
export const consent = (): Layer => (next) => async (call) => {
  const said = await call.consent?.();
  if (said === 'stale') throw new PublicError('invalid_state', 'Invalid or expired requestState');
  if (said === 'declined')
    throw new PublicError('declined', 'The user was asked, and did not agree: nothing was done. Do not ask for it again unless they do.');
  return next(call);
};
