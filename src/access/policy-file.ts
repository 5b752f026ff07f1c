import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { asPublicError, PublicError } from '../errors.ts';
import type { Log } from '../log.ts';
import { type Policy, parsePolicy } from './policy.ts';

/** A policy that follows its file. */
export interface PolicyFile extends Policy {
  /** Why the file as it stands is not used, and an earlier state of it is. */
  problem(): string | undefined;
  close(): void;
}

/**
 * Reads a policy file and then every two seconds looks at its content: a mounted ConfigMap is swapped under a link, which watchers of files
 * don't notice. A bad edit keeps the last good policy.
 * @throws PublicError `misconfigured` if the file can't be read or used at the start
 */
export const openPolicyFile = (path: string, log: Log, everyMs = 2000): PolicyFile => {
  let text = readAtStart(path);
  let policy = parsePolicy(text);
  let problem: string | undefined;

  const look = async (): Promise<void> => {
    try {
      const now = await readFile(path, 'utf8');
      if (now === text && problem === undefined) return;
      const parsed = parsePolicy(now);
      if (now !== text) log.info('the policy has changed and counts from now on');
      [text, policy, problem] = [now, parsed, undefined];
    } catch (thrown) {
      const why = thrown instanceof PublicError ? thrown.message : 'the policy file can not be read';
      if (why !== problem) log.error({ err: asPublicError(thrown) }, `the policy is not used as it stands, the last good one is: ${why}`);
      problem = why;
    }
  };
  const timer = setInterval(() => void look(), everyMs);
  timer.unref();

  return { grantsOf: (person) => policy.grantsOf(person), problem: () => problem, close: () => clearInterval(timer) };
};

const readAtStart = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new PublicError('misconfigured', `KESTRA_MCP_POLICY: the file can't be read (${(error as NodeJS.ErrnoException).code})`, error);
  }
};
