import { createServer, type Server } from 'node:http';
import { PublicError } from '../errors.ts';
import type { Observer } from './observer.ts';

/** What is looked up when somebody asks for the metrics. */
export interface Gauges {
  /** Calls that run, that wait, and that stand in line. */
  readonly turns: () => Readonly<Record<'calls' | 'waits' | 'queued', number>>;
  readonly breaker: () => 'closed' | 'open' | 'half_open';
}

export interface Metrics {
  readonly observer: Observer;
  /** Everything in the text format of Prometheus. */
  text(): Promise<string>;
  readonly contentType: string;
}

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Counts in this process. Loads the client of Prometheus, which nobody else needs. */
export const createMetrics = async (version: string, gauges: Gauges): Promise<Metrics> => {
  const { default: prometheus } = await import('prom-client');
  const register = new prometheus.Registry();
  prometheus.collectDefaultMetrics({ register });
  const registers = [register];
  const name = (rest: string) => `kestra_mcp_${rest}`;
  const counter = <L extends string>(rest: string, help: string, labelNames: L[]) =>
    new prometheus.Counter({ name: name(rest), help, labelNames, registers });
  const histogram = <L extends string>(rest: string, help: string, labelNames: L[]) =>
    new prometheus.Histogram({ name: name(rest), help, labelNames, buckets: seconds, registers });

  const calls = counter('calls_total', 'Tool calls, by how they were decided and how they ended.', ['tool', 'decision', 'code']);
  const callSeconds = histogram('call_duration_seconds', 'How long a tool call took.', ['tool']);
  const kestra = counter('kestra_requests_total', 'Operations of Kestra, by its status or why there was none.', ['operation', 'status']);
  const kestraSeconds = histogram('kestra_request_duration_seconds', 'How long Kestra took for an operation.', ['operation']);
  const signIns = counter('sign_ins_total', 'Sign-ins, by how they ended.', ['result']);
  const tokens = counter('token_requests_total', 'Requests to the token endpoint, by grant and answer.', ['grant', 'result']);
  const storeSeconds = histogram('store_operation_duration_seconds', 'How long an operation of the store took.', ['operation']);
  const storeProblems = counter('store_errors_total', 'Operations of the store that failed.', ['operation', 'code']);
  new prometheus.Gauge({
    name: name('turns'),
    help: 'Calls that run, calls that wait for an execution, and calls that stand in line.',
    labelNames: ['kind'],
    registers,
    collect() {
      for (const [kind, value] of Object.entries(gauges.turns())) this.set({ kind }, value);
    },
  });
  new prometheus.Gauge({
    name: name('kestra_breaker'),
    help: '1 for the state that the breaker towards Kestra is in.',
    labelNames: ['state'],
    registers,
    collect() {
      const now = gauges.breaker();
      for (const state of ['closed', 'open', 'half_open']) this.set({ state }, state === now ? 1 : 0);
    },
  });
  new prometheus.Gauge({ name: name('build_info'), help: 'The version.', labelNames: ['version'], registers }).set({ version }, 1);

  return {
    observer: {
      call: ({ tool, decision, code, ms }) => {
        calls.inc({ tool, decision, code });
        callSeconds.observe({ tool }, ms / 1000);
      },
      kestra: (operation, status, ms) => {
        kestra.inc({ operation, status });
        if (status !== 'not_sent') kestraSeconds.observe({ operation }, ms / 1000);
      },
      signIn: (result) => signIns.inc({ result }),
      token: (grant, result) => tokens.inc({ grant, result }),
      store: (operation, ms, code) => {
        storeSeconds.observe({ operation }, ms / 1000);
        if (code !== undefined) storeProblems.inc({ operation, code });
      },
    },
    text: () => register.metrics(),
    contentType: register.contentType,
  };
};

/**
 * Serves them at /metrics, on a port of their own: whoever may reach it may read them, and nothing else is there.
 * @throws PublicError `misconfigured` if it can't listen
 */
export const serveMetrics = async (
  { text, contentType }: Pick<Metrics, 'text' | 'contentType'>,
  { host, port }: { host: string; port: number },
): Promise<Server> => {
  const server = createServer({ headersTimeout: 5000, requestTimeout: 5000 }, (request, response) => {
    if (request.url !== '/metrics' || (request.method !== 'GET' && request.method !== 'HEAD')) {
      response.writeHead(404, { 'Content-Type': 'text/plain' }).end('The metrics are at /metrics.\n');
      return;
    }
    text().then(
      (body) => response.writeHead(200, { 'Content-Type': contentType }).end(body),
      () => response.writeHead(500).end(),
    );
  });
  server.unref();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  }).catch((error: NodeJS.ErrnoException) => {
    throw new PublicError('misconfigured', `KESTRA_MCP_METRICS_PORT: ${host}:${port} can't be listened on (${error.code})`, error);
  });
  return server;
};
