import { createHash, randomUUID } from 'node:crypto';
import {
  acceptedContent,
  CLIENT_CAPABILITIES_META_KEY,
  createRequestStateCodec,
  type InputRequests,
  type InputRequiredResult,
  inputRequired,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { Answer } from '../tools/answer.ts';
import type { ToolToCall } from '../tools/run-tool.ts';

const modes = z.object({ url: z.looseObject({}).optional(), form: z.looseObject({}).optional() });
/** What a client can ask its user: a bare `elicitation: {}` means forms. */
const capabilities = z.object({ elicitation: modes.transform(({ url, form }) => ({ url: url !== undefined, form: !url || !!form })) });
const none = { url: false, form: false } as const;

const agreement = z.object({ confirm: z.boolean().meta({ title: 'Yes, do it' }) });

/** What comes back with the user's answer: which call it is about, and the `confirm` that stands for what they were shown. */
interface State {
  readonly call: string;
  readonly confirm?: string;
  /** A yes counts once. */
  readonly id: string;
}

const livesSeconds = 600;

/** The reader of an answer is told what to do by its text in any case: a client that can't ask its user loses nothing. */
export interface Elicitation {
  /** Gives back the state that this server signed for this caller. @throws for any other */
  verify(state: string, context: ServerContext): Promise<unknown>;
  /**
   * The arguments to run a call with. Where the client can ask its user, nobody but the user confirms: a `confirm` of the model's own is
   * left out. Undefined: the user was asked, and did not agree.
   * @throws ProtocolError if the user was asked about another call, or has been heard already
   */
  heard(call: ToolToCall, context: ServerContext): { readonly args: unknown } | undefined;
  /** The question that an answer has for the user. Undefined: it has none, the client can't ask it, or has asked already. */
  ask(call: ToolToCall, answer: Answer, context: ServerContext): Promise<InputRequiredResult | undefined>;
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
    if (!codec) return none;
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
    heard: (call, context) => {
      const { mcpReq } = context;
      const state = mcpReq.requestState<State>();
      if (state === undefined) return { args: canAsk(context).form ? unconfirmed(call) : call.args };
      const page = state.confirm === undefined;
      if (state.call !== digest(call) || !(page || hearOnce(state.id)))
        throw new ProtocolError(ProtocolErrorCode.InvalidParams, notItsState);
      if (page) return { args: call.args };
      const agreed = acceptedContent(mcpReq.inputResponses, 'confirm', agreement)?.confirm;
      return agreed ? { args: { ...Object(call.args), confirm: state.confirm } } : undefined;
    },
    ask: async (call, answer, context) => {
      if (!codec || context.mcpReq.inputResponses !== undefined) return undefined;
      const inputRequests = questions(answer, canAsk(context));
      if (!inputRequests) return undefined;
      const state: State = { call: digest(call), confirm: answer.confirm?.value, id: randomUUID() };
      return inputRequired({ inputRequests, requestState: await codec.mint(state, context) });
    },
  };
};

/** As the SDK says of a state that is not this server's. */
const notItsState = 'Invalid or expired requestState';

const unconfirmed = ({ tool, args }: ToolToCall): unknown => {
  if (!('confirm' in tool.input.shape) || typeof args !== 'object' || args === null || !('confirm' in args)) return args;
  const { confirm, ...others } = args;
  return others;
};

/** Stands for a call, however a client orders its arguments; its `confirm` is what the user is asked for. */
const digest = (call: ToolToCall): string =>
  createHash('sha256')
    .update(JSON.stringify([call.tool.name, unconfirmed(call) ?? {}], (_, value) => (isRecord(value) ? sorted(value) : value)))
    .digest('base64url');

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const sorted = (record: Record<string, unknown>) => Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));

const answered = new Map<string, number>();

/** Whether this is the first answer to a question; those that have expired are forgotten. */
const hearOnce = (id: string): boolean => {
  const now = Date.now();
  for (const [other, until] of answered) {
    if (until > now) break;
    answered.delete(other);
  }
  if (answered.has(id)) return false;
  answered.set(id, now + livesSeconds * 1000);
  return true;
};
