import type { Config } from '../config.ts';
import { PublicError } from '../errors.ts';
import type { Log } from '../log.ts';
import { type Audit, auditInFile, auditInLog } from '../telemetry/audit.ts';
import type { Gauges } from '../telemetry/metrics.ts';
import { nobody, type Observer } from '../telemetry/observer.ts';
import { passingTracer, type Tracer } from '../telemetry/tracer.ts';
import { version } from '../version.ts';

/** Where it is written down what was decided. @throws PublicError `misconfigured` */
export const openAudit = ({ telemetry: { auditFile } }: Pick<Config, 'telemetry'>, log: Log): Audit => {
  if (auditFile === undefined) return auditInLog(log);
  try {
    return auditInFile(auditFile, log);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new PublicError('misconfigured', `KESTRA_MCP_AUDIT_FILE: the file can't be written (${code})`, error);
  }
};

/** Who traces calls: OpenTelemetry, where an endpoint is set, else nobody. */
export const openTracer = async ({ telemetry: { traces } }: Pick<Config, 'telemetry'>, log: Log): Promise<Tracer> => {
  if (!traces) return passingTracer;
  const { otlpTracer } = await import('../telemetry/otlp.ts');
  return otlpTracer(traces, version, log);
};

export interface Counting {
  readonly observer: Observer;
  close(): void;
}

/** Who counts, and says so at a port of their own; nobody where none is set. @throws PublicError `misconfigured` */
export const startMetrics = async ({ telemetry: { metrics } }: Pick<Config, 'telemetry'>, gauges: Gauges): Promise<Counting> => {
  if (!metrics) return { observer: nobody, close: () => undefined };
  const { createMetrics, serveMetrics } = await import('../telemetry/metrics.ts');
  const counted = await createMetrics(version, gauges);
  const server = await serveMetrics(counted, metrics);
  return {
    observer: counted.observer,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
};
