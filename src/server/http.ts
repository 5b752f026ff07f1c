import express, { type Express, type RequestHandler } from 'express';
import { homePage } from '../auth/pages/home.ts';
import { sendIcon, sendPage } from '../auth/pages/page.ts';
import type { HttpConfig } from '../config.ts';
import type { Log } from '../log.ts';
import { newRequestId } from '../telemetry/request.ts';
import { health, type Probe } from './health.ts';
import { checkHost } from './host.ts';
import { type Caller, type McpEndpoint, type McpParts, mcpEndpoint } from './mcp-endpoint.ts';
import { checkOrigin, openToScripts } from './origin.ts';
import { answerErrors, nothingHere } from './refusal.ts';

export interface HttpParts<C extends Caller> {
  readonly config: Pick<HttpConfig, 'publicUrl' | 'trustedHops' | 'allowedHosts' | 'allowedOrigins'>;
  readonly log: Log;
  /** The authorization server's endpoints; absent where somebody else signs people in. */
  readonly authorization?: RequestHandler;
  /** Whether there is an account page to link to. */
  readonly account?: boolean;
  readonly mcp: Omit<McpParts<C>, 'log' | 'stopping'>;
  readonly store: Probe;
  readonly others?: Readonly<Record<string, Probe>>;
  /** Aborted when the program has been told to stop. */
  readonly stopping: AbortSignal;
}

/** By which the answer is found in the log and in the audit. */
const numbered: RequestHandler = (_, response, next) => {
  response.locals.requestId = newRequestId();
  response.set('X-Request-Id', response.locals.requestId);
  next();
};

/** For every answer; pages set their own. */
const securityHeaders =
  (https: boolean): RequestHandler =>
  (_, response, next) => {
    response.set({
      'X-Content-Type-Options': 'nosniff',
      'X-Frame-Options': 'DENY',
      'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
      'Referrer-Policy': 'same-origin',
      'Cache-Control': 'no-store',
      ...(https && { 'Strict-Transport-Security': 'max-age=31536000' }),
    });
    next();
  };

/** While stopping, every answer is the last on its connection, so that nobody waits for a connection to idle out. */
const lastAnswer =
  (stopping: AbortSignal): RequestHandler =>
  (_, response, next) => {
    if (stopping.aborted) response.set('Connection', 'close');
    next();
  };

/** The whole HTTP face: health, the pages, the authorization server and /mcp, in the order in which a request meets them. */
export const createHttpApp = <C extends Caller>(parts: HttpParts<C>): { app: Express; mcp: McpEndpoint } => {
  const { config, log, stopping } = parts;
  const mcp = mcpEndpoint({ ...parts.mcp, log, stopping });
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  app.enable('strict routing');
  app.set('trust proxy', config.trustedHops || false);
  app.set('query parser', false);

  app.use(numbered, securityHeaders(config.publicUrl.startsWith('https:')), lastAnswer(stopping));
  // Before the Host check: whoever probes a container asks by its address.
  app.use(health({ store: parts.store, others: parts.others ?? {}, stopping }));
  app.use(checkHost(config.publicUrl, config.allowedHosts));
  app.use('/mcp', checkOrigin(config.publicUrl, config.allowedOrigins));
  app.use(mcp.router);
  app.use(['/.well-known', '/register', '/token', '/revoke'], openToScripts);
  const home = homePage({ mcpUrl: `${config.publicUrl}/mcp`, host: new URL(config.publicUrl).host, account: parts.account });
  app.get('/', (_, response) => sendPage(response, 200, home));
  app.get('/icon.svg', sendIcon);
  if (parts.authorization) app.use(parts.authorization);
  app.use(nothingHere);
  app.use(answerErrors(log));
  return { app, mcp };
};
