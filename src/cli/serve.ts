import { randomBytes } from 'node:crypto';
import { roleGrant } from '../access/grant.ts';
import type { Session } from '../access/session.ts';
import type { Config } from '../config.ts';
import { connectKestra } from '../kestra/client.ts';
import type { Log } from '../log.ts';
import { createAdmission } from '../server/admission.ts';
import { takeTurns } from '../server/layers/limit.ts';
import { createMcpServer } from '../server/mcp.ts';
import { memoryOnce } from '../server/once.ts';
import { localRate } from '../server/rate.ts';
import { type Ending, runStdio } from '../server/stdio.ts';
import { createToolHandler } from '../server/tool-handler.ts';
import { waits } from '../server/waits.ts';
import { chooseTools } from '../tools/choice.ts';
import { type Command, exitCode } from './command.ts';
import { openAudit, openTracer } from './telemetry.ts';

export const serve: Command = {
  name: 'serve',
  usage: '',
  about: 'serve MCP clients; this is what happens without a command',
  arguments: 0,
  run: async (_, { config, log }) => {
    for (const warning of config.warnings) log.warn(warning);
    if (config.transport === 'stdio') return (await serveStdio(config, log)) === 'left' ? exitCode.ok : exitCode.failed;
    const { serveHttp } = await import('./serve-http.ts');
    await serveHttp(config, log);
    return exitCode.ok;
  },
};

/** Serves the person who started the program, with the credential and the role of the environment, until the client leaves. */
const serveStdio = async (config: Config, log: Log): Promise<Ending> => {
  const { catalog, direct } = chooseTools(config.tools);
  const kestra = connectKestra(config.kestra, log);
  const session = environmentSession(config);
  const stateKeys = [randomBytes(32)];
  const audit = openAudit(config, log);
  const tracer = await openTracer(config, log);
  const admission = createAdmission(config.limits, localRate(config.limits.perMinute));
  const handle = createToolHandler({
    kestra,
    catalog,
    answer: config.limits.answer,
    turns: takeTurns(admission, (call) => (waits(call) ? 'waits' : 'calls')),
    record: audit.call,
    tracer,
    log,
  });
  // Which Kestra it is decides what is listed: asked while the client still introduces itself.
  let ending: Ending | undefined;
  kestra.instance(config.credential).catch((error: unknown) => {
    if (!ending) log.warn({ err: error }, 'Kestra can not be asked what it is');
  });
  ending = await runStdio(() => createMcpServer({ kestra, catalog, direct, handle, stateKeys, once: memoryOnce() }, session), log);
  await kestra.close();
  await tracer.close();
  audit.close();
  return ending;
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
