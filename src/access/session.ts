import type { KestraCredential } from '../config.ts';
import type { Grant } from './grant.ts';

/** Who is calling, and what makes the server believe it. */
export interface Principal {
  /** Unique and stable: for audit and limits. */
  readonly key: string;
  /** For people to read. */
  readonly name: string;
  /** How the caller was recognised, in words. */
  readonly signedInBy: string;
  readonly roles: readonly { readonly name: string; readonly from: string }[];
  readonly grants: readonly Grant[];
  /** What the caller should know about them. */
  readonly notes?: readonly string[];
}

/** How this caller gets a Kestra credential into this server: never through the chat. By nobody = one credential serves everybody. */
export type Registration =
  | { readonly by: 'environment'; readonly variables: readonly string[] }
  | { readonly by: 'page'; readonly url: string }
  | { readonly by: 'administrator' }
  | { readonly by: 'nobody' };

/** The port through which the layers and the account tools reach who the caller is and what credential is used for them. */
export interface Session {
  readonly principal: Principal;
  readonly registration: Registration;
  /** The OAuth scopes of the caller's token, where there is one. */
  readonly scopes?: readonly string[];
  /** The caller's own Kestra credential, or none. */
  credential(): Promise<KestraCredential | undefined>;
  /** Stores one for the caller after Kestra has accepted it; absent where nobody stores any. @throws PublicError why nothing was stored */
  register?(credential: KestraCredential): Promise<void>;
  /**
   * Takes a key for a minute, among all replicas; absent where this process is the only one.
   * @returns gives it back; undefined: somebody else has taken it
   */
  claim?(key: string): Promise<(() => Promise<void>) | undefined>;
}
