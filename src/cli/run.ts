import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Config, readConfig } from '../config.ts';
import { asPublicError, PublicError } from '../errors.ts';
import { createLog } from '../log.ts';
import { version } from '../version.ts';
import { check } from './check.ts';
import { type Command, exitCode, type StandaloneCommand } from './command.ts';
import { addToken, listUsers, removeToken, revoke } from './credentials.ts';
import { help } from './help.ts';
import { importTokens } from './import-tokens.ts';
import { generateKey, rotateKeys } from './keys.ts';
import { serve } from './serve.ts';

const commands: readonly (Command | StandaloneCommand)[] = [
  serve,
  check,
  generateKey,
  addToken,
  removeToken,
  listUsers,
  revoke,
  rotateKeys,
  importTokens,
];

/**
 * Read from the working folder, but never over stdio: an IDE starts such servers in the folder that somebody has opened, and a hostile file
 * there could send the credential elsewhere.
 */
const usualFile = '.env';

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
  if (args.length !== command.arguments) return complain(`Usage: kestra-mcp ${command.name} ${command.usage}`);
  if (command.standalone) return command.run(args, { print });
  const environment = { ...process.env, ...(options.stdio && { KESTRA_MCP_TRANSPORT: 'stdio' }) };
  const found = environment.KESTRA_MCP_TRANSPORT !== 'stdio' && existsSync(usualFile) ? usualFile : undefined;
  let config: Config;
  try {
    config = readConfig(environment, options['env-file'] ?? found);
    if (config.transport === 'stdio' && environment.KESTRA_MCP_TRANSPORT !== 'stdio' && !options['env-file'])
      throw new PublicError(
        'misconfigured',
        `KESTRA_MCP_TRANSPORT=stdio does not count in ${usualFile}: use --stdio --env-file ${usualFile}`,
      );
  } catch (error) {
    if (error instanceof PublicError) return complain(`The settings can't be used:\n${error.message}`);
    throw error;
  }
  const log = createLog(config.logLevel, config);
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
