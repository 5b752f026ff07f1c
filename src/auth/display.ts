/**
 * Characters that change how a text is read without being seen: controls, format characters (bidi overrides and isolates, zero-width
 * ones, tags), what displays ignore, private use, unassigned, lone surrogates, and line and paragraph separators.
 */
const unseen = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}\p{DI}]/gu;
/** Zalgo: more than two combining marks in a row. */
const stacked = /(\p{M}{2})\p{M}+/gu;

/** A stranger's text made fit to be shown on one line: nothing invisible, nothing that reorders, no run of spaces. */
export const visible = (text: string): string =>
  text.replace(/\s+/g, ' ').replace(unseen, '').replace(stacked, '$1').replace(/ {2,}/g, ' ').trim();

const longestName = 60;

/** A client's name for display, shortened; undefined if nothing can be seen of it. */
export const displayName = (name: string | undefined): string | undefined => {
  const shown = [...visible(name ?? '')];
  if (shown.length === 0) return undefined;
  return shown.length > longestName ? `${shown.slice(0, longestName - 1).join('')}…` : shown.join('');
};

const scripts = ['Latin', 'Cyrillic', 'Greek', 'Armenian', 'Cherokee'].map((script) => new RegExp(`\\p{Script=${script}}`, 'u'));

/** Does it mix alphabets whose letters look alike? `Сlaude` with a Cyrillic С does. */
export const mixesAlphabets = (text: string): boolean => scripts.filter((script) => script.test(text)).length > 1;
