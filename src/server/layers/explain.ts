import { asPublicError, type Code } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { Unconfirmed } from '../../tools/confirm.ts';
import { bounded } from '../bounds.ts';
import type { Layer } from '../pipeline.ts';

/** Whoever asks with long names, or is refused with many words, gets no longer answer than this. */
const longest = 6000;

/** Whoever gets one asks differently, and has nobody to turn to: its answer says all there is. */
const mendable: ReadonlySet<Code> = new Set(['invalid_input', 'not_found', 'conflict']);

/** What the protocol has errors of its own for. */
export const ofTheProtocol: ReadonlySet<Code> = new Set(['unknown_tool', 'invalid_state']);

/**
 * Any throw becomes a result that the model can act on: this server's own words, and apart from them what Kestra said. The
 * id of the request is what the log and the audit have it under. An unknown tool, and a state that is not this server's, stay errors of the
 * protocol.
 */
export const explain =
  (log: Log): Layer =>
  (next) =>
  async (call) => {
    try {
      return await next(call);
    } catch (thrown) {
      const error = asPublicError(thrown);
      if (ofTheProtocol.has(error.code)) throw error;
      const request = call.request?.id;
      log[error.code === 'internal' ? 'error' : 'debug']({ err: error, tool: call.tool.name, request_id: request }, 'call failed');
      const answer = {
        facts: { error: error.code, message: error.message, ...(!mendable.has(error.code) && { request_id: request }) },
        ...(error instanceof Unconfirmed && { confirm: error.confirm }),
        ...(error.quoted && { blocks: [{ name: 'kestra_says', language: 'text', text: error.quoted }] }),
      };
      return { failed: true, answer: bounded(answer, longest) };
    }
  };
