import { randomUUID } from 'node:crypto';
import { digest } from '../digest.ts';
import type { Engine } from '../engine.ts';
import type { AccountRequest, ClientRequest, Display, Grant, NewSignIn, Origin, TakenSignIn, UserKey } from '../records.ts';
import { openWith, sealWith } from '../seal.ts';
import type { SignInStore } from '../store.ts';
import { hold, one, run, type Work } from '../work.ts';
import { audit } from './audit.ts';
import { bound } from './bound.ts';
import { endGrant, type GrantRow, grantOf, grantSelect } from './grants.ts';
import { sealProviderToken } from './provider.ts';
import { touchUser } from './users.ts';

export interface SignInRow {
  readonly id: string;
  readonly browser_hash: Buffer;
  readonly request: string;
  readonly sealed: Buffer;
  readonly begun_at: number;
  readonly taken_at: number | null;
  readonly completed_at: number | null;
  readonly expires_at: number;
}

/** What only the holder of the provider's `state` may read again. */
interface Private {
  readonly nonce: string;
  readonly verifier: string;
  /** The client's. */
  readonly state?: string;
}

const purpose = 'sign-in';

/** What a sign-in that was taken in its last second still has for the exchange with the provider. */
const exchangeMs = 60_000;

export const signInStore = (engine: Engine): SignInStore => {
  const { lifetimes, keyring, bounds } = engine;
  const boundSignIns = bound('sign_ins', bounds.signIns, function* (excess) {
    const oldest = 'SELECT id FROM sign_ins ORDER BY completed_at IS NULL, expires_at LIMIT ?';
    yield* run(`DELETE FROM sign_ins WHERE id IN (${oldest})`, excess);
  });
  return {
    beginSignIn: ({ id, browser, state, nonce, verifier, request, counted }) =>
      engine.write(function* (now): Work<boolean> {
        const kept: Private = { nonce, verifier, ...(request.kind === 'client' && { state: request.state }) };
        const begun = yield* run(
          `INSERT INTO sign_ins (id, state_hash, browser_hash, request, sealed, begun_at, expires_at)
           VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
          id,
          digest(state),
          digest(browser),
          JSON.stringify({ ...request, state: undefined, counted }),
          sealWith(state, purpose, JSON.stringify(kept)),
          now,
          now + lifetimes.signInMs,
        );
        if (begun === 0) return false;
        if (request.kind === 'client') yield* run('UPDATE clients SET used_at = ? WHERE client_id = ?', now, request.clientId);
        yield* boundSignIns();
        return true;
      }),

    takeSignIn: ({ state, browser }) =>
      engine.write(function* (now): Work<TakenSignIn> {
        const row = yield* one<SignInRow>('SELECT * FROM sign_ins WHERE state_hash = ?', digest(state));
        if (!row) return { outcome: 'unknown' };
        if (browser === undefined || !digest(browser).equals(row.browser_hash)) return { outcome: 'other_browser' };
        if (row.taken_at !== null) return { outcome: 'used' };
        if (row.expires_at <= now) return { outcome: 'expired' };
        const opened = openWith(state, purpose, row.sealed);
        if (opened === undefined) return { outcome: 'unknown' };
        const expiresAt = Math.max(row.expires_at, now + exchangeMs);
        const won = yield* run(
          'UPDATE sign_ins SET taken_at = ?, expires_at = ? WHERE id = ? AND taken_at IS NULL',
          now,
          expiresAt,
          row.id,
        );
        if (won === 0) return { outcome: 'used' };
        const { nonce, verifier, state: clientState } = JSON.parse(opened) as Private;
        const { counted, ...request } = JSON.parse(row.request) as Kept;
        const whole = request.kind === 'client' && clientState !== undefined ? { ...request, state: clientState } : request;
        return { outcome: 'taken', id: row.id, nonce, verifier, request: whole, ...(counted && { counted }) };
      }),

    completeSignIn: ({ signInId, user, display, claims, code, providerRefreshToken, endsWithinMs }, origin) =>
      engine.write(function* (now): Work<Grant | undefined> {
        const signIn = yield* finishSignIn(signInId, 'client', user, display, now);
        if (!signIn) return undefined;
        const { request, userId } = signIn;
        const id = randomUUID();
        const endsAt = now + Math.min(lifetimes.grantMs, endsWithinMs ?? Number.POSITIVE_INFINITY);
        const codeEndsAt = Math.min(now + lifetimes.codeMs, endsAt);
        const sealed = providerRefreshToken === undefined ? undefined : sealProviderToken(keyring, providerRefreshToken, user, id);
        yield* run(
          `INSERT INTO grants (id, user_id, client_id, client, redirect_uri, resource, scopes, refreshable, claims, claims_checked_at,
             provider_checked_at, key_id, provider_token, created_at, last_used_at, live_until, ends_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          id,
          userId,
          request.clientId,
          JSON.stringify(request.client),
          request.redirectUri,
          request.resource,
          request.scopes.join(' '),
          request.refreshable ? 1 : 0,
          JSON.stringify(claims),
          now,
          now,
          sealed?.keyId ?? null,
          sealed?.bytes ?? null,
          now,
          now,
          codeEndsAt,
          endsAt,
        );
        yield* run(
          'INSERT INTO codes (hash, grant_id, challenge, expires_at) VALUES (?, ?, ?, ?)',
          digest(code),
          id,
          request.codeChallenge,
          codeEndsAt,
        );
        const about = { user, clientId: request.clientId, grantId: id };
        const detail = { redirectUri: request.redirectUri, scopes: request.scopes };
        yield* audit({ kind: 'consent', ...about, detail }, origin, signIn.begunAt);
        yield* audit({ kind: 'sign_in', ...about }, origin, now);
        yield* supersede(userId, bounds.grantsPerUser, now, origin);
        const row = yield* one<GrantRow>(`${grantSelect} WHERE g.id = ?`, id);
        return row && grantOf(row);
      }),
  };
};

type Kept = (ClientRequest | AccountRequest) & Pick<NewSignIn, 'counted'>;

interface Finished<K> {
  readonly request: (ClientRequest | AccountRequest) & { kind: K };
  readonly begunAt: number;
  readonly userId: number;
}

/** The one completion of a taken sign-in; undefined as `completeSignIn` has it. A revocation since the provider's answer counts. */
export function* finishSignIn<K extends 'client' | 'account'>(
  id: string,
  kind: K,
  user: UserKey,
  display: Display,
  now: number,
): Work<Finished<K> | undefined> {
  const ready = 'id = ? AND taken_at IS NOT NULL AND completed_at IS NULL AND expires_at > :now';
  const row = yield* one<SignInRow & { readonly taken_at: number }>(`SELECT * FROM sign_ins WHERE ${ready}`, id);
  if (!row) return undefined;
  const request = JSON.parse(row.request) as ClientRequest | AccountRequest;
  if (request.kind !== kind) return undefined;
  // From here no revocation comes in between.
  const { id: userId, notBefore } = yield* touchUser(user, display, now);
  if (notBefore >= row.taken_at) return undefined;
  const won = yield* run(`UPDATE sign_ins SET completed_at = ? WHERE ${ready}`, now, id);
  return won === 0 ? undefined : { request: request as Finished<K>['request'], begunAt: row.begun_at, userId };
}

function* supersede(userId: number, most: number, now: number, origin: Origin): Work<void> {
  const rows = yield* hold<GrantRow>(
    'g',
    `${grantSelect} WHERE g.user_id = ? AND g.live_until > :now ORDER BY g.last_used_at DESC, g.created_at DESC LIMIT 1000 OFFSET ?`,
    userId,
    most,
  );
  for (const row of rows) yield* endGrant(row, 'superseded', now, { kind: 'grant_revoked', detail: { reason: 'superseded' } }, origin);
}
