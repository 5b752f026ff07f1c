import {
  acceptedContent,
  CLIENT_CAPABILITIES_META_KEY,
  createRequestStateCodec,
  type InputRequests,
  type InputRequiredResult,
  inputRequired,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { Answer } from '../tools/answer.ts';

const modes = z.object({ url: z.looseObject({}).optional(), form: z.looseObject({}).optional() });
/** What a client can ask its user: a bare `elicitation: {}` means forms. */
const capabilities = z.object({ elicitation: modes.transform(({ url, form }) => ({ url: url !== undefined, form: !url || !!form })) });
const none = { url: false, form: false } as const;

const agreement = z.object({ confirm: z.boolean().meta({ title: 'Yes, do it' }) });

/** What comes back with the user's answer: for which tool it is, and the `confirm` that stands for what they were shown. */
interface State {
  readonly tool: string;
  readonly confirm?: string;
}

const livesSeconds = 600;

/** The reader of an answer is told what to do by its text in any case: a client that can't ask its user loses nothing. */
export interface Elicitation {
  /** Gives back the state that this server signed for this caller. @throws for any other */
  verify(state: string, context: ServerContext): Promise<unknown>;
  /** What the user said to a question about this tool: the `confirm` that they agreed to, or null for no. Undefined: they were not asked to agree. */
  agreed(tool: string, context: ServerContext): string | null | undefined;
  /** The question that an answer has for the user. Undefined: it has none, the client can't ask it, or has asked already. */
  ask(tool: string, answer: Answer, context: ServerContext): Promise<InputRequiredResult | undefined>;
}

/**
 * Asks the user by way of their client to open a page, or to agree to what can't be undone (elicitation; in a multi-round-trip request
 * from MCP 2026-07-28 on). What they agree to is exactly what they were shown: it is in the state, signed and bound to the caller.
 * @param keys the first signs, all verify; without any nothing is asked
 * @param declared the capabilities that the client declared when it connected, if this connection began with a handshake
 */
export const elicitation = (keys: readonly Uint8Array[], principalKey: string, declared: () => unknown): Elicitation => {
  const [codec, ...older] = keys.map((key) =>
    createRequestStateCodec<State>({ key, ttlSeconds: livesSeconds, bind: ({ mcpReq }) => `${mcpReq.method}\0${principalKey}` }),
  );
  const canAsk = ({ mcpReq: { envelope } }: ServerContext) => {
    const own = (envelope as Record<string, unknown> | undefined)?.[CLIENT_CAPABILITIES_META_KEY] ?? declared();
    return capabilities.safeParse(own).data?.elicitation ?? none;
  };
  const questions = (answer: Answer, can: { readonly url: boolean; readonly form: boolean }): InputRequests | undefined => {
    const { page, confirm } = answer;
    if (page && can.url) return { page: inputRequired.elicitUrl(page) };
    if (confirm && can.form) return { confirm: inputRequired.elicit({ message: confirm.message, requestedSchema: agreement }) };
    return undefined;
  };
  return {
    verify: async (state, context) => {
      for (const other of older) {
        const found = await other.verify(state, context).catch(() => undefined);
        if (found) return found;
      }
      if (!codec) throw new Error('this server gave out no state');
      return codec.verify(state, context);
    },
    agreed: (tool, { mcpReq }) => {
      const state = mcpReq.requestState<State>();
      if (state?.tool !== tool || state.confirm === undefined) return undefined;
      return acceptedContent(mcpReq.inputResponses, 'confirm', agreement)?.confirm ? state.confirm : null;
    },
    ask: async (tool, answer, context) => {
      if (!codec || context.mcpReq.inputResponses !== undefined) return undefined;
      const inputRequests = questions(answer, canAsk(context));
      return (
        inputRequests && inputRequired({ inputRequests, requestState: await codec.mint({ tool, confirm: answer.confirm?.value }, context) })
      );
    },
  };
};
