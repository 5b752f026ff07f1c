import { digest } from '../digest.ts';
import type { Engine } from '../engine.ts';
import { judgeCode } from '../judge.ts';
import type { NewTokens, Redeemed, TokenAnswer } from '../records.ts';
import type { Lifetimes, TokenStore } from '../store.ts';
import { one, run, type Work } from '../work.ts';
import { alive, endGrant, factsOf, type GrantRow, grantOf, grantSelect, holdGrant, isOver, splitScopes, userOf } from './grants.ts';

interface CodeRow {
  readonly hash: Buffer;
  readonly grant_id: string;
  readonly challenge: string;
  readonly state: 'active' | 'used' | 'dead';
  readonly guesses: number;
  readonly expires_at: number;
}

const accessSelect = `${grantSelect.replace('SELECT', 'SELECT a.scopes AS asked, a.expires_at,')} JOIN access_tokens a ON a.grant_id = g.id
  WHERE a.hash = ? AND a.expires_at > :now AND ${alive}`;

export const codeStore = (engine: Engine): TokenStore => ({
  redeemCode: ({ code, tokens, ...request }, origin) =>
    engine.write(function* (now): Work<Redeemed> {
      const hash = digest(code);
      const grant = yield* holdGrant('(SELECT grant_id FROM codes WHERE hash = ?)', hash);
      const row = grant && (yield* one<CodeRow>('SELECT * FROM codes WHERE hash = ?', hash));
      if (!row) return { outcome: 'unknown' };
      const { state, challenge, expires_at: expiresAt } = row;
      const verdict = judgeCode({ state, challenge, expiresAt }, factsOf(grant), request, now);
      if (verdict === 'wrong_verifier') return { outcome: verdict, dead: yield* countGuess(row, engine.bounds.codeGuesses, now) };
      if (verdict === 'reused') {
        const ended = yield* endGrant(grant, 'code_reused', now, { kind: 'code_reused' }, origin);
        if (!ended) return { outcome: 'grant_over', reason: isOver(grant, now) ?? 'expired' };
        return { outcome: 'reused', grantId: grant.id, user: userOf(grant) };
      }
      if (verdict !== 'redeem') return { outcome: verdict };
      const reason = isOver(grant, now);
      if (reason) return { outcome: 'grant_over', reason };
      const won = yield* run(`UPDATE codes SET state = 'used' WHERE hash = ? AND state = 'active'`, hash);
      if (won !== 1) throw new Error('a code was used by two');
      yield* run('UPDATE grants SET redeemed_at = ? WHERE id = ?', now, grant.id);
      const issued = grant.refreshable ? tokens : { accessToken: tokens.accessToken };
      const answer = yield* issueTokens(engine.lifetimes, grant, issued, splitScopes(grant.scopes), 0, now);
      return { outcome: 'redeemed', grant: { ...grantOf(grant), lastUsedAt: now }, answer };
    }),

  findAccess: (accessToken) =>
    engine.glance(function* () {
      const row = yield* one<GrantRow & { asked: string; expires_at: number }>(accessSelect, digest(accessToken));
      return row && { grant: grantOf(row), scopes: splitScopes(row.asked), expiresAt: row.expires_at };
    }),
});

/** Counts a failed guess at an unused code; true when that was the last one. */
function* countGuess(code: CodeRow, most: number, now: number): Work<boolean> {
  if (code.state !== 'active') return false;
  const dead = code.guesses + 1 >= most;
  yield* run('UPDATE codes SET guesses = guesses + 1, state = ? WHERE hash = ?', dead ? 'dead' : 'active', code.hash);
  if (dead) yield* run('UPDATE grants SET live_until = ?, key_id = NULL, provider_token = NULL WHERE id = ?', now, code.grant_id);
  return dead;
}

/** What a generation of a grant's tokens is, to whom it goes. */
export const answerOf = (
  lifetimes: Lifetimes,
  grant: GrantRow,
  { accessToken, refreshToken }: NewTokens,
  scopes: readonly string[],
  now: number,
): TokenAnswer => ({
  accessToken,
  ...(refreshToken !== undefined && { refreshToken }),
  expiresInSeconds: Math.floor((Math.min(now + lifetimes.accessMs, grant.ends_at) - now) / 1000),
  scopes: [...scopes],
});

/** Writes the tokens of one generation of a grant and says how long it lives now. */
export function* issueTokens(
  lifetimes: Lifetimes,
  grant: GrantRow,
  tokens: NewTokens,
  scopes: readonly string[],
  gen: number,
  now: number,
): Work<TokenAnswer> {
  const { accessToken, refreshToken } = tokens;
  const accessEndsAt = Math.min(now + lifetimes.accessMs, grant.ends_at);
  const refreshEndsAt = Math.min(now + lifetimes.refreshIdleMs, grant.ends_at);
  yield* run(
    'INSERT INTO access_tokens (hash, grant_id, gen, scopes, expires_at) VALUES (?, ?, ?, ?, ?)',
    digest(accessToken),
    grant.id,
    gen,
    scopes.join(' '),
    accessEndsAt,
  );
  if (refreshToken !== undefined) {
    yield* run(
      'INSERT INTO refresh_tokens (hash, grant_id, gen, idle_expires_at) VALUES (?, ?, ?, ?)',
      digest(refreshToken),
      grant.id,
      gen,
      refreshEndsAt,
    );
  }
  const liveUntil = refreshToken === undefined ? accessEndsAt : Math.max(accessEndsAt, refreshEndsAt);
  yield* run('UPDATE grants SET last_used_at = ?, live_until = ? WHERE id = ?', now, liveUntil, grant.id);
  return answerOf(lifetimes, grant, tokens, scopes, now);
}
