import { one, type Work } from '../work.ts';

/**
 * Keeps a table at its size. Looks at the first insert and then after each hundredth of the bound: counting rows at each would be slow. So
 * each process that shares the table may exceed the bound by a hundredth.
 */
export const bound = (table: 'counters' | 'once' | 'sign_ins', rows: number, overflow: (excess: number) => Work<void>) => {
  const step = Math.max(1, Math.floor(rows / 100));
  let untilLook = 0;
  return function* (): Work<void> {
    untilLook -= 1;
    if (untilLook > 0) return;
    untilLook = step;
    const { n = 0 } = (yield* one<{ n: number }>(`SELECT count(*) AS n FROM ${table}`)) ?? {};
    if (n > rows) yield* overflow(n - rows);
  };
};
