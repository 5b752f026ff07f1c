import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { addressOf, createLimits, defaultRules } from '../../src/auth/limits.ts';
import { OAuthError } from '../../src/auth/oauth-error.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const movable = () => {
  let time = 0;
  return {
    clock: () => time,
    advance: (ms: number) => {
      time += ms;
    },
  };
};

const taken = (take: () => unknown): OAuthError | undefined => {
  try {
    take();
    return undefined;
  } catch (error) {
    return error as OAuthError;
  }
};

describe('A29, P14: limits', () => {
  test('429 with the seconds until the window ends, and then it goes on', () => {
    const { clock, advance } = movable();
    const limits = createLimits({ clock });
    for (let i = 0; i < defaultRules.guess.most; i += 1) limits.take('guess', '192.0.2.1', 'a');
    advance(100_000);
    const refused = taken(() => limits.take('guess', '192.0.2.1', 'a'));
    expect(refused).toBeInstanceOf(OAuthError);
    expect([refused?.status, refused?.code, refused?.headers['Retry-After']]).toEqual([429, 'slow_down', '200']);
    advance(200_000);
    limits.take('guess', '192.0.2.1', 'a');
  });

  test("one client's guesses never lock another out, nor the same client elsewhere", () => {
    const limits = createLimits();
    while (!taken(() => limits.take('guess', '192.0.2.1', 'a'))) {}
    limits.take('guess', '192.0.2.1', 'b');
    limits.take('guess', '192.0.2.2', 'a');
  });

  test('many clients from one address: the address is limited too', () => {
    const limits = createLimits();
    let i = 0;
    while (!taken(() => limits.take('guess', '192.0.2.1', `client ${i}`))) i += 1;
    expect(i).toBe(defaultRules.guesses.most);
  });

  test('what went well is refunded, once: a company behind one address is not locked out', () => {
    const limits = createLimits();
    for (let i = 0; i < 10_000; i += 1) limits.take('guess', '192.0.2.1', 'a')();
    const refund = limits.take('guess', '192.0.2.1', 'a');
    for (let i = 0; i < 1000; i += 1) refund();
    let failures = 0;
    while (!taken(() => limits.take('guess', '192.0.2.1', 'a'))) failures += 1;
    expect(failures).toBe(defaultRules.guess.most);
  });

  test('what is refused is not counted: knocking on does not keep the door shut', () => {
    const { clock, advance } = movable();
    const limits = createLimits({ clock });
    while (!taken(() => limits.take('guess', '192.0.2.1', 'a'))) {}
    for (let i = 0; i < 100; i += 1) expect(taken(() => limits.take('guess', '192.0.2.1', 'a'))).toBeDefined();
    advance(defaultRules.guess.seconds * 1000 + 1);
    limits.take('guess', '192.0.2.1', 'a');
  });

  test('keys do not run into one another', () => {
    const limits = createLimits();
    while (!taken(() => limits.take('guess', '192.0.2.1', '1'))) {}
    limits.take('guess', '192.0.2.11', '');
  });

  test('P18 a flood of addresses and long keys: bounded memory', () => {
    const limits = createLimits({ rules: { ...defaultRules, registrations: { most: 1e9, seconds: 3600 } } });
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 60_000; i += 1) limits.take('registration', `${i} ${'x'.repeat(1000)}`);
    collect();
    limits.take('guess', 'still', 'here');
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(40_000_000);
  });
});

describe('addresses', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    [undefined, ''],
  ])('%s is limited as %s', (ip, key) => expect(addressOf({ ip })).toBe(key));
});
