import { stripVTControlCharacters } from 'node:util';
import { type Answer, asText, type Block } from '../tools/answer.ts';

/**
 * An answer of at most `most` characters of text. What is too much goes in this order: the longest blocks are cut, then the longest list
 * of facts loses its last rows, then long strings, then what is inside long lists and maps, at last whole facts and blocks; each time a
 * note says what was cut. Control characters and what hides or reorders text are removed throughout.
 */
export const bounded = (original: Answer, most: number): Answer => {
  const text = asText(original);
  if (text.length <= most && !suspicious.test(text)) return original;
  let answer: Answer = {
    ...original,
    facts: clean(original.facts) as Answer['facts'],
    blocks: original.blocks?.map((block) => ({ ...block, text: visible(block.text) })),
  };
  const excess = (of: Answer): number => asText(of).length - most;
  for (const step of [cutBlocks, cutList, cutStrings]) {
    for (let before: Answer | undefined; before !== answer; ) {
      if (excess(answer) <= 0) return answer;
      before = answer;
      answer = step(answer, excess(answer));
    }
  }
  const shorter = [100, 20, 5, 1].map((first) => cutInside(answer, first));
  return shorter.find((candidate) => excess(candidate) <= 0) ?? leaveOut(shorter.at(-1) ?? answer, most);
};

/** The last resort: the largest facts and blocks go, until the rest fits. */
const leaveOut = (answer: Answer, most: number): Answer => {
  const sizes = [
    ...Object.entries(answer.facts).map(([name, value]) => ({ name, size: lengthOf(value) })),
    ...(answer.blocks ?? []).map((block) => ({ name: block.name, size: asText({ facts: {}, blocks: [block] }).length })),
  ].sort((a, b) => b.size - a.size);
  const out = new Set<string>();
  for (const { name } of sizes) {
    out.add(name);
    const rest = {
      facts: Object.fromEntries(Object.entries(answer.facts).filter(([fact]) => !out.has(fact))),
      blocks: answer.blocks?.filter((block) => !out.has(block.name)),
    };
    const noted = note(rest, `${[...out].filter((left) => left !== 'cut').join(', ')} left out: too large`);
    if (asText(noted).length <= most) return noted;
  }
  return note({ facts: {} }, 'everything left out: too large');
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

/** The rows of a list, which are most of its answer. */
const cutList = (answer: Answer, excess: number): Answer => {
  const lists = Object.entries(answer.facts).filter(
    (entry): entry is [string, readonly unknown[]] =>
      Array.isArray(entry[1]) && entry[1].length > 1 && lengthOf(entry[1]) > lengthOf(answer.facts) / 2,
  );
  const [name, rows] = lists[0] ?? [];
  if (!name || !rows) return answer;
  let room = lengthOf(rows) - excess - 200;
  const kept = rows.filter((row, index) => {
    room -= lengthOf(row) + 1;
    return room >= 0 || index === 0;
  });
  const more = 'page' in answer.facts ? ': ask for a smaller size or another page' : '';
  return note({ ...answer, facts: { ...answer.facts, [name]: kept } }, `${name} shows ${kept.length} of ${rows.length} rows${more}`);
};

const lengthOf = (value: unknown): number => (JSON.stringify(value) ?? '').length;

const longestString = 500;

const cutStrings = (answer: Answer): Answer => {
  let cut = false;
  const facts = mapStrings(answer.facts, (text) => {
    if (text.length <= longestString + 50) return text;
    cut = true;
    return `${text.slice(0, longestString)}… (${text.length} characters)`;
  });
  return cut ? note({ ...answer, facts: facts as Answer['facts'] }, `texts are cut at ${longestString} characters`) : answer;
};

/** Whatever is inside the facts: lists and maps keep their first `most` entries. */
const cutInside = (answer: Answer, most: number): Answer => {
  const shorten = (value: unknown): unknown => {
    if (value === null || typeof value !== 'object') return value;
    const entries = Object.entries(value);
    const kept = entries.slice(0, most).map(([key, each]) => [key, shorten(each)] as const);
    const left = entries.length - kept.length;
    const more = left > 1 ? [['…', `${left} more`] as const] : entries.slice(most);
    return Array.isArray(value) ? [...kept, ...more].map(([, each]) => each) : Object.fromEntries([...kept, ...more]);
  };
  const facts = Object.fromEntries(Object.entries(answer.facts).map(([key, value]) => [key, shorten(value)]));
  return note({ ...answer, facts }, `lists and maps show their first ${most}`);
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

/** Of an answer's text: what `visible` may have to change, and how JSON writes that. */
const suspicious = /[^\n\t -~]|\\[bfru]/;

const visible = (text: string): string =>
  /[^\n\t -~]/.test(text) ? stripVTControlCharacters(text.replaceAll('\r\n', '\n')).replace(hidden, '') : text;
