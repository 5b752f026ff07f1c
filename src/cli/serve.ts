import { roleGrant } from '../access/grant.ts';
import type { Session } from '../access/session.ts';
import type { Config } from '../config.ts';
import { connectKestra } from '../kestra/client.ts';
import type { Log } from '../log.ts';
import { createMcpServer } from '../server/mcp.ts';
import { runStdio } from '../server/stdio.ts';
import { createToolHandler } from '../server/tool-handler.ts';
import { chooseTools } from '../tools/choice.ts';
import { type Command, exitCode } from './command.ts';

export const serve: Command = {
  name: 'serve',
  usage: '',
  about: 'serve MCP clients; this is what happens without a command',
  run: async (_, { config, log }) => {
    for (const warning of config.warnings) log.warn(warning);
    await serveStdio(config, log);
    return exitCode.ok;
  },
};

/** Serves the person who started the program, with the credential and the role of the environment, until the client leaves. */
const serveStdio = async (config: Config, log: Log): Promise<void> => {
  const { catalog, direct } = chooseTools(config.tools);
  const kestra = connectKestra(config.kestra, log);
  const session = environmentSession(config);
  const handle = createToolHandler(kestra, catalog, config.limits, log);
  // Which Kestra it is decides what is listed: asked while the client still introduces itself.
  kestra.instance(config.credential).catch((error: unknown) => log.warn({ err: error }, 'Kestra can not be asked what it is'));
  await runStdio(() => createMcpServer({ kestra, catalog, direct, handle }, session), log);
  await kestra.close();
};

const environmentSession = ({ credential, role }: Config): Session => ({
  principal: {
    key: 'stdio',
    name: 'the person who started this server',
    signedInBy: 'stdio: no sign-in, the environment of this process counts',
    roles: [{ name: role, from: 'KESTRA_MCP_ROLE' }],
    grants: [roleGrant(role)],
  },
  registration: { by: 'environment', variables: ['KESTRA_API_TOKEN', 'KESTRA_USERNAME and KESTRA_PASSWORD'] },
  credential: async () => credential,
});
