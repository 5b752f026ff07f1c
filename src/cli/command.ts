import type { Config } from '../config.ts';
import type { Log } from '../log.ts';

export const exitCode = { ok: 0, failed: 1, wrongUsage: 2 } as const;

/** One of the program's commands. */
export interface Command {
  readonly name: string;
  /** Its arguments, as `--help` shows them. */
  readonly usage: string;
  readonly about: string;
  /** @returns the exit code */
  readonly run: (args: readonly string[], parts: { config: Config; log: Log; print: (line: string) => void }) => Promise<number>;
}
