import { digest } from '../digest.ts';
import { judgeCode } from '../judge.ts';
import type { NewTokens, Redeemed, TokenAnswer } from '../records.ts';
import type { TokenStore } from '../store.ts';
import type { Connection } from './connection.ts';
import { alive, endGrant, factsOf, findGrant, type GrantRow, grantOf, grantSelect, isOver, splitScopes, userOf } from './grants.ts';

interface CodeRow {
  readonly hash: Buffer;
  readonly grant_id: string;
  readonly challenge: string;
  readonly state: 'active' | 'used' | 'dead';
  readonly guesses: number;
  readonly expires_at: number;
}

const accessSelect = `${grantSelect.replace('SELECT', 'SELECT a.scopes AS asked, a.expires_at,')} JOIN access_tokens a ON a.grant_id = g.id
  WHERE a.hash = ? AND a.expires_at > ? AND ${alive}`;

export const codeStore = (c: Connection): TokenStore => ({
  redeemCode: ({ code, tokens, ...request }, origin) =>
    c.write((now): Redeemed => {
      const row = c.sql<CodeRow>('SELECT * FROM codes WHERE hash = ?').get(digest(code));
      const grant = row && findGrant(c, row.grant_id);
      if (!grant) return { outcome: 'unknown' };
      const { state, challenge, expires_at: expiresAt } = row;
      const verdict = judgeCode({ state, challenge, expiresAt }, factsOf(grant), request, now);
      if (verdict === 'wrong_verifier') return { outcome: verdict, dead: countGuess(c, row, now) };
      if (verdict === 'reused') {
        const ended = endGrant(c, grant, 'code_reused', now, { kind: 'code_reused' }, origin);
        if (!ended) return { outcome: 'grant_over', reason: isOver(grant, now) ?? 'expired' };
        return { outcome: 'reused', grantId: grant.id, user: userOf(grant) };
      }
      if (verdict !== 'redeem') return { outcome: verdict };
      const reason = isOver(grant, now);
      if (reason) return { outcome: 'grant_over', reason };
      c.sql(`UPDATE codes SET state = 'used' WHERE hash = ?`).run(row.hash);
      c.sql('UPDATE grants SET redeemed_at = ? WHERE id = ?').run(now, grant.id);
      const issued = grant.refreshable ? tokens : { accessToken: tokens.accessToken };
      const answer = issueTokens(c, grant, issued, splitScopes(grant.scopes), 0, now);
      return { outcome: 'redeemed', grant: { ...grantOf(grant), lastUsedAt: now }, answer };
    }),

  findAccess: (accessToken) =>
    c.glance((now) => {
      const row = c.sql<GrantRow & { asked: string; expires_at: number }>(accessSelect).get(digest(accessToken), now, now);
      return row && { grant: grantOf(row), scopes: splitScopes(row.asked), expiresAt: row.expires_at };
    }),
});

/** Counts a failed guess at an unused code; true when that was the last one. */
const countGuess = (c: Connection, code: CodeRow, now: number): boolean => {
  if (code.state !== 'active') return false;
  const dead = code.guesses + 1 >= c.bounds.codeGuesses;
  c.sql('UPDATE codes SET guesses = guesses + 1, state = ? WHERE hash = ?').run(dead ? 'dead' : 'active', code.hash);
  if (dead) c.sql('UPDATE grants SET live_until = ?, key_id = NULL, provider_token = NULL WHERE id = ?').run(now, code.grant_id);
  return dead;
};

/** Writes the tokens of one generation of a grant and says how long it lives now. */
export const issueTokens = (
  c: Connection,
  grant: GrantRow,
  { accessToken, refreshToken }: NewTokens,
  scopes: readonly string[],
  gen: number,
  now: number,
): TokenAnswer => {
  const accessEndsAt = Math.min(now + c.lifetimes.accessMs, grant.ends_at);
  const refreshEndsAt = Math.min(now + c.lifetimes.refreshIdleMs, grant.ends_at);
  c.sql('INSERT INTO access_tokens (hash, grant_id, gen, scopes, expires_at) VALUES (?, ?, ?, ?, ?)').run(
    digest(accessToken),
    grant.id,
    gen,
    scopes.join(' '),
    accessEndsAt,
  );
  if (refreshToken !== undefined) {
    c.sql('INSERT INTO refresh_tokens (hash, grant_id, gen, idle_expires_at) VALUES (?, ?, ?, ?)').run(
      digest(refreshToken),
      grant.id,
      gen,
      refreshEndsAt,
    );
  }
  const liveUntil = refreshToken === undefined ? accessEndsAt : Math.max(accessEndsAt, refreshEndsAt);
  c.sql('UPDATE grants SET last_used_at = ?, live_until = ? WHERE id = ?').run(now, liveUntil, grant.id);
  return {
    accessToken,
    ...(refreshToken !== undefined && { refreshToken }),
    expiresInSeconds: Math.floor((accessEndsAt - now) / 1000),
    scopes: [...scopes],
  };
};
