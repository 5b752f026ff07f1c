import { CLIENT_INFO_META_KEY, ProtocolError, ProtocolErrorCode, Server } from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { Session } from '../access/session.ts';
import { PublicError } from '../errors.ts';
import type { Kestra } from '../kestra/client.ts';
import { type Instance, soon } from '../kestra/instance.ts';
import { asStructure, asText } from '../tools/answer.ts';
import { type InputSchema, inputSchema } from '../tools/input-schema.ts';
import { resolveCall, runTool } from '../tools/run-tool.ts';
import { type Effect, isFor, isServed, type Tool } from '../tools/tool.ts';
import { version } from '../version.ts';
import { absentTool } from './absent-tool.ts';
import { type Asking, asking } from './ask.ts';
import { serveCompletion } from './completion.ts';
import { elicitation } from './elicitation.ts';
import { instructions } from './instructions.ts';
import { ofTheProtocol } from './layers/explain.ts';
import type { Once } from './once.ts';
import type { Handler } from './pipeline.ts';
import { servePrompts } from './prompts.ts';
import { serveResources } from './resources.ts';

export interface McpParts {
  readonly kestra: Kestra;
  /** Every tool, and the names of those that are listed. */
  readonly catalog: readonly Tool[];
  readonly direct: ReadonlySet<string>;
  readonly handle: Handler;
  /** What signs the state that clients bring back; without any they are asked nothing. The first signs, all verify. */
  readonly stateKeys: readonly Uint8Array[];
  /** Decides which of several same answers of a user counts. */
  readonly once: Once;
}

/**
 * The MCP server of one caller: the same for both protocol eras and every transport.
 * @param stopping aborted when the program has been told to stop: what waits then answers with what it has
 */
export const createMcpServer = (
  { kestra, catalog, direct, handle, stateKeys, once }: McpParts,
  session: Session,
  stopping?: AbortSignal,
): Server => {
  const user = elicitation(stateKeys, once, session.principal.key, () => server.getClientCapabilities());
  const server: Server = new Server(
    { name: 'kestra-mcp', title: 'Kestra', version },
    {
      capabilities: { tools: {}, resources: {}, prompts: {}, completions: {} },
      instructions,
      cacheHints: { 'tools/list': { ttlMs: 60_000, cacheScope: 'private' } },
      requestState: { verify: user.verify },
    },
  );

  const ask = asking(handle, session, stopping);
  const may = (tool: Tool): boolean => catalog.includes(tool) && isFor(tool, session.principal.grants);
  const askerOf = ({ mcpReq }: Asking) => ({
    client: clientName(mcpReq.envelope) ?? clientName({ [CLIENT_INFO_META_KEY]: server.getClientVersion() }) ?? 'unknown',
    signal: mcpReq.signal,
  });
  serveResources(server, ask, may, askerOf);
  servePrompts(server, ask, may, askerOf);
  serveCompletion(server, ask, may, askerOf);

  server.setRequestHandler('tools/list', async () => {
    const asked = instanceOf(kestra, session);
    const tools = catalog.filter(({ name }) => direct.has(name));
    // Most of the work of the first tools/list, done while Kestra answers.
    for (const tool of tools) describe(tool);
    const here = await asked;
    return { tools: tools.filter((tool) => listed(tool, session, here)).map(describe) };
  });

  server.setRequestHandler('tools/call', async ({ params }, context) => {
    const call = resolveCall(catalog, params.name, params.arguments) ?? { tool: absentTool(params.name), args: undefined };
    const token = context.mcpReq._meta?.progressToken;
    try {
      const { answer, failed } = await handle({
        tool: call.tool,
        ...user.heard(call, context),
        session,
        meta: context.mcpReq._meta,
        ...askerOf(context),
        trace: { upstream: [] },
        stopping,
        ...(token !== undefined && {
          progress: (progress: number, total: number | undefined, message: string) => {
            context.mcpReq
              .notify({ method: 'notifications/progress', params: { progressToken: token, progress, total, message } })
              .catch(() => undefined);
          },
        }),
      });
      const asked = await user.ask(call, answer, context);
      if (asked) return asked;
      return {
        content: [{ type: 'text', text: asText(answer) }],
        structuredContent: asStructure(answer),
        ...(failed && { isError: true }),
      };
    } catch (thrown) {
      if (!(thrown instanceof PublicError) || !ofTheProtocol.has(thrown.code)) throw thrown;
      if (thrown.code === 'unknown_tool' && params.name === runTool.name) return noSuchTool;
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, thrown.message);
    }
  });

  return server;
};

/** A model that named a wrong tool can look for the right one. */
const noSuchTool = {
  content: [{ type: 'text' as const, text: 'There is no tool of that name for you: search_tools shows those there are.' }],
  structuredContent: { error: 'unknown_tool' },
  isError: true,
};

const selfDescribed = z.object({ [CLIENT_INFO_META_KEY]: z.object({ name: z.string() }) });

/** From 2026-07-28 on every request says who sends it; before, the handshake did. */
const clientName = (envelope: unknown): string | undefined => {
  const parsed = selfDescribed.safeParse(envelope);
  return parsed.success ? parsed.data[CLIENT_INFO_META_KEY].name.slice(0, 100) : undefined;
};

/** What Kestra is; while that is not known, what every edition of the newest line has is listed. */
const instanceOf = async (kestra: Kestra, session: Session): Promise<Pick<Instance, 'edition' | 'line'>> =>
  (await soon(session.credential().then((own) => kestra.instance(own)))) ?? { edition: 'OSS', line: '2.0' };

const listed = (tool: Tool, session: Session, here: Pick<Instance, 'edition' | 'line'>): boolean =>
  isFor(tool, session.principal.grants) &&
  isServed(tool, here) &&
  (tool.name !== 'register_kestra_token' || session.registration.by !== 'nobody');

const keeping = { destructiveHint: false, idempotentHint: true, openWorldHint: false };

const hints: Readonly<Record<Effect, object>> = {
  read: { readOnlyHint: true, openWorldHint: false },
  write: { destructiveHint: false, openWorldHint: false },
  run: { destructiveHint: true, idempotentHint: false, openWorldHint: true },
  destroy: { destructiveHint: true, idempotentHint: true, openWorldHint: false },
  session: { readOnlyHint: true, openWorldHint: false },
};

interface Description {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: InputSchema;
  readonly annotations: object;
}

const descriptions = new WeakMap<Tool, Description>();

const describe = (tool: Tool): Description => {
  const known = descriptions.get(tool);
  if (known) return known;
  const { name, title, description, effect, keeps } = tool;
  const made = { name, title, description, inputSchema: inputSchema(tool), annotations: keeps ? keeping : hints[effect] };
  descriptions.set(tool, made);
  return made;
};
