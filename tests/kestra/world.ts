import type { Edition, Line, Version } from './dialect.ts';
import { lineOf } from './dialect.ts';
import type { State } from './state.ts';
import type { User } from './users.ts';

/** One pretended server: what it is and what it knows. */
export interface World {
  version: Version;
  readonly edition: Edition;
  readonly state: State;
  readonly users: User[];
  readonly plugins: readonly string[];
  /** Milliseconds between two steps of a running flow. */
  pace: number;
  /** Where it can be reached; known once it listens. */
  url: string;
}

/** The line of a world's version, which an upgrade changes. */
export function line(world: World): Line {
  return lineOf(world.version);
}
