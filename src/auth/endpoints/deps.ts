import type { Request } from 'express';
import type { Lifetimes } from '../../config.ts';
import type { Log } from '../../log.ts';
import type { Origin } from '../../store/records.ts';
import type { Keyring } from '../../store/seal.ts';
import type { Store } from '../../store/store.ts';
import type { Observer } from '../../telemetry/observer.ts';
import type { Clients } from '../clients/client.ts';
import type { Clock } from '../clock.ts';
import type { Limits } from '../limits.ts';
import type { IdentityProvider } from '../oidc.ts';
import type { Rights } from '../rights.ts';
import type { Scope } from '../scopes.ts';

/** What the endpoints of the authorization server stand on. */
export interface EndpointDeps {
  /** Our public URL without a trailing slash; metadata, `iss` and links are made of it, never of what a request says. */
  readonly issuer: string;
  /** The one resource that tokens are for (RFC 8707). */
  readonly resource: string;
  /** Where the identity provider sends people back. */
  readonly callbackUrl: string;
  readonly lifetimes: Pick<Lifetimes, 'signInMs' | 'claimsFreshMs' | 'claimsMaxAgeMs'>;
  readonly defaultScopes: readonly Scope[];
  readonly store: Store;
  /** The Kestra that credentials are for. */
  readonly instance: string;
  readonly keyring: Keyring;
  readonly oidc: IdentityProvider;
  readonly clients: Clients;
  readonly limits: Limits;
  readonly rights: Rights;
  readonly observer: Observer;
  readonly log: Log;
  readonly clock: Clock;
}

/** For the audit row. */
export const originOf = (request: Request): Origin => ({ address: request.ip, requestId: request.res?.locals.requestId });
