import type { Request } from 'express';
import { type CookieJar, cookiesOf } from './cookies.ts';

/** One browser may have this many sign-ins under way; beginning another one drops the oldest. */
const most = 10;
const shape = /^[A-Za-z0-9_-]{22}$/;

/** The cookie that binds a sign-in to the browser that approved it, one for each, so that several tabs work at once. */
export const signInCookie = (jar: CookieJar) => {
  const prefix = jar.name('txn-');
  return {
    /** `Set-Cookie` values that begin sign-in `id` in the browser of this request. */
    begin: (request: Request, id: string, browser: string, maxAgeMs: number): string[] => {
      const others = [...cookiesOf(request).keys()].filter((name) => name.startsWith(prefix) && name !== `${prefix}${id}`);
      return [...others.slice(0, Math.max(0, others.length - most + 1)).map(jar.clear), jar.set(`${prefix}${id}`, browser, maxAgeMs)];
    },
    /** What this browser holds for sign-in `id`. */
    read: (request: Request, id: string): string | undefined => (shape.test(id) ? cookiesOf(request).get(`${prefix}${id}`) : undefined),
    end: (id: string): string => jar.clear(`${prefix}${id}`),
  };
};
