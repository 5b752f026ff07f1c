import { parseArgs } from 'node:util';
import { type Config, readConfig } from '../config.ts';
import { asPublicError, PublicError } from '../errors.ts';
import { createLog } from '../log.ts';
import { version } from '../version.ts';
import { check } from './check.ts';
import { type Command, exitCode } from './command.ts';
import { help } from './help.ts';
import { serve } from './serve.ts';

const commands: readonly Command[] = [serve, check];

/** Runs the program. @returns its exit code: 0, 1 failed, 2 wrong usage */
export const run = async (argv: readonly string[]): Promise<number> => {
  let options: { help?: boolean; version?: boolean; stdio?: boolean; 'env-file'?: string };
  let words: string[];
  try {
    ({ values: options, positionals: words } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean' },
        stdio: { type: 'boolean' },
        'env-file': { type: 'string' },
      },
    }));
  } catch (error) {
    return complain(`${(error as Error).message}\n\n${help(commands)}`);
  }
  if (options.help) return print(help(commands));
  if (options.version) return print(version);
  const [name = serve.name, ...args] = words;
  const command = commands.find((known) => known.name === name);
  if (!command) return complain(`There is no command ${name}.\n\n${help(commands)}`);
  let config: Config;
  try {
    config = readConfig({ ...process.env, ...(options.stdio && { KESTRA_MCP_TRANSPORT: 'stdio' }) }, options['env-file']);
  } catch (error) {
    if (error instanceof PublicError) return complain(`The settings can't be used:\n${error.message}`);
    throw error;
  }
  const log = createLog(config.logLevel);
  // An unhandled rejection comes here too. What the process knows can't be trusted afterwards.
  process.on('uncaughtException', (error) => {
    log.error({ err: error }, 'failed');
    process.exit(exitCode.failed);
  });
  try {
    return await command.run(args, { config, log, print });
  } catch (error) {
    log.error({ err: error }, 'stopped');
    process.stderr.write(`${asPublicError(error).message}\n`);
    return exitCode.failed;
  }
};

const print = (text: string): number => {
  process.stdout.write(`${text}\n`);
  return exitCode.ok;
};

const complain = (text: string): number => {
  process.stderr.write(`${text}\n`);
  return exitCode.wrongUsage;
};
