import type { Grant, Reach } from '../../access/grant.ts';
import type { KestraCredential } from '../../config.ts';
import type { Registrar } from './registrar.ts';

export type Edition = 'OSS' | 'EE';

/** What Kestra says of itself, as far as it does. */
export interface AboutKestra {
  readonly edition?: Edition;
  /** Its address in a browser. */
  readonly uiUrl?: string;
}

/** The Kestra that credentials are for. */
export interface KestraAtHand {
  /** Within two seconds, or with nothing in it. @param credential for a Kestra that tells only those it knows */
  about(credential?: KestraCredential): Promise<AboutKestra>;
  /** @throws PublicError why Kestra does not accept it, or that it can't be asked */
  check(credential: KestraCredential): Promise<void>;
}

/** A tool, and where somebody may use it. */
export interface ToolSeen {
  readonly name: string;
  readonly title: string;
  readonly where: Reach;
  /** What it needs that they lack, in words; for tools that they may use nowhere. */
  readonly lacking?: string;
}

/** What the account page needs of the rest of the house. */
export interface AccountPorts {
  /** Absent: one credential serves everybody. */
  readonly registrar?: Registrar;
  /** In which claims the provider says somebody's roles and groups. */
  readonly claimNames: { readonly roles: string; readonly groups: string };
  /** Those that a Kestra of this edition has. */
  readonly tools: (edition: Edition | undefined, grants: readonly Grant[]) => readonly ToolSeen[];
}
