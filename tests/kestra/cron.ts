import { second } from './clock.ts';

const ranges = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
] as const;

const nicknames: Record<string, string> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
};

/** The next moment (UTC, to the minute) after `after` at which a cron expression of five fields fires. */
export function nextRun(cron: string, after: number): string | undefined {
  const fields = (nicknames[cron.trim()] ?? cron).trim().split(/\s+/);
  if (fields.length !== 5) return undefined;
  const sets = fields.map((field, index) => values(field, ranges[index] ?? [0, 59]));
  const [minutes, hours, days, months, weekdays] = sets;
  const moment = new Date(Math.floor(after / 60_000) * 60_000 + 60_000);
  for (let step = 0; step < 100_000; step++) {
    const dayFits =
      months?.has(moment.getUTCMonth() + 1) &&
      days?.has(moment.getUTCDate()) &&
      (weekdays?.has(moment.getUTCDay()) || (moment.getUTCDay() === 0 && weekdays?.has(7)));
    if (!dayFits) moment.setUTCHours(24, 0, 0, 0);
    else if (!hours?.has(moment.getUTCHours())) moment.setUTCHours(moment.getUTCHours() + 1, 0, 0, 0);
    else if (!minutes?.has(moment.getUTCMinutes())) moment.setUTCMinutes(moment.getUTCMinutes() + 1, 0, 0);
    else return second(moment.toISOString());
  }
  return undefined;
}

function values(field: string, [low, high]: readonly [number, number]): Set<number> {
  const found = new Set<number>();
  for (const part of field.split(',')) {
    const [range = '*', every = '1'] = part.split('/');
    const [from, to] = range === '*' ? [low, high] : range.split('-').map(Number);
    const last = to ?? (part.includes('/') ? high : (from ?? low));
    for (let value = from ?? low; value <= last; value += Number(every)) found.add(value);
  }
  return found;
}
