import type { RequestHandler } from 'express';

/**
 * Lets scripts of other origins call a machine endpoint: any origin, no cookies. Never for pages (RFC 9700 §2.6).
 * @param methods those allowed, comma-separated; answers the preflight
 */
export const crossOrigin =
  (methods: string): RequestHandler =>
  (request, response, next) => {
    response.set({ 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': 'WWW-Authenticate, Retry-After' });
    if (request.method !== 'OPTIONS') return next();
    response
      .status(204)
      .set({
        'Access-Control-Allow-Methods': methods,
        'Access-Control-Allow-Headers': 'Authorization, Content-Type, MCP-Protocol-Version',
        'Access-Control-Max-Age': '86400',
      })
      .end();
  };
