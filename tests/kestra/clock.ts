import { randomBytes } from 'node:crypto';

let last = 0;

/** The present moment to the microsecond, as Kestra stores it; every call gives a later one, so that sorting by date is stable. */
export function now(): string {
  const micros = Math.floor((performance.timeOrigin + performance.now()) * 1000);
  last = Math.max(micros, last + 1);
  return moment(last);
}

/** A moment given in milliseconds, written to the microsecond. */
export function at(milliseconds: number): string {
  return moment(Math.floor(milliseconds * 1000));
}

function moment(micros: number): string {
  const iso = new Date(Math.floor(micros / 1000)).toISOString();
  return `${iso.slice(0, -1)}${String(micros % 1000).padStart(3, '0')}Z`;
}

/** A moment to the second. */
export function second(date: string): string {
  return `${date.slice(0, 19)}Z`;
}

/** Milliseconds of a date, with the fraction that `Date` would drop. */
export function millis(date: string): number {
  const fraction = /\.(\d+)/.exec(date)?.[1] ?? '';
  return Math.floor(Date.parse(date) / 1000) * 1000 + Number(`0.${fraction || '0'}`) * 1000;
}

/** The time between two dates as an ISO duration, the way Java writes it. */
export function between(from: string, to: string): string {
  const micros = Math.max(0, Math.round((millis(to) - millis(from)) * 1000));
  const hours = Math.floor(micros / 3_600_000_000);
  const minutes = Math.floor((micros % 3_600_000_000) / 60_000_000);
  const seconds = (micros % 60_000_000) / 1_000_000;
  const text = `${hours ? `${hours}H` : ''}${minutes ? `${minutes}M` : ''}${seconds ? `${Number(seconds.toFixed(6))}S` : ''}`;
  return `PT${text || '0S'}`;
}

/** Milliseconds of an ISO duration, undefined if it is none. */
export function duration(text: string): number | undefined {
  const match = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/i.exec(text);
  if (!match || text.length < 3 || /t$/i.test(text)) return undefined;
  const [, days = 0, hours = 0, minutes = 0, seconds = 0] = match;
  return (((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
}

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** A new id in Kestra's form: 128 bits in base 62. */
export function newId(): string {
  let number = BigInt(`0x${randomBytes(16).toString('hex')}`);
  let id = '';
  while (number > 0n) {
    id = digits.charAt(Number(number % 62n)) + id;
    number /= 62n;
  }
  return id;
}
