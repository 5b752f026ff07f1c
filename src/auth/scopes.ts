/** What a token may be used for, weakest first; each includes those before it. */
export const scopes = ['kestra.read', 'kestra.execute', 'kestra.write'] as const;
export type Scope = (typeof scopes)[number];

const isScope = (word: string): word is Scope => (scopes as readonly string[]).includes(word);

/** The scopes named in a space-separated list (RFC 6749 §3.3), in our order; unknown ones are dropped. */
export const parseScope = (list: string): Scope[] => {
  const words = list.split(' ').filter(isScope);
  return scopes.filter((scope) => words.includes(scope));
};

export const formatScope = (held: readonly Scope[]): string => held.join(' ');

/** Does a token with `held` satisfy `needed`? A broader scope satisfies a narrower need. */
export const satisfies = (held: readonly Scope[], needed: Scope): boolean =>
  held.some((scope) => scopes.indexOf(scope) >= scopes.indexOf(needed));

/** The scopes to ask for to be let in: what is held already and what is needed. */
export const stepUp = (held: readonly Scope[], needed: Scope): Scope[] => scopes.filter((scope) => held.includes(scope) || scope === needed);
