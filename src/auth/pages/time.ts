import { type Html, html } from './html.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** How long ago, in words: a page without a script can't know the reader's time zone. The exact time is in its title. */
export const ago = (at: number, now: number): Html => {
  const iso = new Date(at).toISOString();
  return html`<time datetime="${iso}" title="${iso.slice(0, 16).replace('T', ' ')} UTC">${words(now - at, iso)}</time>`;
};

const words = (passed: number, iso: string): string => {
  if (passed < minute) return 'just now';
  if (passed < hour) return count(passed / minute, 'minute');
  if (passed < day) return count(passed / hour, 'hour');
  return passed < 30 * day ? count(passed / day, 'day') : `on ${iso.slice(0, 10)}`;
};

const count = (amount: number, unit: string): string => {
  const whole = Math.floor(amount);
  return `${whole} ${unit}${whole === 1 ? '' : 's'} ago`;
};
