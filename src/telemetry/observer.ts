import type { CallRecord } from './records.ts';

/** Who is told what happens, to count it. Labels are of fixed sets: never a user, a namespace or a name that somebody made up. */
export interface Observer {
  /** A tools/call was decided and has ended. */
  call(record: CallRecord): void;
  /** Kestra answered an operation with a status, or did not (`kestra_timeout` …), or was not asked (`not_sent`). */
  kestra(operation: string, outcome: string, ms: number): void;
  /** A sign-in ended: `ok`, `denied` by the person, or why not. */
  signIn(result: string): void;
  /** The token endpoint answered: `ok`, or the error code of RFC 6749. */
  token(grant: 'authorization_code' | 'refresh_token' | 'other', result: string): void;
  /** The store did something, or failed with a code. */
  store(operation: string, ms: number, problem?: string): void;
}

export const nobody: Observer = {
  call: () => undefined,
  kestra: () => undefined,
  signIn: () => undefined,
  token: () => undefined,
  store: () => undefined,
};
