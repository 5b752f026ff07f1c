import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cache } from '../harness/cache.ts';

export type Revision = '2025-11-25' | '2026-07-28';
export const revisions: readonly Revision[] = ['2025-11-25', '2026-07-28'];

/** One thing that the suite looked at. */
export interface Check {
  readonly scenario: string;
  readonly id: string;
  readonly status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO';
  readonly errorMessage?: string;
}

export interface Report {
  readonly exitCode: number;
  readonly output: string;
  readonly checks: readonly Check[];
}

const folder = join(cache, 'conformance', 'node_modules');
const [node, suite] = [join(folder, '.bin', 'node'), join(folder, '@modelcontextprotocol', 'conformance', 'dist', 'index.js')];

/**
 * Runs the official suite, with the newer Node that it needs, and reads what it found.
 * @param onOutput is given what it prints as it comes
 */
export const conformance = async (args: readonly string[], onOutput?: (text: string) => void): Promise<Report> => {
  if (!existsSync(suite)) throw new Error('The conformance suite is not there: run tests/conformance/install');
  const results = await mkdtemp(join(tmpdir(), 'kestra-mcp-conformance-'));
  try {
    const { exitCode, output } = await new Promise<{ exitCode: number; output: string }>((resolve) => {
      const child = execFile(node, [suite, ...args, '-o', results], { maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
        resolve({ exitCode: error ? Number(error.code ?? 1) : 0, output: stdout + stderr }),
      );
      if (onOutput) child.stdout?.on('data', onOutput);
    });
    return { exitCode, output, checks: await checksIn(results) };
  } finally {
    await rm(results, { recursive: true, force: true });
  }
};

/** The suite writes a folder for each scenario: what it is, its name and when it ran. */
const checksIn = async (results: string): Promise<Check[]> => {
  const found: Check[] = [];
  for (const name of (await readdir(results)).sort()) {
    const scenario = name.replace(/^(server|authorization-server)-/, '').replace(/-\d{4}-\d\d-\d\dT.*$/, '');
    for (const check of JSON.parse(await readFile(join(results, name, 'checks.json'), 'utf8'))) found.push({ ...check, scenario });
  }
  return found;
};

const named = ({ scenario, id }: Check): string => `${scenario}:${id}`;

/** What is not as it should be, each with what the suite says about it. Warnings count: they are what a server SHOULD do. */
export const failures = (checks: readonly Check[]): Record<string, string> =>
  Object.fromEntries(
    checks
      .filter(({ status }) => status === 'FAILURE' || status === 'WARNING')
      .map((check) => [named(check), check.errorMessage ?? check.status]),
  );
