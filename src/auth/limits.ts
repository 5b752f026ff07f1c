import { isIPv6 } from 'node:net';
import type { Request } from 'express';
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

export type RuleName = keyof typeof defaultRules;
export type LimitName = 'registration' | 'guess' | 'transaction' | 'document';

export interface Limits {
  /**
   * Counts one, in every rule that goes with the name.
   * @param keys who or what it is counted for: an address (of `addressOf`) and a client for guesses and transactions, an address for
   *   registrations, a host for documents
   * @returns takes it back, once: for what turned out well
   * @throws OAuthError `slow_down`, 429, with Retry-After; nothing is counted then
   */
  take(name: LimitName, ...keys: readonly [string, ...string[]]): () => void;
}

interface Window {
  count: number;
  ends: number;
}

/** The rules that go with a name, and what each is counted by: all of the keys, the first of them, or nothing. */
const counted: Readonly<Record<LimitName, readonly (readonly [RuleName, (keys: readonly string[]) => string])[]>> = {
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

/**
 * Windows of one rule by their key. When the young ones are too many they become the old ones, and the old ones are forgotten unless
 * they were used: a flood of addresses costs two generations of memory and no time (a Map that loses its first key again and again is slow).
 */
interface Generations {
  young: Map<string, Window>;
  old: Map<string, Window>;
}
const generation = 10_000;
const longestKey = 300;

/** Counts in this process alone: with several replicas the limits are that much looser, and no store need be asked. */
export const createLimits = ({
  rules = defaultRules,
  clock = Date.now,
}: {
  rules?: Readonly<Record<RuleName, Rule>>;
  clock?: () => number;
} = {}): Limits => {
  const windows = new Map<RuleName, Generations>();

  const windowOf = (rule: RuleName, key: string): Window => {
    const known = windows.get(rule) ?? { young: new Map(), old: new Map() };
    windows.set(rule, known);
    const found = known.young.get(key) ?? known.old.get(key);
    const window = found && found.ends > clock() ? found : { count: 0, ends: clock() + rules[rule].seconds * 1000 };
    if (!known.young.has(key) && known.young.size >= generation) {
      known.old = known.young;
      known.young = new Map();
    }
    known.young.set(key, window);
    return window;
  };

  return {
    take: (name, ...keys) => {
      const found = counted[name].map(([rule, keyOf]) => ({ rule, window: windowOf(rule, keyOf(keys).slice(0, longestKey)) }));
      const full = found.filter(({ rule, window }) => window.count >= rules[rule].most);
      if (full.length > 0) {
        const seconds = Math.max(1, ...full.map(({ window }) => Math.ceil((window.ends - clock()) / 1000)));
        throw new OAuthError('slow_down', `too many requests: try again in ${seconds} seconds`, {
          status: 429,
          headers: { 'Retry-After': String(seconds) },
          detail: { limit: full.map(({ rule }) => rule) },
        });
      }
      for (const { window } of found) window.count += 1;
      let counts = true;
      return () => {
        if (counts) for (const { window } of found) window.count -= 1;
        counts = false;
      };
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
