import type { RequestHandler } from 'express';
import { refuseRpc } from './refusal.ts';

const day = 86_400;

/**
 * The MCP endpoint is for programs and for pages of known origins: any other page in a browser gets 403, `null` too (MCP, Streamable
 * HTTP: servers MUST validate Origin). Known pages may read what they need for signing in again.
 */
export const checkOrigin = (publicUrl: string, allowed: readonly string[]): RequestHandler => {
  const origins = new Set([new URL(publicUrl).origin, ...allowed]);
  return (request, response, next) => {
    response.vary('Origin');
    const { origin } = request.headers;
    if (origin === undefined) return next();
    if (!origins.has(origin)) return refuseRpc(request, response, { status: 403, message: 'This origin is not allowed here.' });
    response.set({
      'Access-Control-Allow-Origin': origin,
      'Access-Control-Expose-Headers': 'WWW-Authenticate, Mcp-Session-Id, MCP-Protocol-Version, Retry-After',
    });
    if (request.method !== 'OPTIONS') return next();
    response
      .status(204)
      .set({
        'Access-Control-Allow-Methods': 'POST',
        'Access-Control-Allow-Headers':
          'Authorization, Content-Type, Accept, Last-Event-ID, Mcp-Method, Mcp-Name, MCP-Protocol-Version, Mcp-Session-Id',
        'Access-Control-Max-Age': String(day),
      })
      .end();
  };
};

/**
 * Metadata, registration, token and revocation endpoints may be used by the scripts of any page: no cookie counts there. The pages that
 * people see and /authorize have no CORS at all (RFC 9700 §2.6).
 */
export const openToScripts: RequestHandler = (request, response, next) => {
  response.set({ 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': 'WWW-Authenticate, Retry-After' });
  if (request.method !== 'OPTIONS') return next();
  response
    .status(204)
    .set({
      'Access-Control-Allow-Methods': 'GET, POST',
      'Access-Control-Allow-Headers': 'Authorization, Content-Type, Accept, MCP-Protocol-Version',
      'Access-Control-Max-Age': String(day),
    })
    .end();
};
