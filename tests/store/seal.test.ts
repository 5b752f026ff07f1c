import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { deriveToken } from '../../src/store/digest.ts';
import { generateKey, openWith, parseKeyring, sealWith } from '../../src/store/seal.ts';

const ada = { issuer: 'https://login.example.com', subject: 'ada' };
const context = { purpose: 'kestra credential', user: ada, instance: 'https://kestra.example.com' };

describe('reading the key ring', () => {
  it('takes what generate-key makes, and any spelling of 32 random bytes', () => {
    const bytes = randomBytes(32);
    const spellings = [
      bytes.toString('base64'),
      bytes.toString('base64url'),
      `${bytes.toString('base64url')}=`,
      ` ${bytes.toString('base64')}\n`,
    ];
    const ids = spellings.map((text) => parseKeyring({ ENCRYPTION_KEY: text }).keys[0]?.keyId);
    expect(new Set(ids).size).toBe(1);
    expect(parseKeyring({ ENCRYPTION_KEY: generateKey() }).keys).toHaveLength(1);
    expect(generateKey()).toMatch(/^[A-Za-z0-9_-]{43}=$/);
  });

  it.each([
    ['nothing', {}],
    ['an empty one', { ENCRYPTION_KEY: '', ENCRYPTION_KEYS: '' }],
    ['a short one', { ENCRYPTION_KEY: randomBytes(16).toString('base64') }],
    ['a long one', { ENCRYPTION_KEY: randomBytes(33).toString('base64') }],
    ['a password', { ENCRYPTION_KEY: 'correct horse battery staple' }],
    ['zeros', { ENCRYPTION_KEY: Buffer.alloc(32).toString('base64') }],
    ['a repeated pattern', { ENCRYPTION_KEY: Buffer.from('0123456789abcdef'.repeat(2), 'hex').toString('base64').padEnd(43, 'A') }],
    ['text in base64', { ENCRYPTION_KEY: Buffer.from('this-is-an-example-key-32-bytes!').toString('base64') }],
    ['a name without a key', { ENCRYPTION_KEYS: 'k1' }],
    ['a ring with a bad one', { ENCRYPTION_KEYS: `k2:${generateKey()},k1:short` }],
    ['a trailing comma', { ENCRYPTION_KEYS: `k2:${generateKey()},` }],
  ])('refuses %s and says how to make one or how to write it', (_, settings) => {
    expect(() => parseKeyring(settings)).toThrowError(
      expect.objectContaining({ code: 'misconfigured', message: expect.stringMatching(/kestra-mcp generate-key|name:key,name:key/) }),
    );
  });

  it('refuses both settings at once, and a ring with a name or key twice', () => {
    const key = generateKey();
    expect(() => parseKeyring({ ENCRYPTION_KEY: key, ENCRYPTION_KEYS: `k:${key}` })).toThrow(/both set/);
    expect(() => parseKeyring({ ENCRYPTION_KEYS: `k1:${key},k2:${key}` })).toThrow(/same name or key/);
    expect(() => parseKeyring({ ENCRYPTION_KEYS: `k1:${key},k1:${generateKey()}` })).toThrow(/same name or key/);
  });

  it('A46: no refusal repeats the key', () => {
    for (const text of ['SECRETSECRETSECRET', `${generateKey()}xyz`]) {
      try {
        parseKeyring({ ENCRYPTION_KEYS: `k1:${text}` });
        expect.unreachable();
      } catch (error) {
        expect(String(error)).not.toContain(text);
      }
    }
  });
});

describe('sealing', () => {
  const ring = parseKeyring({ ENCRYPTION_KEY: generateKey() });
  const sealed = ring.seal('secret', context);

  it('opens for the same purpose, user and instance only', () => {
    expect(ring.open(sealed, context)).toBe('secret');
    for (const change of [
      { purpose: 'imported kestra credential' },
      { user: { ...ada, subject: 'bob' } },
      { user: { ...ada, issuer: 'https://other' } },
      { user: { issuer: 'https://login.example.comada', subject: '' } },
      { user: undefined },
      { instance: 'https://other' },
      { instance: undefined },
    ]) {
      expect(ring.open(sealed, { ...context, ...change })).toBeUndefined();
    }
  });

  it('notices every changed, missing or added byte', () => {
    for (let i = 0; i < sealed.bytes.length; i += 1) {
      const changed = Buffer.from(sealed.bytes);
      changed[i] = (changed[i] ?? 0) ^ 1;
      expect(ring.open({ ...sealed, bytes: changed }, context)).toBeUndefined();
      expect(ring.open({ ...sealed, bytes: sealed.bytes.subarray(0, i) }, context)).toBeUndefined();
    }
    expect(ring.open({ ...sealed, bytes: Buffer.concat([sealed.bytes, Buffer.of(0)]) }, context)).toBeUndefined();
  });

  it('never seals to the same bytes twice', () => {
    expect(new Set(Array.from({ length: 500 }, () => ring.seal('secret', context).bytes.toString('hex'))).size).toBe(500);
  });

  it('P16: the first key seals, all open, one that is not in the ring does not', () => {
    const [k1, k2] = [generateKey(), generateKey()];
    const old = parseKeyring({ ENCRYPTION_KEY: k1 });
    const both = parseKeyring({ ENCRYPTION_KEYS: `new:${k2},old:${k1}` });
    const next = parseKeyring({ ENCRYPTION_KEYS: `renamed:${k2}` });
    const bySealed = old.seal('a', context);
    const byBoth = both.seal('b', context);
    expect(both.open(bySealed, context)).toBe('a');
    expect(next.open(byBoth, context)).toBe('b');
    expect(next.open(bySealed, context)).toBeUndefined();
    expect(old.open(byBoth, context)).toBeUndefined();
    expect(both.derive('cookies')[1]).toEqual(old.derive('cookies')[0]);
    expect(both.derive('cookies')[0]).not.toEqual(both.derive('forms')[0]);
  });

  it('seals text for pages and cookies, and opens nothing that was made up', () => {
    const text = ring.sealText('form', { purpose: 'consent form' });
    expect(text).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(ring.openText(text, { purpose: 'consent form' })).toBe('form');
    expect(ring.openText(text, { purpose: 'other form' })).toBeUndefined();
    for (const made of ['', 'x', text.slice(1), text.slice(0, -2), randomBytes(80).toString('base64url')]) {
      expect(ring.openText(made, { purpose: 'consent form' })).toBeUndefined();
    }
  });

  it('with a secret: opens by that secret alone', () => {
    const bytes = sealWith('token', 'answer', 'body');
    expect(openWith('token', 'answer', bytes)).toBe('body');
    expect(openWith('token2', 'answer', bytes)).toBeUndefined();
    expect(openWith('token', 'other', bytes)).toBeUndefined();
  });

  it('derives one token for one secret and purpose', () => {
    expect(deriveToken('session', 'csrf')).toBe(deriveToken('session', 'csrf'));
    expect(new Set([deriveToken('session', 'csrf'), deriveToken('session', 'x'), deriveToken('other', 'csrf')]).size).toBe(3);
  });
});
