import { isIPv6 } from 'node:net';
import type { Request } from 'express';
import { PublicError } from '../errors.ts';
import type { Counted } from '../store/records.ts';
import type { Counters } from './counters.ts';
import { OAuthError } from './oauth-error.ts';

/** At most `most` in any window of `seconds`. */
export interface Rule {
  readonly most: number;
  readonly seconds: number;
}

/**
 * What is limited, how often, and by what it is told apart. What goes well is refunded, so a company behind one address, whose people
 * all sign in on Monday morning, is not locked out: it registers few new clients and guesses nothing.
 */
export const defaultRules = {
  /** New clients, by address. */
  registration: { most: 30, seconds: 3600 },
  /** New clients, all addresses together. */
  registrations: { most: 1000, seconds: 3600 },
  /** Failed secrets, codes and refresh tokens, by address and client: somebody else's guesses never lock a client out. */
  guess: { most: 50, seconds: 300 },
  /** The same by address, whatever the client. */
  guesses: { most: 500, seconds: 300 },
  /** Pages of consent and sign-ins begun, by address and client. */
  transaction: { most: 300, seconds: 600 },
  /** The same by address. */
  transactions: { most: 1500, seconds: 600 },
  /** Fetches of client metadata documents, by host. */
  document: { most: 20, seconds: 60 },
  /** The same, all hosts together. */
  documents: { most: 600, seconds: 60 },
} as const satisfies Record<string, Rule>;

/**
 * The rules with what a setting changes: `guess=50/300` is 50 in any 300 seconds.
 * @throws PublicError `misconfigured`
 */
export const rulesOf = (changes: readonly string[]): Readonly<Record<RuleName, Rule>> => {
  const changed = changes.map((change) => {
    const [, name = '', most, seconds] = /^([a-z]+)=(\d{1,9})\/(\d{1,6})$/.exec(change) ?? [];
    if (!(name in defaultRules) || Number(seconds) === 0)
      throw new PublicError(
        'misconfigured',
        `KESTRA_MCP_RATES: ${change} should be like guess=50/300; there are ${Object.keys(defaultRules).join(', ')}`,
      );
    return [name, { most: Number(most), seconds: Number(seconds) }] as const;
  });
  return { ...defaultRules, ...Object.fromEntries(changed) };
};

export type RuleName = keyof typeof defaultRules;
export type LimitName = 'registration' | 'guess' | 'transaction' | 'document';

export interface Limits {
  /**
   * Counts one, in every rule that goes with the name.
   * @param keys who or what it is counted for: an address (of `addressOf`) and a client for guesses and transactions, an address for
   *   registrations, a host for documents
   * @returns what was counted: to be given back if it turns out well, once
   * @throws OAuthError `slow_down`, 429, with Retry-After; nothing is counted then
   */
  take(name: LimitName, ...keys: readonly [string, ...string[]]): Promise<readonly Counted[]>;
  /** It turned out well. Never throws: what can't be taken back counts until its window ends. */
  giveBack(counted: readonly Counted[] | undefined): Promise<void>;
}

/** The rules that go with a name, and what each is counted by: all of the keys, the first of them, or nothing. */
const rulesByName: Readonly<Record<LimitName, readonly (readonly [RuleName, (keys: readonly string[]) => string])[]>> = {
  registration: [
    ['registration', (keys) => keys.join('\n')],
    ['registrations', () => ''],
  ],
  guess: [
    ['guess', (keys) => keys.join('\n')],
    ['guesses', ([address = '']) => address],
  ],
  transaction: [
    ['transaction', (keys) => keys.join('\n')],
    ['transactions', ([address = '']) => address],
  ],
  document: [
    ['document', (keys) => keys.join('\n')],
    ['documents', () => ''],
  ],
};

const longestKey = 300;

/** @param counters those of the store, where replicas share it: then a limit is one for all of them */
export const createLimits = ({
  rules = defaultRules,
  counters,
}: {
  rules?: Readonly<Record<RuleName, Rule>>;
  counters: Counters;
}): Limits => {
  const giveBack: Limits['giveBack'] = async (counted = []) => {
    await Promise.allSettled(counted.map(({ key, endsAt }) => counters.uncount(key, { endsAt })));
  };
  return {
    giveBack,
    take: async (name, ...keys) => {
      const counted: Counted[] = [];
      for (const [rule, keyOf] of rulesByName[name]) {
        const key = `${rule}\n${keyOf(keys).slice(0, longestKey)}`;
        const { most, seconds: windowSeconds } = rules[rule];
        const { allowed, retryAfterMs, endsAt } = await counters.count(key, { limit: most, windowMs: windowSeconds * 1000 });
        if (!allowed) {
          await giveBack(counted);
          const seconds = Math.max(1, Math.ceil(retryAfterMs / 1000));
          throw new OAuthError('slow_down', `too many requests: try again in ${seconds} seconds`, {
            status: 429,
            headers: { 'Retry-After': String(seconds) },
            detail: { limit: rule },
          });
        }
        counted.push({ key, endsAt });
      }
      return counted;
    },
  };
};

/** Who is asking, for limits: the address behind the trusted proxies; IPv6 by its /64, of which anybody has as many addresses as he likes. */
export const addressOf = (request: Pick<Request, 'ip'>): string => {
  const address = (request.ip ?? '').replace(/^::ffff:(?=\d+\.)/i, '');
  if (!isIPv6(address)) return address;
  const [head = '', tail] = (address.split('%', 1)[0] ?? '').split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail ? tail.split(':') : [];
  const groups = tail === undefined ? front : [...front, ...Array(Math.max(0, 8 - front.length - back.length)).fill('0'), ...back];
  return `${groups.slice(0, 4).join(':')}::/64`;
};
