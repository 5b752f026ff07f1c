/** What a token may be used for, weakest first; each includes those before it. */
export const scopes = ['kestra.read', 'kestra.execute', 'kestra.write'] as const;
export type Scope = (typeof scopes)[number];

export const isScope = (word: string): word is Scope => (scopes as readonly string[]).includes(word);

/** The scopes of a space-separated list (RFC 6749 §3.3) with those that they include, in our order; unknown ones are dropped. */
export const parseScope = (list: string): Scope[] => including(list.split(' ').filter(isScope));

/** These scopes and those that they include: write includes execute includes read. */
const including = (named: readonly Scope[]): Scope[] => scopes.slice(0, Math.max(0, ...named.map((scope) => scopes.indexOf(scope) + 1)));

export const withoutWrite = (asked: readonly Scope[]): Scope[] => asked.filter((scope) => scope !== 'kestra.write');

export const formatScope = (held: readonly Scope[]): string => held.join(' ');

/** Does a token with `held` satisfy `needed`? A broader scope satisfies a narrower need. */
export const satisfies = (held: readonly string[], needed: Scope): boolean => including(held.filter(isScope)).includes(needed);
