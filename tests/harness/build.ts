import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** The file to run with Node: the program as it is shipped. */
    program: string;
  }
}

/**
 * Builds the program once, in a folder of its own, so that two runs side by side do not take it from each other. Whatever the tests put into
 * the temporary folder lies in one folder there, which is gone with the run.
 */
export const setup = async (project: TestProject): Promise<() => Promise<void>> => {
  const folder = await mkdtemp(join(project.config.root, 'node_modules', '.program-'));
  await promisify(execFile)('npm', ['run', 'build', '--', '--out-dir', folder, '--log-level', 'error'], { cwd: project.config.root });
  project.provide('program', join(folder, 'main.mjs'));
  const temporary = await mkdtemp(join(tmpdir(), 'kestra-mcp-tests-'));
  process.env.TMPDIR = temporary;
  return async () => {
    await Promise.all([folder, temporary].map((path) => rm(path, { recursive: true, force: true })));
  };
};
