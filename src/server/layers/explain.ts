import { asPublicError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { Unconfirmed } from '../../tools/confirm.ts';
import { bounded } from '../bounds.ts';
import type { Layer } from '../pipeline.ts';

/** Whoever asks with long names, or is refused with many words, gets no longer answer than this. */
const longest = 6000;

/**
 * Any throw becomes a result that the model can act on: this server's own words, and apart from them what Kestra said. An unknown tool
 * stays an error of the protocol.
 */
export const explain =
  (log: Log): Layer =>
  (next) =>
  async (call) => {
    try {
      return await next(call);
    } catch (thrown) {
      const error = asPublicError(thrown);
      if (error.code === 'unknown_tool') throw error;
      log[error.code === 'internal' ? 'error' : 'debug']({ err: error, tool: call.tool.name }, 'call failed');
      const answer = {
        facts: { error: error.code, message: error.message },
        ...(error instanceof Unconfirmed && { confirm: error.confirm }),
        ...(error.quoted && { blocks: [{ name: 'kestra_says', language: 'text', text: error.quoted }] }),
      };
      return { failed: true, answer: bounded(answer, longest) };
    }
  };
