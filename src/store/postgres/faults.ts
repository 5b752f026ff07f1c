import { DatabaseError } from 'pg';
import { PublicError } from '../../errors.ts';
import { unavailable } from '../engine.ts';

/** What a statement, or the way to the server, came to. */
export class Fault {
  readonly error: unknown;
  /** Whether the transaction may have been committed all the same. */
  readonly committing: boolean;

  constructor(error: unknown, committing = false) {
    this.error = error;
    this.committing = committing;
  }
}

/** The five characters that PostgreSQL gives each kind of error; undefined for what the network or the driver says. */
export const sqlState = (error: unknown): string | undefined => (error instanceof DatabaseError ? error.code : undefined);

/** A newer replica has added a column since the connection's statements were parsed: a fresh connection parses them anew. */
const isStale = (error: unknown): boolean => error instanceof DatabaseError && error.routine === 'RevalidateCachedQuery';

/** Whether the connection is of no more use: the server did not answer, or ends it, or it has to be a fresh one. */
export const isBroken = (error: unknown): boolean => isStale(error) || /^(undefined|08...|57P0.)$/.test(String(sqlState(error)));

/**
 * Whether the same again may go well in a moment: nothing was committed, and the server is restarting, has too many connections, or chose
 * this transaction to end a deadlock.
 */
export const isPassing = ({ error, committing }: Fault): boolean => {
  const state = sqlState(error);
  if (state === undefined || isStale(error)) return !committing;
  return /^40/.test(state) || (!committing && /^(08...|57P0.|53300)$/.test(state));
};

/** Complaints about our statements are defects; everything else is a condition of the server or of the way to it. */
export const storeError = (fault: Fault): PublicError =>
  /^(0A|2[1236]|34|42)/.test(sqlState(fault.error) ?? '')
    ? new PublicError('internal', 'Something went wrong inside this server. The log has the details; trying again may help.', fault.error)
    : unavailable(fault.error);
