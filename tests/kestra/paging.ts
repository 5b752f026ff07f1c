import { millis } from './clock.ts';
import { Refusal } from './refusal.ts';
import type { Call } from './route.ts';

/** A page of a list. */
export interface Page<T> {
  results: T[];
  total: number;
}

/** Cuts the page that was asked for; `operation` stands in Kestra's messages. */
export function page<T>(call: Call, operation: string, rows: T[]): Page<T> {
  const { number, size } = pageOf(call, operation);
  const from = (number - 1) * size;
  return { results: rows.slice(from, from + size), total: from >= rows.length && from > 0 ? 0 : rows.length };
}

/** Page and size of a request. */
export function pageOf(call: Call, operation: string): { number: number; size: number } {
  const number = wholeNumber(call, 'page') ?? 1;
  const size = wholeNumber(call, 'size') ?? 10;
  for (const [name, value] of Object.entries({ page: number, size })) {
    if (value < 1) {
      const [path, message] = [`${operation}.${name}`, 'must be greater than or equal to 1'];
      throw new Refusal(422, `Invalid entity: ${path}: ${message}`, [{ path, message }]);
    }
  }
  return { number, size };
}

/** A whole number of the query. */
export function wholeNumber(call: Call, name: string): number | undefined {
  const text = call.query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^-?\d+$/.test(text))
    throw new Refusal(
      422,
      `Internal server error: Failed to convert argument [${name}] for value [${text}] due to: For input string: "${text}"`,
    );
  return Number(text);
}

/** Sorts rows as `sort=field:asc` says; rows of equal value keep their order. */
export function sorted<T>(call: Call, rows: T[], fields: Record<string, (row: T) => string | number | undefined>): T[] {
  const orders = call.query.getAll('sort').map((text) => {
    const [field = '', direction, ...rest] = text.split(':');
    if (rest.length || (direction !== 'asc' && direction !== 'desc'))
      throw new Refusal(422, 'Unprocessable Entity: Invalid sort parameter');
    const value = fields[field];
    if (!value) throw new Refusal(422, `Unprocessable Entity: Invalid sort field: ${field}`);
    return { value, sign: direction === 'asc' ? 1 : -1 };
  });
  if (orders.length === 0) return rows;
  return [...rows].sort((a, b) => {
    for (const { value, sign } of orders) {
      const difference = compare(value(a), value(b));
      if (difference !== 0) return difference * sign;
    }
    return 0;
  });
}

function compare(a: string | number | undefined, b: string | number | undefined): number {
  if (a === b) return 0;
  if (a === undefined) return -1;
  if (b === undefined) return 1;
  if (typeof a === 'string' && typeof b === 'string')
    return /^\d{4}-\d\d-\d\dT/.test(a) ? millis(a) - millis(b) || (a < b ? -1 : 1) : a < b ? -1 : 1;
  return Number(a) - Number(b);
}
