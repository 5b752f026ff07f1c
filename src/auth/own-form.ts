import type { Request } from 'express';
import { OAuthError } from './oauth-error.ts';

/**
 * Browsers say where a form comes from; scripts elsewhere can't change that.
 * @throws OAuthError 403 if it does not come from one of our own pages
 */
export const sentByOurPage = (issuer: string, request: Request): void => {
  const origin = request.get('Origin');
  const site = request.get('Sec-Fetch-Site');
  if ((origin !== undefined && origin !== new URL(issuer).origin) || (site !== undefined && site !== 'same-origin')) {
    throw new OAuthError('access_denied', 'this form was not sent from our own page', { status: 403 });
  }
};
