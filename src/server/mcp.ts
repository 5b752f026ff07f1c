import { CLIENT_INFO_META_KEY, ProtocolError, ProtocolErrorCode, Server } from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { Session } from '../access/session.ts';
import { PublicError } from '../errors.ts';
import type { Kestra } from '../kestra/client.ts';
import { type Instance, soon } from '../kestra/instance.ts';
import { asStructure, asText } from '../tools/answer.ts';
import { type Effect, isEnterprise, isFor, type Tool } from '../tools/tool.ts';
import { version } from '../version.ts';
import { absentTool } from './absent-tool.ts';
import { instructions } from './instructions.ts';
import { pageOpener } from './open-page.ts';
import type { Handler } from './pipeline.ts';

export interface McpParts {
  readonly kestra: Kestra;
  readonly catalog: readonly Tool[];
  readonly handle: Handler;
  /** What signs the state that clients bring back; without any they are asked nothing. The first signs, all verify. */
  readonly stateKeys?: readonly Uint8Array[];
}

/**
 * The MCP server of one caller: the same for both protocol eras and every transport.
 * @param stopping aborted when the program has been told to stop: what waits then answers with what it has
 */
export const createMcpServer = (
  { kestra, catalog, handle, stateKeys = [] }: McpParts,
  session: Session,
  stopping?: AbortSignal,
): Server => {
  const opener = pageOpener(stateKeys, session.principal.key);
  const server = new Server(
    { name: 'kestra-mcp', title: 'Kestra', version },
    {
      capabilities: { tools: {} },
      instructions,
      cacheHints: { 'tools/list': { ttlMs: 60_000, cacheScope: 'private' } },
      requestState: { verify: opener.verify },
    },
  );

  server.setRequestHandler('tools/list', async () => {
    const asked = editionOf(kestra, session);
    // Most of the work of the first tools/list, done while Kestra answers.
    for (const tool of catalog) describe(tool);
    const edition = await asked;
    return { tools: catalog.filter((tool) => listed(tool, session, edition)).map(describe) };
  });

  server.setRequestHandler('tools/call', async ({ params }, context) => {
    const tool = catalog.find(({ name }) => name === params.name) ?? absentTool(params.name);
    const token = context.mcpReq._meta?.progressToken;
    try {
      const { answer, failed } = await handle({
        tool,
        args: params.arguments,
        session,
        client: clientName(context.mcpReq.envelope) ?? clientName({ [CLIENT_INFO_META_KEY]: server.getClientVersion() }) ?? 'unknown',
        signal: context.mcpReq.signal,
        meta: context.mcpReq._meta,
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
      const asked = await opener.ask(tool.name, answer.page, context);
      if (asked) return asked;
      return {
        content: [{ type: 'text', text: asText(answer) }],
        structuredContent: asStructure(answer),
        ...(failed && { isError: true }),
      };
    } catch (thrown) {
      if (thrown instanceof PublicError && thrown.code === 'unknown_tool')
        throw new ProtocolError(ProtocolErrorCode.InvalidParams, thrown.message);
      throw thrown;
    }
  });

  return server;
};

const selfDescribed = z.object({ [CLIENT_INFO_META_KEY]: z.object({ name: z.string() }) });

/** From 2026-07-28 on every request says who sends it; before, the handshake did. */
const clientName = (envelope: unknown): string | undefined => {
  const parsed = selfDescribed.safeParse(envelope);
  return parsed.success ? parsed.data[CLIENT_INFO_META_KEY].name.slice(0, 100) : undefined;
};

/** Where Kestra does not say, what every edition has is listed. */
const editionOf = async (kestra: Kestra, session: Session): Promise<Instance['edition']> =>
  (await soon(session.credential().then((own) => kestra.instance(own))))?.edition ?? 'OSS';

const listed = (tool: Tool, session: Session, edition: Instance['edition']): boolean =>
  isFor(tool, session.principal.grants) &&
  (edition === 'EE' || !isEnterprise(tool)) &&
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
  readonly inputSchema: { type: 'object' } & Record<string, unknown>;
  readonly annotations: object;
}

const descriptions = new WeakMap<Tool, Description>();

/** A tool's description never changes, and zod's conversion is most of the cost of tools/list: so it is made once. */
const describe = (tool: Tool): Description => {
  const known = descriptions.get(tool);
  if (known) return known;
  const { name, title, description, effect, keeps, input } = tool;
  const made = {
    name,
    title,
    description,
    inputSchema: lean(z.toJSONSchema(input, { io: 'input' })),
    annotations: keeps ? keeping : hints[effect],
  };
  descriptions.set(tool, made);
  return made;
};

/** Without what says nothing to a model, and what not every client understands: prepare() holds the arguments to all of it anyway. */
const lean = (schema: unknown): Description['inputSchema'] =>
  JSON.parse(
    JSON.stringify(schema, function (this: Record<string, unknown>, key, value) {
      if (key === '$schema' || key === 'propertyNames') return undefined;
      if (key === 'maximum' && value === Number.MAX_SAFE_INTEGER) return undefined;
      if (key === 'minimum' && value === Number.MIN_SAFE_INTEGER) return undefined;
      if ((key === 'minLength' || key === 'maxLength') && this.type === 'string') return undefined;
      if (key === 'pattern' && this.format === 'date-time') return undefined;
      return value;
    }),
  );
