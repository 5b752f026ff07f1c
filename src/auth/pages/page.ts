import { createHash } from 'node:crypto';
import type { RequestHandler, Response } from 'express';
import { icon } from './layout.ts';
import { style } from './style.ts';

const styleHash = createHash('sha256').update(style).digest('base64');

/**
 * Nothing runs, nothing is loaded from elsewhere, nobody frames it. `form-action` is left out on purpose: browsers hold the whole chain
 * of redirects after a form against it, and ours ends at the client. `Referrer-Policy` is same-origin because under no-referrer an
 * honest form is posted with `Origin: null`. No Cross-Origin-Opener-Policy: clients open the sign-in as a pop-up and watch it.
 */
const pageHeaders = {
  'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${styleHash}'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'`,
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'X-Robots-Tag': 'noindex',
  'Cache-Control': 'no-store',
};

/** Sends a page with every header that a page of an authorization server needs (OAuth 2.1 §7.13). */
export const sendPage = (response: Response, status: number, page: string): void => {
  response.status(status).set(pageHeaders).type('html').send(page);
};

/** The icon of the tab, at /icon.svg. */
export const sendIcon: RequestHandler = (_, response) => {
  response
    .set({ 'Cache-Control': 'public, max-age=86400', 'Content-Security-Policy': "default-src 'none'", 'X-Content-Type-Options': 'nosniff' })
    .type('image/svg+xml')
    .send(icon);
};
