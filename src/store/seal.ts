import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { PublicError } from '../errors.ts';
import { deriveKey } from './digest.ts';

/** What a sealed value is for. It opens for the same purpose, user and instance only. */
export interface SealContext {
  readonly purpose: string;
  /** Whose, as `issuer` and `subject`. */
  readonly user?: { readonly issuer: string; readonly subject: string };
  /** The Kestra it is for, or any other thing that it is bound to. */
  readonly instance?: string;
}

export interface Sealed {
  /** Which key sealed it: a fingerprint of the key, so that a label may be renamed. */
  readonly keyId: string;
  /** Version, nonce, tag, ciphertext. */
  readonly bytes: Buffer;
}

/** The encryption keys: the first seals, all open. */
export interface Keyring {
  readonly keys: readonly { readonly keyId: string; readonly name: string }[];
  /** AES-256-GCM; purpose, key id, user and instance are its associated data. */
  seal(plaintext: string, context: SealContext): Sealed;
  /** Undefined when the key isn't in the ring, or it was sealed for something else, or it was tampered with. */
  open(sealed: Sealed, context: SealContext): string | undefined;
  /** A value for a page or a cookie: `seal` as one base64url string. */
  sealText(plaintext: string, context: SealContext): string;
  openText(text: string, context: SealContext): string | undefined;
  /** 32 bytes for another use (HKDF), one of each key: the first makes, all verify. */
  derive(purpose: string): readonly [Buffer, ...Buffer[]];
}

const howTo = 'make one with `kestra-mcp generate-key`';

/**
 * Reads `ENCRYPTION_KEYS` ("k2:…,k1:…", the first seals) or `ENCRYPTION_KEY` (a ring of one). A key is 32 random bytes in base64
 * (urlsafe or not, padded or not).
 * @throws PublicError `misconfigured`: none, both, malformed, or one that is an example and no secret
 */
export const parseKeyring = (settings: KeySettings): Keyring => keyring(namedKeys(settings));

/** The keys themselves, the first first: for what others sealed with them. @throws PublicError as `parseKeyring` */
export const keysOf = (settings: KeySettings): Buffer[] => namedKeys(settings).map(({ key }) => key);

interface KeySettings {
  readonly ENCRYPTION_KEYS?: string;
  readonly ENCRYPTION_KEY?: string;
}

const namedKeys = ({ ENCRYPTION_KEYS: many, ENCRYPTION_KEY: one }: KeySettings): { name: string; key: Buffer }[] => {
  if (many && one) throw new PublicError('misconfigured', 'ENCRYPTION_KEYS and ENCRYPTION_KEY are both set: keep one');
  if (one) return [{ name: 'ENCRYPTION_KEY', key: parseKey('ENCRYPTION_KEY', one) }];
  if (!many) throw new PublicError('misconfigured', `ENCRYPTION_KEY is missing: ${howTo}`);
  return many.split(',').map((entry) => {
    const [, name, text] = /^\s*([A-Za-z0-9_-]{1,32}):(.+)$/s.exec(entry) ?? [];
    if (!name || !text) throw new PublicError('misconfigured', 'ENCRYPTION_KEYS: write name:key,name:key; the first one seals');
    return { name, key: parseKey(`ENCRYPTION_KEYS, ${name}`, text) };
  });
};

/** A fresh key as `ENCRYPTION_KEY` wants it. */
export const generateKey = (): string => `${randomBytes(32).toString('base64url')}=`;

const parseKey = (setting: string, text: string): Buffer => {
  const plain = text.trim().replaceAll('-', '+').replaceAll('_', '/');
  const key = /^[A-Za-z0-9+/]{43}=?$/.test(plain) ? Buffer.from(plain, 'base64') : undefined;
  if (key?.length !== 32) throw new PublicError('misconfigured', `${setting}: a key is 32 bytes in base64 (44 characters); ${howTo}`);
  if (looksWritten(key)) throw new PublicError('misconfigured', `${setting}: this is an example, not a secret; ${howTo}`);
  return key;
};

/** 32 random bytes repeat this much, or are all text, less than once in 10^13 times. */
const looksWritten = (key: Buffer): boolean => new Set(key).size < 16 || key.every((byte) => byte >= 0x20 && byte < 0x7f);

const keyring = (given: readonly { name: string; key: Buffer }[]): Keyring => {
  const keys = given.map(({ name, key }) => ({ name, key, keyId: fingerprint(key) }));
  const [first] = keys;
  if (!first) throw new PublicError('misconfigured', `ENCRYPTION_KEYS is empty: ${howTo}`);
  for (const [i, { name, keyId }] of keys.entries()) {
    const twin = keys.slice(0, i).find((other) => other.name === name || other.keyId === keyId);
    if (twin) throw new PublicError('misconfigured', `ENCRYPTION_KEYS: ${twin.name} and ${name} have the same name or key`);
  }
  const seal = (plaintext: string, context: SealContext): Sealed => ({
    keyId: first.keyId,
    bytes: encrypt(deriveKey(first.key, `seal ${context.purpose}`), plaintext, associated(first.keyId, context)),
  });
  const open = ({ keyId, bytes }: Sealed, context: SealContext): string | undefined => {
    const found = keys.find((key) => key.keyId === keyId);
    return found && decrypt(deriveKey(found.key, `seal ${context.purpose}`), bytes, associated(keyId, context));
  };
  return {
    keys: keys.map(({ keyId, name }) => ({ keyId, name })),
    seal,
    open,
    sealText: (plaintext, context) => {
      const { keyId, bytes } = seal(plaintext, context);
      return Buffer.concat([Buffer.from(keyId, 'hex'), bytes]).toString('base64url');
    },
    openText: (text, context) => {
      const bytes = Buffer.from(text, 'base64url');
      return open({ keyId: bytes.subarray(0, idBytes).toString('hex'), bytes: bytes.subarray(idBytes) }, context);
    },
    derive: (purpose) => [deriveKey(first.key, purpose), ...keys.slice(1).map(({ key }) => deriveKey(key, purpose))],
  };
};

const idBytes = 8;
const fingerprint = (key: Buffer): string =>
  createHash('sha256')
    .update('kestra-mcp key id')
    .update(key)
    .digest('hex')
    .slice(0, idBytes * 2);

const associated = (keyId: string, { purpose, user, instance }: SealContext): string =>
  JSON.stringify([purpose, keyId, user?.issuer ?? null, user?.subject ?? null, instance ?? null]);

/** Seals with a key that only who knows `secret` has: neither the database nor the key ring opens it. */
export const sealWith = (secret: string, purpose: string, plaintext: string): Buffer =>
  encrypt(deriveKey(secret, `seal ${purpose}`), plaintext, purpose);

export const openWith = (secret: string, purpose: string, bytes: Buffer): string | undefined =>
  decrypt(deriveKey(secret, `seal ${purpose}`), bytes, purpose);

const version = 1;
const nonceBytes = 12;
const tagBytes = 16;

const encrypt = (key: Buffer, plaintext: string, associatedData: string): Buffer => {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(associatedData));
  const body = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
  return Buffer.concat([Buffer.of(version), nonce, cipher.getAuthTag(), body]);
};

const decrypt = (key: Buffer, bytes: Buffer, associatedData: string): string | undefined => {
  const tagAt = 1 + nonceBytes;
  const bodyAt = tagAt + tagBytes;
  if (bytes.length < bodyAt || bytes[0] !== version) return undefined;
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(1, tagAt), { authTagLength: tagBytes });
    decipher.setAAD(Buffer.from(associatedData)).setAuthTag(bytes.subarray(tagAt, bodyAt));
    return Buffer.concat([decipher.update(bytes.subarray(bodyAt)), decipher.final()]).toString('utf8');
  } catch {
    return undefined;
  }
};
