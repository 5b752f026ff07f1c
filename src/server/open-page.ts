import {
  CLIENT_CAPABILITIES_META_KEY,
  createRequestStateCodec,
  type InputRequiredResult,
  inputRequired,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { Answer } from '../tools/answer.ts';

const canOpenPages = z.object({ [CLIENT_CAPABILITIES_META_KEY]: z.object({ elicitation: z.object({ url: z.looseObject({}) }) }) });

const livesSeconds = 600;

/**
 * Asks a client that can to open a page for its user (URL-mode elicitation in a multi-round-trip request, MCP 2026-07-28). The state that it
 * brings back is signed and bound to the caller; nothing depends on it.
 * @param keys the first signs, all verify
 */
export const pageOpener = (keys: readonly Uint8Array[], principalKey: string) => {
  const [codec, ...older] = keys.map((key) =>
    createRequestStateCodec<{ tool: string }>({ key, ttlSeconds: livesSeconds, bind: ({ mcpReq }) => `${mcpReq.method}\0${principalKey}` }),
  );
  return {
    verify: async (state: string, context: ServerContext): Promise<unknown> => {
      for (const other of older) {
        const found = await other.verify(state, context).catch(() => undefined);
        if (found) return found;
      }
      if (!codec) throw new Error('this server gave out no state');
      return codec.verify(state, context);
    },
    /** Undefined: the client can't, or has been asked already. The answer's text has the page's address in either case. */
    ask: async (tool: string, page: Answer['page'], context: ServerContext): Promise<InputRequiredResult | undefined> => {
      const { envelope, inputResponses } = context.mcpReq;
      if (!page || !codec || inputResponses !== undefined || !canOpenPages.safeParse(envelope).success) return undefined;
      return inputRequired({
        inputRequests: { page: inputRequired.elicitUrl({ url: page.url, message: page.message }) },
        requestState: await codec.mint({ tool }, context),
      });
    },
  };
};
