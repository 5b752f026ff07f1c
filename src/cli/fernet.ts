import { createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';

const version = 0x80;

/**
 * Opens a Fernet token (spec.md of the Fernet specification: version, time, IV, AES-128-CBC, HMAC-SHA256) with a 32-byte key; undefined if
 * the key is another or the token was changed. Only for what the predecessor stored: this server seals with AES-256-GCM.
 */
export const openFernet = (token: string, key: Buffer): string | undefined => {
  const bytes = Buffer.from(token, 'base64url');
  if (key.length !== 32 || bytes.length < 1 + 8 + 16 + 16 + 32 || bytes[0] !== version) return undefined;
  const signed = bytes.subarray(0, -32);
  const signature = createHmac('sha256', key.subarray(0, 16)).update(signed).digest();
  if (!timingSafeEqual(signature, bytes.subarray(-32))) return undefined;
  try {
    const decipher = createDecipheriv('aes-128-cbc', key.subarray(16), signed.subarray(9, 25));
    return Buffer.concat([decipher.update(signed.subarray(25)), decipher.final()]).toString('utf8');
  } catch {
    return undefined;
  }
};
