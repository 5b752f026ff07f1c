import type { Log } from '../log.ts';
import type { Origin } from '../store/records.ts';
import type { CredentialStore } from '../store/store.ts';
import { type Claims, userKeyOf } from './claims.ts';
import type { IdentityProvider } from './oidc.ts';

/**
 * Gives somebody who has just signed in the Kestra credential that the predecessor kept under their `sub`, if one waits under the issuer that is set. A failure is no
 * reason not to be signed in: it waits for the next time.
 */
export const adoptImported = async (
  {
    store,
    oidc,
    instance,
    log,
  }: { store: Pick<CredentialStore, 'adoptImported'>; oidc: Pick<IdentityProvider, 'issuer'>; instance: string; log: Log },
  claims: Claims,
  origin: Origin,
): Promise<void> => {
  try {
    await store.adoptImported({ issuer: oidc.issuer, subject: claims.sub }, { user: userKeyOf(claims), instance }, origin);
  } catch (thrown) {
    log.error({ err: thrown, user: claims.subject }, 'an imported Kestra credential could not be adopted');
  }
};
