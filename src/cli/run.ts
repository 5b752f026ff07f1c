import { parseArgs } from 'node:util';
import { type Config, readConfig } from '../config.ts';
import { PublicError } from '../errors.ts';
import { createLog } from '../log.ts';
import { version } from '../version.ts';
import { help } from './help.ts';
import { serveStdio } from './serve-stdio.ts';

const ok = 0;
const failed = 1;
const wrongUsage = 2;

/** Runs the program. @returns its exit code: 0, 1 failed, 2 wrong usage */
export const run = async (args: readonly string[]): Promise<number> => {
  let options: { help?: boolean; version?: boolean; stdio?: boolean; 'env-file'?: string };
  try {
    options = parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean' },
        stdio: { type: 'boolean' },
        'env-file': { type: 'string' },
      },
    }).values;
  } catch (error) {
    return complain(`${(error as Error).message}\n\n${help()}`, wrongUsage);
  }
  if (options.help) return print(help());
  if (options.version) return print(version);
  let config: Config;
  try {
    config = readConfig({ ...process.env, ...(options.stdio && { KESTRA_MCP_TRANSPORT: 'stdio' }) }, options['env-file']);
  } catch (error) {
    if (error instanceof PublicError) return complain(`The settings can't be used:\n${error.message}`, wrongUsage);
    throw error;
  }
  const log = createLog(config.logLevel);
  for (const warning of config.warnings) log.warn(warning);
  try {
    await serveStdio(config, log);
    return ok;
  } catch (error) {
    log.error({ err: error }, 'stopped');
    return failed;
  }
};

const print = (text: string): number => {
  process.stdout.write(`${text}\n`);
  return ok;
};

const complain = (text: string, code: number): number => {
  process.stderr.write(`${text}\n`);
  return code;
};
