import { digest } from '../digest.ts';
import { judgeRefresh, scopeKey } from '../judge.ts';
import type { Origin, RefreshRefusal, RefreshRequest, TokenAnswer } from '../records.ts';
import { openWith, sealWith } from '../seal.ts';
import type { RefreshStore } from '../store.ts';
import { audit } from './audit.ts';
import { issueTokens } from './codes.ts';
import type { Connection } from './connection.ts';
import { endGrant, factsOf, findGrant, type GrantRow, grantOf, isOver, splitScopes, userOf } from './grants.ts';
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
}

const purpose = 'refresh answer';

export const refreshStore = (c: Connection): Pick<RefreshStore, 'beginRefresh' | 'rotateRefresh'> => ({
  beginRefresh: (request, ask, origin) =>
    c.write((now) => {
      const judged = judge(c, request, now, origin);
      return 'outcome' in judged ? judged : takeLease(c, judged.grant, ask, now);
    }),

  rotateRefresh: (request, tokens, origin) =>
    c.write((now) => {
      const judged = judge(c, request, now, origin);
      if ('outcome' in judged) return judged;
      const { token, grant } = judged;
      const scopes = [...(request.scopes ?? splitScopes(grant.scopes))];
      const gen = token.gen + 1;
      c.sql(`UPDATE refresh_tokens SET state = 'used', used_at = ?, asked = ? WHERE hash = ?`).run(now, scopeKey(scopes), token.hash);
      const answer = issueTokens(c, grant, tokens, scopes, gen, now);
      if (c.lifetimes.replayMs > 0) {
        const sealed = sealWith(request.refreshToken, purpose, JSON.stringify(answer));
        c.sql('UPDATE refresh_tokens SET answer = ? WHERE hash = ?').run(sealed, token.hash);
      }
      c.sql('UPDATE refresh_tokens SET answer = NULL WHERE grant_id = ? AND gen = ?').run(grant.id, token.gen - 1);
      const forgotten = gen - c.bounds.generations;
      c.sql('DELETE FROM refresh_tokens WHERE grant_id = ? AND gen <= ?').run(grant.id, forgotten);
      c.sql('DELETE FROM access_tokens WHERE grant_id = ? AND gen <= ?').run(grant.id, forgotten);
      return { outcome: 'rotated', grant: { ...grantOf(grant), lastUsedAt: now }, answer };
    }),
});

const judge = (
  c: Connection,
  request: RefreshRequest,
  now: number,
  origin: Origin,
): RefreshRefusal | { readonly token: RefreshRow; readonly grant: GrantRow } => {
  const token = c.sql<RefreshRow>('SELECT * FROM refresh_tokens WHERE hash = ?').get(digest(request.refreshToken));
  const grant = token && findGrant(c, token.grant_id);
  if (!grant) return { outcome: 'unknown' };
  const reason = isOver(grant, now);
  if (reason) return { outcome: 'grant_over', reason };
  const successor = c
    .sql<Pick<RefreshRow, 'state'>>('SELECT state FROM refresh_tokens WHERE grant_id = ? AND gen = ?')
    .get(grant.id, token.gen + 1);
  const facts = {
    state: token.state,
    idleExpiresAt: token.idle_expires_at,
    usedAt: token.used_at,
    asked: token.asked,
    successorActive: successor?.state === 'active',
  };
  const verdict = judgeRefresh(facts, factsOf(grant), request, c.lifetimes.replayMs, now);
  if (verdict === 'rotate') return { token, grant };
  if (verdict === 'replay') {
    const opened = token.answer && openWith(request.refreshToken, purpose, token.answer);
    if (opened) {
      audit(c, { kind: 'refresh_replayed', user: userOf(grant), clientId: grant.client_id, grantId: grant.id }, origin, now);
      return { outcome: 'replay', grant: grantOf(grant), answer: JSON.parse(opened) as TokenAnswer };
    }
  } else if (verdict !== 'reused') {
    return { outcome: verdict };
  }
  endGrant(c, grant, 'refresh_reused', now, { kind: 'refresh_reused' }, origin);
  return { outcome: 'reused', grantId: grant.id, user: userOf(grant) };
};
