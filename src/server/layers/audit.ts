import { asPublicError } from '../../errors.ts';
import type { CallRecord, CallTarget } from '../../telemetry/records.ts';
import type { Layer, ToolCall } from '../pipeline.ts';

/** One record for each call: who, with what, on what, how it was decided and how it ended. */
export const audit =
  (record: (call: CallRecord) => void): Layer =>
  (next) =>
  async (call) => {
    const started = performance.now();
    const ended = (code: string, executionId?: unknown): void => {
      const { tool, session, client, request, span, trace } = call;
      record({
        request: request?.id ?? '',
        trace: span?.traceId,
        user: session.principal.key,
        clientId: request?.clientId,
        client,
        tool: tool.name,
        target: targetOf(call, code, executionId),
        decision: trace.admitted && code !== 'forbidden' ? 'allowed' : 'denied',
        code,
        upstream: trace.upstream,
        ms: performance.now() - started,
      });
      span?.end(
        { 'mcp.method.name': 'tools/call', 'gen_ai.tool.name': tool.name, 'kestra_mcp.request_id': request?.id ?? '' },
        code === 'ok' ? undefined : code,
      );
    };
    try {
      const result = await next(call);
      ended('ok', result.answer.facts.execution_id);
      return result;
    } catch (thrown) {
      ended(asPublicError(thrown).code);
      throw thrown;
    }
  };

/** Kestra's own patterns; whatever else is sent as a name is none, and may be a secret. */
const names = { namespace: /^[a-z0-9][a-z0-9._-]{0,149}$/, flow: /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}$/, execution: /^[A-Za-z0-9]{1,30}$/ };

/** What was touched. A flow is named once Kestra has known it: what does not exist may be anything. */
const targetOf = ({ args, trace }: ToolCall, code: string, executionId: unknown): CallTarget => {
  const given = typeof args === 'object' && args !== null ? (args as Readonly<Record<string, unknown>>) : {};
  const { target } = trace;
  const found = code !== 'not_found' && trace.upstream.some(({ status }) => status !== undefined && status < 300);
  const said: Readonly<Record<keyof typeof names, unknown>> = {
    namespace: target?.namespace ?? given.namespace,
    flow: found ? given.flow_id : undefined,
    execution: executionId ?? target?.executionId ?? given.execution_id,
  };
  const named = Object.entries(names).flatMap(([what, pattern]) => {
    const name = said[what as keyof typeof names];
    return typeof name === 'string' && pattern.test(name) ? [[what, name] as const] : [];
  });
  return { ...Object.fromEntries(named), ...(target?.appUid !== undefined && { app: target.appUid }) };
};
