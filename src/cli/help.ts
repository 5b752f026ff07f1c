import { describeSettings } from '../config.ts';

/** What `--help` prints. */
export const help = (): string => `kestra-mcp: lets AI assistants work with Kestra (Model Context Protocol)

Usage: kestra-mcp [--stdio] [--env-file FILE]

  --stdio           serve one client over stdin and stdout
  --env-file FILE   settings from a file; the environment beats it
  --version, --help

Settings, from the environment:
${describeSettings()
  .map(({ name, about, default: value }) => `  ${name.padEnd(24)}  ${about}${value === undefined ? '' : ` (${value})`}`)
  .join('\n')}

Exit codes: 0, 1 failed, 2 wrong usage`;
