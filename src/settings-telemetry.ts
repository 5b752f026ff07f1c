import { z } from 'zod';
import { decoded, url } from './setting-kinds.ts';

/** The settings that say what an administrator gets to see. */
export const telemetrySettings = {
  KESTRA_MCP_AUDIT_FILE: z.string().min(1).optional().describe('a file that the audit is appended to, as JSON lines (default: the log)'),
  KESTRA_MCP_METRICS_PORT: z.coerce
    .number({ error: 'use a port number' })
    .int()
    .min(1)
    .max(65_535)
    .optional()
    .describe('the port of /metrics, for Prometheus (default: none)'),
  KESTRA_MCP_METRICS_HOST: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('the address that it listens on; 0.0.0.0 where Prometheus is elsewhere, as in Kubernetes'),
  OTEL_EXPORTER_OTLP_ENDPOINT: url.optional().describe('where traces are sent, by OTLP over HTTP (default: nowhere)'),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url.optional().describe('the same with its whole path'),
  OTEL_EXPORTER_OTLP_HEADERS: z
    .string()
    .regex(/^[^\s=,]+=[^\s,]*(,[^\s=,]+=[^\s,]*)*$/, 'use name=value,name=value')
    .optional()
    .describe('headers for that, as name=value,… (or OTEL_EXPORTER_OTLP_HEADERS_FILE)'),
  OTEL_SERVICE_NAME: z.string().min(1).default('kestra-mcp').describe('what this server is called there'),
};

/** What an administrator gets to see, and where. */
export interface TelemetryConfig {
  readonly auditFile?: string;
  readonly metrics?: { readonly host: string; readonly port: number };
  readonly traces?: TracesConfig;
}

/** Where traces are sent. */
export interface TracesConfig {
  /** With its path. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly service: string;
}

export const telemetryOf = (s: z.output<z.ZodObject<typeof telemetrySettings>>): TelemetryConfig => {
  const base = s.OTEL_EXPORTER_OTLP_ENDPOINT;
  const url = s.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? (base === undefined ? undefined : `${base.replace(/\/+$/, '')}/v1/traces`);
  const pairs = (s.OTEL_EXPORTER_OTLP_HEADERS ?? '').split(',').filter((pair) => pair !== '');
  return Object.freeze({
    auditFile: s.KESTRA_MCP_AUDIT_FILE,
    ...(s.KESTRA_MCP_METRICS_PORT !== undefined && { metrics: { host: s.KESTRA_MCP_METRICS_HOST, port: s.KESTRA_MCP_METRICS_PORT } }),
    ...(url !== undefined && {
      traces: { url, headers: Object.fromEntries(pairs.map(headerOf)), service: s.OTEL_SERVICE_NAME },
    }),
  });
};

/** Values are percent-encoded (OpenTelemetry, OTLP exporter configuration); one that is not is taken as it is. */
const headerOf = (pair: string): [string, string] => {
  const at = pair.indexOf('=');
  return [pair.slice(0, at), decoded(pair.slice(at + 1))];
};
