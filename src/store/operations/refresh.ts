import { digest } from '../digest.ts';
import type { Engine } from '../engine.ts';
import { judgeRefresh, scopeKey } from '../judge.ts';
import type { Origin, RefreshRefusal, RefreshRequest, RefreshStart, Rotation, TokenAnswer } from '../records.ts';
import { openWith, sealWith } from '../seal.ts';
import type { RefreshStore } from '../store.ts';
import { one, run, type Work } from '../work.ts';
import { audit } from './audit.ts';
import { answerOf, issueTokens } from './codes.ts';
import { endGrant, factsOf, type GrantRow, grantOf, holdGrant, isOver, splitScopes, userOf } from './grants.ts';
import { takeLease } from './provider.ts';

interface RefreshRow {
  readonly hash: Buffer;
  readonly grant_id: string;
  readonly gen: number;
  readonly state: 'active' | 'used';
  readonly used_at: number | null;
  readonly asked: string | null;
  readonly answer: Buffer | null;
  readonly idle_expires_at: number;
  readonly successor_state: 'active' | 'used' | null;
}

const purpose = 'refresh answer';

export const refreshStore = (engine: Engine): Pick<RefreshStore, 'beginRefresh' | 'rotateRefresh'> => ({
  beginRefresh: (request, ask, origin) =>
    engine.write(function* (now): Work<RefreshStart> {
      const judged = yield* judge(engine.lifetimes.replayMs, request, now, origin);
      return 'outcome' in judged ? judged : yield* takeLease(engine, judged.grant, ask, now);
    }),

  rotateRefresh: (request, tokens, origin) =>
    engine.write(function* (now): Work<Rotation> {
      const { lifetimes, bounds } = engine;
      const judged = yield* judge(lifetimes.replayMs, request, now, origin);
      if ('outcome' in judged) return judged;
      const { token, grant } = judged;
      const scopes = [...(request.scopes ?? splitScopes(grant.scopes))];
      const answer = answerOf(lifetimes, grant, tokens, scopes, now);
      const won = yield* run(
        `UPDATE refresh_tokens SET state = 'used', used_at = ?, asked = ?, answer = ? WHERE hash = ? AND state = 'active'`,
        now,
        scopeKey(scopes),
        lifetimes.replayMs > 0 ? sealWith(request.refreshToken, purpose, JSON.stringify(answer)) : null,
        token.hash,
      );
      if (won !== 1) throw new Error('a refresh token was used by two');
      yield* run('UPDATE refresh_tokens SET answer = NULL WHERE grant_id = ? AND gen = ?', grant.id, token.gen - 1);
      const gen = token.gen + 1;
      yield* issueTokens(lifetimes, grant, tokens, scopes, gen, now);
      const forgotten = gen - bounds.generations;
      if (forgotten >= 0) {
        yield* run('DELETE FROM refresh_tokens WHERE grant_id = ? AND gen <= ?', grant.id, forgotten);
        yield* run('DELETE FROM access_tokens WHERE grant_id = ? AND gen <= ?', grant.id, forgotten);
      }
      return { outcome: 'rotated', grant: { ...grantOf(grant), lastUsedAt: now }, answer };
    }),
});

function* judge(
  replayMs: number,
  request: RefreshRequest,
  now: number,
  origin: Origin,
): Work<RefreshRefusal | { readonly token: RefreshRow; readonly grant: GrantRow }> {
  const hash = digest(request.refreshToken);
  const grant = yield* holdGrant('(SELECT grant_id FROM refresh_tokens WHERE hash = ?)', hash);
  const token =
    grant &&
    (yield* one<RefreshRow>(
      `SELECT r.*, n.state AS successor_state FROM refresh_tokens r
       LEFT JOIN refresh_tokens n ON n.grant_id = r.grant_id AND n.gen = r.gen + 1 WHERE r.hash = ?`,
      hash,
    ));
  if (!token) return { outcome: 'unknown' };
  const reason = isOver(grant, now);
  if (reason) return { outcome: 'grant_over', reason };
  const facts = {
    state: token.state,
    idleExpiresAt: token.idle_expires_at,
    usedAt: token.used_at,
    asked: token.asked,
    successorActive: token.successor_state === 'active',
  };
  const verdict = judgeRefresh(facts, factsOf(grant), request, replayMs, now);
  if (verdict === 'rotate') return { token, grant };
  if (verdict === 'replay') {
    const opened = token.answer && openWith(request.refreshToken, purpose, token.answer);
    if (opened) {
      yield* audit({ kind: 'refresh_replayed', user: userOf(grant), clientId: grant.client_id, grantId: grant.id }, origin, now);
      return { outcome: 'replay', grant: grantOf(grant), answer: JSON.parse(opened) as TokenAnswer };
    }
  } else if (verdict !== 'reused') {
    return { outcome: verdict };
  }
  yield* endGrant(grant, 'refresh_reused', now, { kind: 'refresh_reused' }, origin);
  return { outcome: 'reused', grantId: grant.id, user: userOf(grant) };
}
