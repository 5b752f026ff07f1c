import { randomUUID } from 'node:crypto';
import { digest } from '../digest.ts';
import type { AccountRequest, ClientRequest, Origin, UserKey } from '../records.ts';
import { openWith, sealWith } from '../seal.ts';
import type { SignInStore } from '../store.ts';
import { audit } from './audit.ts';
import type { Connection } from './connection.ts';
import { endGrant, findGrant, type GrantRow, grantOf, grantSelect } from './grants.ts';
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

export const signInStore = (c: Connection): SignInStore => ({
  beginSignIn: ({ id, browser, state, nonce, verifier, request }) =>
    c.write((now) => {
      const kept: Private = { nonce, verifier, ...(request.kind === 'client' && { state: request.state }) };
      const { changes } = c
        .sql(
          `INSERT INTO sign_ins (id, state_hash, browser_hash, request, sealed, begun_at, expires_at)
           VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
        )
        .run(
          id,
          digest(state),
          digest(browser),
          JSON.stringify({ ...request, state: undefined }),
          sealWith(state, purpose, JSON.stringify(kept)),
          now,
          now + c.lifetimes.signInMs,
        );
      if (changes === 0) return false;
      if (request.kind === 'client') c.sql('UPDATE clients SET used_at = ? WHERE client_id = ?').run(now, request.clientId);
      c.sql(
        `DELETE FROM sign_ins WHERE id IN (SELECT id FROM sign_ins WHERE id <> ? ORDER BY completed_at IS NULL, expires_at
         LIMIT max(0, (SELECT count(*) FROM sign_ins) - ?))`,
      ).run(id, c.bounds.signIns);
      return true;
    }),

  takeSignIn: ({ state, browser }) =>
    c.write((now) => {
      const row = c.sql<SignInRow>('SELECT * FROM sign_ins WHERE state_hash = ?').get(digest(state));
      if (!row) return { outcome: 'unknown' };
      if (browser === undefined || !digest(browser).equals(row.browser_hash)) return { outcome: 'other_browser' };
      if (row.taken_at !== null) return { outcome: 'used' };
      if (row.expires_at <= now) return { outcome: 'expired' };
      const opened = openWith(state, purpose, row.sealed);
      if (opened === undefined) return { outcome: 'unknown' };
      c.sql('UPDATE sign_ins SET taken_at = ?, expires_at = max(expires_at, ?) WHERE id = ?').run(now, now + exchangeMs, row.id);
      const { nonce, verifier, state: clientState } = JSON.parse(opened) as Private;
      const request = JSON.parse(row.request) as ClientRequest | AccountRequest;
      const whole = request.kind === 'client' && clientState !== undefined ? { ...request, state: clientState } : request;
      return { outcome: 'taken', id: row.id, nonce, verifier, request: whole };
    }),

  completeSignIn: ({ signInId, user, display, claims, code, providerRefreshToken, endsWithinMs }, origin) =>
    c.write((now) => {
      const signIn = finishSignIn(c, signInId, 'client', user, now);
      if (!signIn) return undefined;
      const { request } = signIn;
      const userId = touchUser(c, user, display, now);
      const id = randomUUID();
      const endsAt = now + Math.min(c.lifetimes.grantMs, endsWithinMs ?? Number.POSITIVE_INFINITY);
      const codeEndsAt = Math.min(now + c.lifetimes.codeMs, endsAt);
      const sealed = providerRefreshToken === undefined ? undefined : sealProviderToken(c, providerRefreshToken, user, id);
      c.sql(
        `INSERT INTO grants (id, user_id, client_id, client, redirect_uri, resource, scopes, refreshable, claims, claims_checked_at, provider_checked_at,
           key_id, provider_token, created_at, last_used_at, live_until, ends_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ).run(
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
      c.sql('INSERT INTO codes (hash, grant_id, challenge, expires_at) VALUES (?, ?, ?, ?)').run(
        digest(code),
        id,
        request.codeChallenge,
        codeEndsAt,
      );
      const about = { user, clientId: request.clientId, grantId: id };
      const detail = { redirectUri: request.redirectUri, scopes: request.scopes };
      audit(c, { kind: 'consent', ...about, detail }, origin, signIn.begunAt);
      audit(c, { kind: 'sign_in', ...about }, origin, now);
      supersede(c, userId, now, origin);
      const row = findGrant(c, id);
      return row && grantOf(row);
    }),
});

/** The one completion of a taken sign-in; undefined as `completeSignIn` has it. A revocation since the provider's answer counts. */
export const finishSignIn = <K extends 'client' | 'account'>(
  c: Connection,
  id: string,
  kind: K,
  user: UserKey,
  now: number,
): { request: (ClientRequest | AccountRequest) & { kind: K }; begunAt: number } | undefined => {
  const row = c
    .sql<SignInRow>('SELECT * FROM sign_ins WHERE id = ? AND taken_at IS NOT NULL AND completed_at IS NULL AND expires_at > ?')
    .get(id, now);
  if (!row) return undefined;
  const request = JSON.parse(row.request) as ClientRequest | AccountRequest;
  if (request.kind !== kind) return undefined;
  const revokedSince = c
    .sql('SELECT 1 FROM users WHERE issuer = ? AND subject = ? AND not_before >= ?')
    .get(user.issuer, user.subject, row.taken_at);
  if (revokedSince) return undefined;
  c.sql('UPDATE sign_ins SET completed_at = ? WHERE id = ?').run(now, id);
  return { request: request as (ClientRequest | AccountRequest) & { kind: K }, begunAt: row.begun_at };
};

const supersede = (c: Connection, userId: number, now: number, origin: Origin): void => {
  const rows = c
    .sql<GrantRow>(
      `${grantSelect} WHERE g.user_id = ? AND g.live_until > ? ORDER BY g.last_used_at DESC, g.created_at DESC LIMIT -1 OFFSET ?`,
    )
    .all(userId, now, c.bounds.grantsPerUser);
  for (const row of rows) endGrant(c, row, 'superseded', now, { kind: 'grant_revoked', detail: { reason: 'superseded' } }, origin);
};
