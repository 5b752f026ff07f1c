import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, test } from 'vitest';
import { type Counters, memoryCounters } from '../../src/auth/counters.ts';
import { addressOf, createLimits, defaultRules, type Limits } from '../../src/auth/limits.ts';
import { OAuthError } from '../../src/auth/oauth-error.ts';
import { openStore } from '../../src/store/open.ts';
import { generateKey, parseKeyring } from '../../src/store/seal.ts';
import type { Store } from '../../src/store/store.ts';

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

const taken = (take: Promise<unknown>): Promise<OAuthError | undefined> =>
  take.then(
    () => undefined,
    (error: unknown) => error as OAuthError,
  );

/** In a process, or in the store, where replicas have them in common. */
describe.each(['memory', 'the store'])('A29, P14: limits counted in %s', (where) => {
  const folders: string[] = [];
  const stores: Store[] = [];
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
    for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
  });
  const countersAt = async (clock: () => number): Promise<Counters> => {
    if (where === 'memory') return memoryCounters(clock);
    const folder = await mkdtemp(join(tmpdir(), 'kestra-mcp-'));
    folders.push(folder);
    const store = await openStore(join(folder, 'store.sqlite'), { keyring: parseKeyring({ ENCRYPTION_KEY: generateKey() }), clock });
    stores.push(store);
    return store;
  };
  const limitsAt = async (clock: () => number = Date.now) => createLimits({ counters: await countersAt(clock) });
  const fill = async (limits: Limits, ...keys: [string, string]): Promise<number> => {
    for (let i = 0; ; i += 1) if (await taken(limits.take('guess', ...keys))) return i;
  };

  test('429 with the seconds until the window ends, and then it goes on', async () => {
    const { clock, advance } = movable();
    const limits = await limitsAt(clock);
    for (let i = 0; i < defaultRules.guess.most; i += 1) await limits.take('guess', '192.0.2.1', 'a');
    advance(100_000);
    const refused = await taken(limits.take('guess', '192.0.2.1', 'a'));
    expect(refused).toBeInstanceOf(OAuthError);
    expect([refused?.status, refused?.code, refused?.headers['Retry-After']]).toEqual([429, 'slow_down', '200']);
    advance(200_000);
    await limits.take('guess', '192.0.2.1', 'a');
  });

  test("one client's guesses never lock another out, nor the same client elsewhere", async () => {
    const limits = await limitsAt();
    await fill(limits, '192.0.2.1', 'a');
    await limits.take('guess', '192.0.2.1', 'b');
    await limits.take('guess', '192.0.2.2', 'a');
  });

  test('many clients from one address: the address is limited too', async () => {
    const limits = await limitsAt();
    let i = 0;
    while (!(await taken(limits.take('guess', '192.0.2.1', `client ${i}`)))) i += 1;
    expect(i).toBe(defaultRules.guesses.most);
  });

  test('what went well is given back: a company behind one address is not locked out', async () => {
    const limits = await limitsAt();
    for (let i = 0; i < 1000; i += 1) await limits.giveBack(await limits.take('guess', '192.0.2.1', 'a'));
    expect(await fill(limits, '192.0.2.1', 'a')).toBe(defaultRules.guess.most);
  });

  test('what is refused is not counted: knocking on does not keep the door shut', async () => {
    const { clock, advance } = movable();
    const limits = await limitsAt(clock);
    await fill(limits, '192.0.2.1', 'a');
    for (let i = 0; i < 100; i += 1) expect(await taken(limits.take('guess', '192.0.2.1', 'a'))).toBeDefined();
    advance(defaultRules.guess.seconds * 1000 + 1);
    await limits.take('guess', '192.0.2.1', 'a');
  });

  test('a rule that refuses leaves the others uncounted', async () => {
    const counters = await countersAt(Date.now);
    const limits = createLimits({ counters });
    for (let i = 0; i < defaultRules.guesses.most; i += 1) await limits.take('guess', '192.0.2.1', `client ${i}`);
    for (let i = 0; i < 100; i += 1) expect(await taken(limits.take('guess', '192.0.2.1', 'a'))).toBeDefined();
    const { most: limit, seconds } = defaultRules.guess;
    expect(await counters.count('guess\n192.0.2.1\na', { limit, windowMs: seconds * 1000, cost: 0 })).toMatchObject({ remaining: limit });
  });

  test('keys do not run into one another', async () => {
    const limits = await limitsAt();
    await fill(limits, '192.0.2.1', '1');
    await limits.take('guess', '192.0.2.11', '');
  });
});

test('P18 a flood of addresses and long keys: bounded memory', async () => {
  const rules = { ...defaultRules, registrations: { most: 1e9, seconds: 3600 } };
  const limits = createLimits({ rules, counters: memoryCounters() });
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 60_000; i += 1) await limits.take('registration', `${i} ${'x'.repeat(1000)}`);
  collect();
  await limits.take('guess', 'still', 'here');
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(40_000_000);
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
