import type { ErrorRequestHandler, Request, Response } from 'express';
import { asOAuthError, OAuthError, sendOAuthError } from '../auth/oauth-error.ts';
import { errorPage } from '../auth/pages/error.ts';
import { sendPage } from '../auth/pages/page.ts';
import type { Log } from '../log.ts';

/** JSON-RPC's own error codes and, for what HTTP refuses, the one that the MCP SDK uses there too. */
export const rpcCodes = { parseError: -32700, invalidRequest: -32600, internal: -32603, refused: -32000 } as const;

/** What an unread body may still hold before the connection is given up rather than drained. */
const drained = 65_536;

/** Closes the connection after this answer if the client still has much to send: nobody is going to read it. */
const leaveUnread = (request: Request, response: Response): void => {
  const length = Number(request.headers['content-length'] ?? 0);
  if (!request.complete && (request.headers['transfer-encoding'] !== undefined || length > drained)) response.set('Connection', 'close');
};

/** Refuses at the MCP endpoint: a JSON-RPC error without a stack or a cause. */
export const refuseRpc = (
  request: Request,
  response: Response,
  {
    status,
    code = rpcCodes.refused,
    message,
    headers,
  }: { status: number; code?: number; message: string; headers?: Record<string, string> },
): void => {
  leaveUnread(request, response);
  response
    .status(status)
    .set({ 'Cache-Control': 'no-store', ...headers })
    .json({ jsonrpc: '2.0', error: { code, message, data: { request_id: response.locals.requestId } }, id: rpcId(request.body) });
};

const rpcId = (body: unknown): string | number | null => {
  const id: unknown = typeof body === 'object' && body !== null && 'id' in body ? body.id : null;
  return typeof id === 'string' || typeof id === 'number' ? id : null;
};

/** A person in a browser, at a page? Machines get JSON, and so does everybody under /mcp and /.well-known. */
const wantsPage = (request: Request): boolean =>
  (request.method === 'GET' || request.method === 'HEAD') &&
  !/^\/+(?:mcp|\.well-known|livez|readyz|token|register|revoke)/i.test(request.path) &&
  request.accepts(['json', 'html']) === 'html' &&
  /\btext\/html\b/.test(request.headers.accept ?? '');

/** Refuses anywhere else: a page for people, OAuth's JSON for machines. */
export const refuse = (
  request: Request,
  response: Response,
  error: OAuthError,
  page: { title: string; link?: { href: string; label: string } },
): void => {
  leaveUnread(request, response);
  if (wantsPage(request)) {
    response.set(error.headers);
    sendPage(response, error.status, errorPage({ ...page, text: error.message }));
  } else {
    sendOAuthError(response, error);
  }
};

/** The last word on every path that nothing answered. */
export const nothingHere = (request: Request, response: Response): void =>
  refuse(
    request,
    response,
    new OAuthError('invalid_request', `There is nothing at this address. The MCP endpoint is /mcp.`, { status: 404 }),
    {
      title: 'Nothing here',
      link: { href: '/', label: 'To the start' },
    },
  );

/** The last word on every error: never a stack, a path or an upstream's text. */
export const answerErrors =
  (log: Log): ErrorRequestHandler =>
  // Express tells an error handler by its four parameters.
  (thrown, request, response, _next) => {
    if (response.headersSent) {
      log.debug({ path: request.path, err: thrown }, 'an answer broke off');
      response.destroy();
      return;
    }
    const error = asOAuthError(thrown);
    if (error.status >= 500) log.error({ path: request.path, err: error.detail ?? thrown }, 'request failed');
    refuse(request, response, error, { title: error.status >= 500 ? 'This did not work' : 'This cannot be done' });
  };
