import type { Config } from '../config.ts';
import type { Log } from '../log.ts';

export const exitCode = { ok: 0, failed: 1, wrongUsage: 2 } as const;

interface About {
  readonly name: string;
  /** Its arguments, as `--help` shows them. */
  readonly usage: string;
  readonly about: string;
  /** How many arguments it takes, neither more nor fewer. */
  readonly arguments: number;
}

type Print = (line: string) => void;

/** One of the program's commands. `run` gives the exit code. */
export interface Command extends About {
  readonly standalone?: false;
  readonly run: (args: readonly string[], parts: { config: Config; log: Log; print: Print }) => Promise<number>;
}

/** A command that needs no settings. */
export interface StandaloneCommand extends About {
  readonly standalone: true;
  readonly run: (args: readonly string[], parts: { print: Print }) => Promise<number>;
}
