import { CLIENT_INFO_META_KEY, ProtocolError, ProtocolErrorCode, Server } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { allowed } from '../access/grant.ts';
import type { Session } from '../access/session.ts';
import { PublicError } from '../errors.ts';
import type { Kestra } from '../kestra/client.ts';
import type { Instance } from '../kestra/instance.ts';
import { asStructure, asText } from '../tools/answer.ts';
import { type InputSchema, inputSchema } from '../tools/input-schema.ts';
import { resolveCall, runTool } from '../tools/run-tool.ts';
import { type Effect, isServed, type Tool } from '../tools/tool.ts';
import { version } from '../version.ts';
import { type Asking, asking } from './ask.ts';
import { serveCompletion } from './completion.ts';
import { instructions } from './instructions.ts';
import type { Handler } from './pipeline.ts';
import { servePrompts } from './prompts.ts';
import { serveResources } from './resources.ts';

/** How long tools/list waits to learn which edition Kestra is. Then it lists what every edition has. */
const editionWaitMs = 2000;

export interface McpParts {
  readonly kestra: Kestra;
  /** Every tool, and the names of those that are listed. */
  readonly catalog: readonly Tool[];
  readonly direct: ReadonlySet<string>;
  readonly handle: Handler;
}

/** The MCP server of one caller: the same for both protocol eras and every transport. */
export const createMcpServer = ({ kestra, catalog, direct, handle }: McpParts, session: Session): Server => {
  const server = new Server(
    { name: 'kestra-mcp', title: 'Kestra', version },
    {
      capabilities: { tools: {}, resources: {}, prompts: {}, completions: {} },
      instructions,
      cacheHints: { 'tools/list': { ttlMs: 60_000, cacheScope: 'private' } },
    },
  );

  const ask = asking(handle, session);
  const may = (tool: Tool): boolean => allowed(session.principal.grants, tool.permissions);
  const askerOf = ({ mcpReq }: Asking) => ({
    client: clientName(mcpReq.envelope) ?? clientName({ [CLIENT_INFO_META_KEY]: server.getClientVersion() }) ?? 'unknown',
    signal: mcpReq.signal,
  });
  serveResources(server, ask, may, askerOf);
  servePrompts(server, ask, may, askerOf);
  serveCompletion(server, ask, may, askerOf);

  server.setRequestHandler('tools/list', async () => {
    const here = await instanceOf(kestra, session);
    return { tools: catalog.filter((tool) => direct.has(tool.name) && listed(tool, session, here)).map(describe) };
  });

  server.setRequestHandler('tools/call', async ({ params }, context) => {
    const call = resolveCall(catalog, params.name, params.arguments);
    const token = context.mcpReq._meta?.progressToken;
    try {
      if (!call) throw new PublicError('unknown_tool', `Tool ${JSON.stringify(params.name.slice(0, 100))} not found`);
      const { answer, failed } = await handle({
        ...call,
        session,
        ...askerOf(context),
        trace: { upstream: [] },
        ...(token !== undefined && {
          progress: (progress: number, total: number | undefined, message: string) => {
            context.mcpReq
              .notify({ method: 'notifications/progress', params: { progressToken: token, progress, total, message } })
              .catch(() => undefined);
          },
        }),
      });
      return {
        content: [{ type: 'text', text: asText(answer) }],
        structuredContent: asStructure(answer),
        ...(failed && { isError: true }),
      };
    } catch (thrown) {
      if (!(thrown instanceof PublicError) || thrown.code !== 'unknown_tool') throw thrown;
      if (params.name === runTool.name) return noSuchTool;
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
const instanceOf = async (kestra: Kestra, session: Session): Promise<Pick<Instance, 'edition' | 'line'>> => {
  const asked = session.credential().then((own) => kestra.instance(own));
  const late = new Promise<undefined>((resolve) => setTimeout(resolve, editionWaitMs, undefined).unref());
  const instance = await Promise.race([asked.catch(() => undefined), late]);
  return instance ?? { edition: 'OSS', line: '2.0' };
};

const listed = (tool: Tool, session: Session, here: Pick<Instance, 'edition' | 'line'>): boolean =>
  allowed(session.principal.grants, tool.permissions) &&
  isServed(tool, here) &&
  (tool.name !== 'register_kestra_token' || session.registration.by !== 'nobody');

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

const describe = (tool: Tool): Description => {
  const { name, title, description, effect } = tool;
  return { name, title, description, inputSchema: inputSchema(tool), annotations: hints[effect] };
};
