import { expect, it } from 'vitest';
import { judgeRefresh } from '../../src/store/judge.ts';

it('A19: a used token whose successor is used is no replay, even if its answer were still there', () => {
  const grant = { clientId: 'c', redirectUri: 'r', resource: 'm', scopes: ['a', 'b'], endsAt: 1000 };
  const used = { state: 'used', idleExpiresAt: 1000, usedAt: 10, asked: 'a b', successorActive: true } as const;
  expect(judgeRefresh(used, grant, { clientId: 'c' }, 30, 20)).toBe('replay');
  expect(judgeRefresh({ ...used, successorActive: false }, grant, { clientId: 'c' }, 30, 20)).toBe('reused');
});
