import { array, isObject } from './json.ts';

/** Ids of the recording and what they became here. */
export type Ids = Map<string, string>;

const idForm = /(?<![0-9A-Za-z])(?=[0-9A-Za-z]*\d)(?=[0-9A-Za-z]*[A-Z])(?=[0-9A-Za-z]*[a-z])[0-9A-Za-z]{19,22}(?![0-9A-Za-z])/g;
const uuidForm = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
/** Moments of the recording itself; others (in inputs, backfills) have to agree. */
const momentForm = /202\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g;
const fixed = /^2026-0\d-/;

/** Keys whose values differ from run to run. */
const changing = new Set(['duration', 'lastModifiedTime', 'creationTime', 'thread', 'workerId', 'uuid', 'operationId', 'url', 'host']);

/** Lists whose order Kestra does not define. */
const unordered = new Set(['labels', 'nodes', 'edges', 'clusters', 'invalids']);

/** Replaces the ids of the recording by those of the present run. */
export function translate(text: string, ids: Ids): string {
  return text.replace(idForm, (id) => ids.get(id) ?? id);
}

function masked(text: string): string {
  return text
    .replace(momentForm, (moment) => (fixed.test(moment) ? moment : '<date>'))
    .replace(uuidForm, '<uuid>')
    .replace(/127\.0\.0\.1:\d+/g, '<host>');
}

/** What differs between a recorded body and one of the present, each with its path. Learns ids on the way. */
export function differences(recorded: unknown, present: unknown, ids: Ids, path = ''): string[] {
  if (Array.isArray(recorded)) return differentArrays(recorded, present, ids, path);
  if (isObject(recorded)) return differentObjects(recorded, present, ids, path);
  const key = path.slice(path.lastIndexOf('.') + 1).replace(/\[\d+\]$/, '');
  if (changing.has(key)) return typeof recorded === typeof present ? [] : [`${path}: ${typeof present} instead of ${typeof recorded}`];
  if (typeof recorded === 'string' && typeof present === 'string') return differentStrings(recorded, present, ids, path);
  return Object.is(recorded, present) ? [] : [`${path}: ${JSON.stringify(present)} instead of ${JSON.stringify(recorded)}`];
}

function differentStrings(recorded: string, present: string, ids: Ids, path: string): string[] {
  const whole = recorded.match(idForm)?.[0] === recorded;
  if (whole && present.match(/^[0-9A-Za-z]{16,24}$/)) {
    const known = ids.get(recorded);
    if (known === undefined) ids.set(recorded, present);
    else if (known !== present) return [`${path}: the id ${present} instead of ${known}`];
    return [];
  }
  const loose = (text: string): string =>
    masked(text)
      .replace(idForm, '<id>')
      .replace(/-[0-9A-Za-z]{16,24}$/, '-<id>');
  const [expected, found] = [masked(translate(recorded, ids)), masked(present)];
  if (expected === found || loose(expected) === loose(found)) return [];
  return [`${path}: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`];
}

function differentArrays(recorded: unknown[], present: unknown, ids: Ids, path: string): string[] {
  if (!Array.isArray(present)) return [`${path}: not an array`];
  if (recorded.length !== present.length) return [`${path}: ${present.length} items instead of ${recorded.length}`];
  const key = path.slice(path.lastIndexOf('.') + 1);
  const order = (list: unknown[]): unknown[] =>
    unordered.has(key) ? [...list].sort((a, b) => (sortKey(a, ids) < sortKey(b, ids) ? -1 : 1)) : list;
  const sorted = order(present);
  return order(recorded).flatMap((item, index) => differences(item, sorted[index], ids, `${path}[${index}]`));
}

function sortKey(item: unknown, ids: Ids): string {
  if (!isObject(item)) return String(item);
  const text = String(item.key ?? item.uid ?? item.message ?? `${item.source}>${item.target}`);
  return translate(text, ids).replace(/-[0-9A-Za-z]{16,24}/g, '');
}

function differentObjects(recorded: object, present: unknown, ids: Ids, path: string): string[] {
  if (!isObject(present)) return [`${path}: ${JSON.stringify(present)} instead of an object`];
  const found = Object.entries(recorded).flatMap(([key, value]) =>
    Object.hasOwn(present, key) ? differences(value, present[key], ids, `${path}.${key}`) : [`${path}.${key}: missing`],
  );
  const more = Object.keys(present).filter((key) => !Object.hasOwn(recorded, key));
  return [...found, ...more.map((key) => `${path}.${key}: not in the recording (${JSON.stringify(present[key])?.slice(0, 80)})`)];
}

/** The events of a stream. */
export function events(text: string): { id: string; data: unknown }[] {
  return array(text.split('\n\n')).flatMap((frame) => {
    const match = /^id: (.*)\ndata: (.*)$/s.exec(String(frame));
    return match ? [{ id: match[1] ?? '', data: JSON.parse(match[2] ?? 'null') as unknown }] : [];
  });
}
