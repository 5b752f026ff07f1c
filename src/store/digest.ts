import { createHash, hkdfSync } from 'node:crypto';

/** What is kept of a secret of 128 bits or more: SHA-256. */
export const digest = (secret: string): Buffer => createHash('sha256').update(secret).digest();

/** 32 bytes that only who holds `secret` can have, different for each purpose (HKDF-SHA256, RFC 5869). */
export const deriveKey = (secret: string | Buffer, purpose: string): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, Buffer.alloc(0), `kestra-mcp ${purpose}`, 32));

/** A token derived from a secret of a browser, such as its CSRF token from its session: nothing needs to be stored. base64url. */
export const deriveToken = (secret: string, purpose: string): string => deriveKey(secret, purpose).toString('base64url');

/** JSON with sorted keys: equal for equal values, whatever the order they were written in. */
export const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) =>
    part && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
