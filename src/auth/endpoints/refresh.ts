import { setTimeout as sleep } from 'node:timers/promises';
import type { Lease, Origin, ProviderAnswer, RefreshRequest, RefreshStart, Rotation, TokenAnswer } from '../../store/records.ts';
import { storedClaims } from '../claims.ts';
import { OAuthError, unavailable } from '../oauth-error.ts';
import { mint, random } from '../secret.ts';
import type { EndpointDeps } from './deps.ts';

/** How long a request waits for another one that is asking the provider: somewhat longer than that may take. */
const longestWaitMs = 8000;
const pollMs = 100;

type Asking = RefreshStart & { outcome: 'ask' };

/**
 * Refreshes in this order: checks → lease → ask the provider → keep its answer → rotate → answer. Nothing is consumed before the last
 * step, and no lock is held while the provider takes its time.
 */
export const refresher = ({ store, oidc, log, lifetimes }: EndpointDeps) => {
  /** @throws OAuthError as RFC 6749 §5.2 says, or 503 when the provider or the store can't be asked and waiting helps */
  return async (request: RefreshRequest, origin: Origin): Promise<TokenAnswer> => {
    const giveUpAt = performance.now() + longestWaitMs;
    for (;;) {
      const start = await store.beginRefresh(request, { owner: random(), claimsFreshMs: lifetimes.claimsFreshMs }, origin);
      if (start.outcome === 'wait') {
        if (performance.now() >= giveUpAt) throw unavailable('another refresh of this sign-in is under way');
        await sleep(Math.min(Math.max(start.retryAfterMs, 10), pollMs));
      } else if (start.outcome === 'ask') {
        const asked = await askProvider(start, origin);
        if (asked === 'settled') return rotate(request, origin);
      } else {
        return start.outcome === 'rotate' ? rotate(request, origin) : answerOf(start);
      }
    }
  };

  async function rotate(request: RefreshRequest, origin: Origin): Promise<TokenAnswer> {
    return answerOf(await store.rotateRefresh(request, { accessToken: mint('at'), refreshToken: mint('rt') }, origin));
  }

  /** The provider may have forgotten the old token already, so a store that is busy for a moment must not lose the new one. */
  async function keep(lease: Lease, answer: ProviderAnswer): Promise<boolean> {
    for (let waitMs = 100; ; waitMs *= 2) {
      try {
        return await store.commitProviderAnswer(lease, answer);
      } catch (error) {
        if (waitMs > 1600) throw error;
        log.warn({ grant: lease.grantId, err: error }, "the identity provider's answer is not kept yet: trying again");
        await sleep(waitMs);
      }
    }
  }

  /** `again`: somebody else's newer answer is there. */
  async function askProvider({ grant, lease, providerRefreshToken }: Asking, origin: Origin): Promise<'settled' | 'again'> {
    const renewal = await oidc.renew(providerRefreshToken, storedClaims(grant.claims));
    const tooOld = (await store.now()) - grant.claimsCheckedAt > lifetimes.claimsMaxAgeMs;
    switch (renewal.outcome) {
      case 'refused': {
        const ended = await store.providerRefused(lease, origin);
        if (ended === undefined) return 'again';
        log.info({ grant: grant.id, reason: ended, detail: renewal.detail }, 'the identity provider ended the sign-in');
        throw over();
      }
      case 'renewed': {
        const { refreshToken, claims } = renewal;
        const kept = await keep(lease, {
          ...(refreshToken !== undefined && { refreshToken }),
          ...(claims && { claims: { ...claims }, display: { name: claims.name, email: claims.email } }),
        });
        if (!kept) return 'again';
        if (!claims && tooOld) {
          await store.revokeGrant(grant.user, grant.id, 'claims_expired', origin);
          throw over();
        }
        return 'settled';
      }
      case 'unreachable': {
        log.warn({ grant: grant.id, reason: renewal.detail }, 'the identity provider was not reached');
        if (renewal.refreshToken === undefined) await store.leaveProvider(lease, renewal.maybeAnswered);
        else if (!(await keep(lease, { refreshToken: renewal.refreshToken }))) return 'again';
        if (tooOld) throw unavailable("the company's identity provider cannot be reached: try again later", renewal.detail, 30);
        await store.recordEvent(
          {
            kind: 'provider_unreachable',
            user: grant.user,
            clientId: grant.clientId,
            grantId: grant.id,
            detail: { claimsOf: grant.claimsCheckedAt },
          },
          origin,
        );
        return 'settled';
      }
    }
  }
};

const over = () => new OAuthError('invalid_grant', 'this sign-in is over: sign in again');

const answerOf = (result: Rotation): TokenAnswer => {
  switch (result.outcome) {
    case 'rotated':
    case 'replay':
      return result.answer;
    case 'scope_exceeded':
      throw new OAuthError('invalid_scope', 'a refresh cannot widen the scope');
    case 'resource_mismatch':
      throw new OAuthError('invalid_target', 'the refresh token is for another resource');
    case 'grant_over':
    case 'reused':
      throw over();
    default:
      throw new OAuthError('invalid_grant', 'the refresh token is unknown, expired or of another client');
  }
};
