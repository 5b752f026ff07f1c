import { createHash, randomUUID } from 'node:crypto';
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
import type { ToolToCall } from '../tools/run-tool.ts';
import type { Once } from './once.ts';
import type { ToolCall } from './pipeline.ts';

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

/** Stands for a state that this server did not sign for this caller. */
const foreign = Symbol('foreign');

/** The reader of an answer is told what to do by its text in any case: a client that can't ask its user loses nothing. */
export interface Elicitation {
  /** Gives back the state that this server signed for this caller; of a tools/call any other too, for `heard` to refuse. @throws elsewhere */
  verify(state: string, context: ServerContext): Promise<unknown>;
  /**
   * What to run a call with. Where the client can ask its user, nobody but the user confirms: a `confirm` of the model's own is left out.
   * `consent` is there if the client brings an answer of its user.
   */
  heard(call: ToolToCall, context: ServerContext): Pick<ToolCall, 'args' | 'consent'>;
  /** The question that an answer has for the user. Undefined: it has none, the client can't ask it, or has asked already. */
  ask(call: ToolToCall, answer: Answer, context: ServerContext): Promise<InputRequiredResult | undefined>;
}

/**
 * Asks the user by way of their client to open a page, or to agree to what can't be undone (elicitation; in a multi-round-trip request
 * from MCP 2026-07-28 on). What they agree to is exactly what they were shown: it is in the state, signed and bound to the caller.
 * @param keys the first signs, all verify; without any nothing is asked
 * @param once decides which of several same answers counts
 * @param declared the capabilities that the client declared when it connected, if this connection began with a handshake
 */
export const elicitation = (keys: readonly Uint8Array[], once: Once, principalKey: string, declared: () => unknown): Elicitation => {
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
      const found = await codec?.verify(state, context).catch(() => undefined);
      if (found || context.mcpReq.method === 'tools/call') return found ?? foreign;
      throw new Error('a state that this server did not give to this caller');
    },
    heard: (call, context) => {
      const { mcpReq } = context;
      const state = mcpReq.requestState<State | typeof foreign>();
      if (state === undefined) return { args: canAsk(context).form ? unconfirmed(call) : call.args };
      if (state === foreign || state.call !== digest(call)) return { args: call.args, consent: async () => 'stale' };
      if (state.confirm === undefined) return { args: call.args };
      const agreed = acceptedContent(mcpReq.inputResponses, 'confirm', agreement)?.confirm;
      return {
        args: { ...Object(call.args), confirm: state.confirm },
        consent: async () => {
          const first = await once(`answer\n${state.id}`, livesSeconds * 1000);
          return !first ? 'stale' : agreed ? 'given' : 'declined';
        },
      };
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
