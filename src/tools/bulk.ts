import { createHash } from 'node:crypto';
import { z } from 'zod';
import { PublicError } from '../errors.ts';
import type { Answer } from './answer.ts';
import { refuse } from './fields.ts';

/** The argument that lets a bulk action act. */
export const confirmBulk = z.string().max(100).optional().describe('what the first answer gives: acts on exactly those');

/** How many one call may act on. */
export const mostInBulk = 500;
export const bulkPage = 100;
const mostNamed = 5;

/** A sign for what is done to a number of things, which changes when any of it does: what was shown is what is acted on. */
const tokenOf = (title: string, keys: readonly string[]): string =>
  `${keys.length}-${createHash('sha256')
    .update([title, ...[...keys].sort()].join('\n'))
    .digest('hex')
    .slice(0, 8)}`;

/**
 * Everything that a search finds, page after page.
 * @throws PublicError `invalid_input` if it is more than one call may act on
 */
export const collect = async <Row>(
  ask: (page: number, size: number) => Promise<{ readonly total: number; readonly results: readonly Row[] }>,
): Promise<Row[]> => {
  const rows: Row[] = [];
  for (let page = 1; ; page++) {
    const { total, results } = await ask(page, bulkPage);
    if (total > mostInBulk) {
      refuse(
        `${total} match, and ${mostInBulk} are the most at a time. Narrow the filter, for example by time, and do it in parts. Nothing was done.`,
      );
    }
    rows.push(...results);
    if (results.length === 0 || rows.length >= total) return rows;
  }
};

/**
 * What to say before anything is done, or undefined if the caller has seen exactly this.
 * @throws PublicError `conflict` if what was confirmed is no longer what matches
 */
export const mustConfirm = (given: string | undefined, title: string, keys: readonly string[]): boolean => {
  const token = tokenOf(title, keys);
  if (given === token) return false;
  if (given === undefined) return true;
  throw new PublicError(
    'conflict',
    `What matches is not what you confirmed: it is now ${keys.length}. Nothing was done. Call without confirm to see it, and ask the user again.`,
  );
};

/**
 * What matches, said before anything is done, with the `confirm` that does it to exactly these.
 * @param names what a person knows them by, for a client that asks its user
 */
export const askFirst = (
  title: string,
  keys: readonly string[],
  facts: Answer['facts'],
  { warning, names = keys }: { readonly warning?: string | undefined; readonly names?: readonly string[] } = {},
): Answer => {
  const value = tokenOf(title, keys);
  const some = names.slice(0, mostNamed).join(', ');
  return {
    facts: {
      matching: keys.length,
      ...facts,
      done: 'nothing yet',
      ...(warning && { warning }),
      next: `If the user wants this for all ${keys.length}, call again with the same arguments and confirm: ${JSON.stringify(value)}.`,
    },
    confirm: {
      value,
      message: `${title}: ${keys.length}? ${warning ? `${warning} ` : ''}(${some}${names.length > mostNamed ? ', …' : ''})`,
    },
  };
};

export const batches = <T>(all: readonly T[], most: number): T[][] =>
  Array.from({ length: Math.ceil(all.length / most) }, (_, index) => all.slice(index * most, (index + 1) * most));
