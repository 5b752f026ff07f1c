import { stripVTControlCharacters } from 'node:util';
import { type Answer, asText, type Block } from '../tools/answer.ts';

/**
 * An answer of at most `most` characters of text. What is too much goes in this order: the longest blocks are cut, then the longest list
 * of facts loses its last rows, then long strings; each time a note says what was cut. Control characters and what hides or reorders text
 * are removed throughout.
 */
export const bounded = (original: Answer, most: number): Answer => {
  let answer: Answer = {
    facts: clean(original.facts) as Answer['facts'],
    blocks: original.blocks?.map((block) => ({ ...block, text: visible(block.text) })),
  };
  for (const step of [cutBlocks, cutList, cutStrings]) {
    const excess = asText(answer).length - most;
    if (excess <= 0) return answer;
    answer = step(answer, excess);
  }
  return answer;
};

const note = (answer: Answer, cut: string): Answer => {
  const before = answer.facts.cut;
  return { ...answer, facts: { ...answer.facts, cut: before ? `${before}; ${cut}` : cut } };
};

const cutBlocks = (answer: Answer, excess: number): Answer => {
  const longest = [...(answer.blocks ?? [])].sort((a, b) => b.text.length - a.text.length)[0];
  if (!longest) return answer;
  const keep = Math.max(200, longest.text.length - excess - 200);
  if (keep >= longest.text.length) return answer;
  const block: Block = { ...longest, text: longest.text.slice(0, keep) };
  const blocks = answer.blocks?.map((other) => (other === longest ? block : other));
  return note({ ...answer, blocks }, `${longest.name} shows the first ${keep} of ${longest.text.length} characters and is not whole`);
};

const cutList = (answer: Answer, excess: number): Answer => {
  const lists = Object.entries(answer.facts).filter(
    (entry): entry is [string, readonly unknown[]] => Array.isArray(entry[1]) && entry[1].length > 1,
  );
  const [name, rows] = lists.sort(([, a], [, b]) => JSON.stringify(b).length - JSON.stringify(a).length)[0] ?? [];
  if (!name || !rows) return answer;
  let room = JSON.stringify(rows).length - excess - 200;
  const kept = rows.filter((row) => {
    room -= JSON.stringify(row).length + 1;
    return room >= 0;
  });
  return note(
    { ...answer, facts: { ...answer.facts, [name]: kept } },
    `${name} shows ${kept.length} of ${rows.length} rows: ask for a smaller size or another page`,
  );
};

const longestString = 500;

const cutStrings = (answer: Answer): Answer => {
  const shorten = (value: unknown): unknown =>
    mapStrings(value, (text) => (text.length > longestString ? `${text.slice(0, longestString)}… (${text.length} characters)` : text));
  return note({ ...answer, facts: shorten(answer.facts) as Answer['facts'] }, `texts are cut at ${longestString} characters`);
};

const clean = (value: unknown): unknown => mapStrings(value, visible);

const mapStrings = (value: unknown, change: (text: string) => string): unknown => {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((each) => mapStrings(each, change));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [change(key), mapStrings(each, change)]));
};

// Control characters, and format characters that reorder or hide text; line feed, tab and what joins letters and emoji stay.
const hidden = /(?![\n\t\u200c\u200d])[\p{Cc}\p{Cf}]/gu;

const visible = (text: string): string =>
  /[^\n\t -~]/.test(text) ? stripVTControlCharacters(text.replaceAll('\r\n', '\n')).replace(hidden, '') : text;
