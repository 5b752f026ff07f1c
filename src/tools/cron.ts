const dayMs = 86_400_000;
const mostDays = 4000;

/** About how often a schedule falls into a time, in UTC; undefined for what is no plain cron expression of five fields. */
export const occurrences = (cron: unknown, from: number, to: number): number | undefined => {
  const fields = typeof cron === 'string' ? (nicknames[cron.trim()] ?? cron).trim().split(/\s+/) : [];
  if (fields.length !== 5) return undefined;
  const sets = fields.map((field, index) => valuesOf(field, ranges[index] ?? [0, 0], names[index] ?? []));
  const [minutes, hours, days, months, weekdays] = sets;
  if (!minutes || !hours || !days || !months || !weekdays || to - from > mostDays * dayMs) return undefined;
  const [, , dayField, , weekdayField] = fields;
  // Of the two, one that is a star leaves it to the other; if neither is, either will do.
  const either = dayField !== '*' && weekdayField !== '*';
  const onDay = (date: Date): boolean => {
    const [day, weekday] = [days.has(date.getUTCDate()), weekdays.has(date.getUTCDay())];
    return months.has(date.getUTCMonth() + 1) && (either ? day || weekday : day && weekday);
  };
  let count = 0;
  for (let day = from - (from % dayMs); day <= to; day += dayMs) {
    if (!onDay(new Date(day))) continue;
    for (const hour of hours) {
      for (const minute of minutes) {
        const moment = day + (hour * 60 + minute) * 60_000;
        if (moment >= from && moment <= to) count++;
      }
    }
  }
  return count;
};

const ranges = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
] as const;

const nicknames: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

const months = 'JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC'.split(' ');
const weekdays = 'SUN MON TUE WED THU FRI SAT'.split(' ');
const names: Readonly<Record<number, readonly string[]>> = { 3: ['', ...months], 4: weekdays };

/** The values of a field such as 1-5, 0/15, MON,WED; undefined for anything else. */
const valuesOf = (field: string, [least, most]: readonly [number, number], words: readonly string[]): ReadonlySet<number> | undefined => {
  const values = new Set<number>();
  for (const part of field.split(',')) {
    const match = /^(?:\*|(\w+)(?:-(\w+))?)(?:\/(\d+))?$/.exec(part);
    if (!match) return undefined;
    const [, first, last, step] = match;
    const start = first === undefined ? least : numberOf(first, words);
    const end = first === undefined ? most : last !== undefined ? numberOf(last, words) : step !== undefined ? most : start;
    const by = step === undefined ? 1 : Number(step);
    if (start === undefined || end === undefined || start < least || end > most || by < 1) return undefined;
    for (let value = start; value <= end; value += by) values.add(value);
  }
  // Sunday is 0 and 7.
  if (most === 7 && values.has(7)) values.add(0);
  return values;
};

const numberOf = (text: string, words: readonly string[]): number | undefined => {
  const index = words.indexOf(text.toUpperCase());
  if (index >= 0 && text !== '') return index;
  return /^\d+$/.test(text) ? Number(text) : undefined;
};
