import { z } from 'zod';

export const flag = z
  .enum(['true', 'false', '1', '0', 'yes', 'no'], 'use true or false')
  .transform((word) => word === 'true' || word === '1' || word === 'yes');

export const url = z.url({ protocol: /^https?$/, error: 'use a URL that begins with http:// or https://', abort: true }).refine((text) => {
  const { username, password, search, hash } = new URL(text);
  return `${username}${password}${search}${hash}` === '';
}, 'use a URL without a user name, a password, ? and #');

export const seconds = (least: number, most: number) =>
  z.coerce.number({ error: 'use a number of seconds' }).min(least, `use at least ${least}`).max(most, `use at most ${most}`);

export const whole = (least: number, most: number) =>
  z.coerce
    .number({ error: 'use a whole number' })
    .int('use a whole number')
    .min(least, `use at least ${least}`)
    .max(most, `use at most ${most}`);

/** Words between commas or spaces, in lower case. */
export const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(/[\s,]+/)
      .filter((word) => word !== '')
      .map((word) => word.toLowerCase()),
  );

/** Percent-decoded; what is not well encoded is taken as it is. */
export const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};
