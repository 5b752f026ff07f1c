import { describeSettings } from '../settings.ts';
import type { Command, StandaloneCommand } from './command.ts';

/** What `--help` prints. */
export const help = (
  commands: readonly (Command | StandaloneCommand)[],
): string => `kestra-mcp: lets AI assistants work with Kestra (Model Context Protocol)

Usage: kestra-mcp [COMMAND] [--stdio] [--env-file FILE]

${commands.map(({ name, usage, about }) => `  ${`${name} ${usage}`.padEnd(24)}  ${about}`).join('\n')}

  ${'--stdio'.padEnd(24)}  serve one client over stdin and stdout
  ${'--env-file FILE'.padEnd(24)}  settings from a file; the environment beats it
  --version, --help

Settings, from the environment:
${describeSettings()
  .map(({ name, about, default: value }) => `  ${name.padEnd(28)}  ${about}${value === undefined ? '' : ` (${value})`}`)
  .join('\n')}

USER is the exact key (ISSUER|SUBJECT), or the subject or e-mail of somebody who has signed in.

Exit codes: 0, 1 failed, 2 wrong usage`;
