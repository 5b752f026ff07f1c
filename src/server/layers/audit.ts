import { asPublicError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Layer } from '../pipeline.ts';

/** One line for each call: who, with what, on what, how it was decided and how it ended. Never arguments, never answers. */
export const audit =
  (log: Log): Layer =>
  (next) =>
  async (call) => {
    const started = performance.now();
    const record = (outcome: string, executionId?: unknown) =>
      log.info(
        {
          audit: 'tools/call',
          user: call.session.principal.key,
          client: call.client,
          tool: call.tool.name,
          ...call.trace.target,
          ...(typeof executionId === 'string' && { execution: executionId }),
          outcome,
          upstream: call.trace.upstream.map(({ operation, status }) => `${operation} ${status ?? '-'}`),
          ms: Math.round(performance.now() - started),
        },
        outcome,
      );
    try {
      const result = await next(call);
      record(result.failed ? 'failed' : 'ok', result.answer.facts.execution_id);
      return result;
    } catch (thrown) {
      record(asPublicError(thrown).code);
      throw thrown;
    }
  };
