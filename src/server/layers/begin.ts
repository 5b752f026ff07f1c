import { newRequestId } from '../../telemetry/request.ts';
import { readTraceContext } from '../../telemetry/trace-context.ts';
import type { Tracer } from '../../telemetry/tracer.ts';
import type { Layer } from '../pipeline.ts';

/** Gives a call the id by which it is found again, and its place in a trace; what its own message says of one beats its request's. */
export const begin =
  (tracer: Tracer): Layer =>
  (next) =>
  (call) => {
    const { request = { id: newRequestId() }, meta, tool } = call;
    const from = readTraceContext(meta?.traceparent, meta?.tracestate) ?? request.trace;
    return next({ ...call, request, span: tracer.begin(`tools/call ${tool.name}`, from) });
  };
