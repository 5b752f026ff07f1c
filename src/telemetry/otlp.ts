import {
  diag,
  type Span as RecordedSpan,
  type Tracer as Recorder,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { Log } from '../log.ts';
import { type TraceContext, traceHeaders } from './trace-context.ts';
import type { Span, Tracer } from './tracer.ts';

/** A collector that is down is tried again for so long, and the program that has been told to stop waits for it. */
const longestMs = 3000;

/**
 * Records spans with OpenTelemetry and sends them by OTLP over HTTP. Its own environment variables (OTEL_TRACES_SAMPLER,
 * OTEL_RESOURCE_ATTRIBUTES, OTEL_BSP_…) count as everywhere. To be loaded only where an endpoint is set: it is large.
 */
export const otlpTracer = (
  to: { readonly url: string; readonly headers: Readonly<Record<string, string>>; readonly service: string },
  version: string,
  log: Log,
): Tracer => {
  diag.setLogger({
    error: (message) => log.warn({ detail: message }, 'traces'),
    warn: (message) => log.warn({ detail: message }, 'traces'),
    info: () => undefined,
    debug: () => undefined,
    verbose: () => undefined,
  });
  const provider = new BasicTracerProvider({
    resource: defaultResource().merge(resourceFromAttributes({ 'service.name': to.service, 'service.version': version })),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: to.url, headers: { ...to.headers }, timeoutMillis: longestMs }))],
  });
  const recorder = provider.getTracer('kestra-mcp', version);
  return {
    begin: (name, from) => recorded(recorder, recorder.startSpan(name, { kind: SpanKind.SERVER }, parent(from)), from?.state),
    // Whoever stops must not wait long for a collector that does not answer.
    close: async () => {
      const late = new Promise<void>((resolve) => setTimeout(resolve, 2000).unref());
      await Promise.race([provider.shutdown().catch(() => undefined), late]);
    },
  };
};

/** The state of other systems is passed on, and not recorded. */
const parent = (from: Omit<TraceContext, 'state'> | undefined) =>
  from
    ? trace.setSpanContext(ROOT_CONTEXT, {
        traceId: from.traceId,
        spanId: from.spanId,
        traceFlags: from.sampled ? 1 : 0,
        isRemote: true,
      })
    : ROOT_CONTEXT;

const recorded = (recorder: Recorder, span: RecordedSpan, state: string | undefined): Span => {
  const { traceId, spanId, traceFlags } = span.spanContext();
  const here: TraceContext = { traceId, spanId, sampled: (traceFlags & 1) === 1, ...(state !== undefined && { state }) };
  return {
    traceId,
    headers: traceHeaders(here),
    request: (name) =>
      recorded(recorder, recorder.startSpan(name, { kind: SpanKind.CLIENT }, trace.setSpan(ROOT_CONTEXT, span)), here.state),
    end: (attributes, problem) => {
      span.setAttributes(problem === undefined ? attributes : { ...attributes, 'error.type': problem });
      if (problem !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
  };
};
