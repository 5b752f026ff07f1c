import type { Admission, Kind } from '../admission.ts';
import { bounded } from '../bounds.ts';
import type { Layer, ToolCall } from '../pipeline.ts';

/** Calls take turns. Where a whole request takes its turn before anything of it is read further, this layer is left out. */
export const takeTurns =
  (admission: Admission, kindOf: (call: ToolCall) => Kind): Layer =>
  (next) =>
  async (call) => {
    const leave = await admission.enter(call.session.principal.key, kindOf(call), 1, call.signal);
    try {
      return await next(call);
    } finally {
      leave();
    }
  };

/** Keeps every answer readable. @param most characters of its text */
export const shorten =
  (most: number): Layer =>
  (next) =>
  async (call) => {
    const result = await next(call);
    return { ...result, answer: bounded(result.answer, most) };
  };
