import { randomBytes, timingSafeEqual } from 'node:crypto';

/** What a secret is for; it shows in its first letters, so that a leaked one can be recognised. */
export type SecretKind = 'at' | 'rt' | 'code';

/** A new secret: 32 random bytes behind its kind, `kmcp_at_…` (OAuth 2.1 §7.10: unguessable). */
export const mint = (kind: SecretKind): string => `kmcp_${kind}_${random()}`;

/** 32 random bytes, base64url. */
export const random = (): string => randomBytes(32).toString('base64url');

const shapes: Readonly<Record<SecretKind, RegExp>> = {
  at: /^kmcp_at_[A-Za-z0-9_-]{43}$/,
  rt: /^kmcp_rt_[A-Za-z0-9_-]{43}$/,
  code: /^kmcp_code_[A-Za-z0-9_-]{43}$/,
};

/** Could this text be a secret of that kind? Spares the store whatever couldn't. */
export const looksLike = (kind: SecretKind, text: string): boolean => shapes[kind].test(text);

/** Equality in constant time for equal lengths. */
export const same = (a: string, b: string): boolean => {
  const [x, y] = [Buffer.from(a), Buffer.from(b)];
  return x.length === y.length && timingSafeEqual(x, y);
};
