import { parseDocument } from 'yaml';
import type { Json } from './json.ts';

/** What is wrong with the value of an input. Some of Kestra's messages stand alone in a block. */
export class InputError extends Error {
  readonly block: boolean;

  constructor(message: string, block = false) {
    super(message);
    this.block = block;
  }
}

const where = (column: number): string =>
  `\n at [Source: REDACTED (\`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION\` disabled); line: 1, column: ${column}]`;

/** JSON, or Kestra's words about it. */
export function readJson(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    const word = /^\s*([A-Za-z]\w*)/.exec(text)?.[1];
    if (word)
      throw new InputError(
        `Unrecognized token '${word}': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')${where(1)}`,
        true,
      );
    const name = /^\{\s*(?=([^"\s}]))/.exec(text);
    if (name)
      throw new InputError(
        `${unexpected(name[1] ?? '')}: was expecting double-quote to start field name${where(name[0].length + 1)}`,
        true,
      );
    const root = /^\s*-?[\d.]+(?=([^\d.\s]))/.exec(text);
    if (root)
      throw new InputError(`${unexpected(root[1] ?? '')}: Expected space separating root-level values${where(root[0].length + 1)}`, true);
    throw new InputError(`Unexpected end-of-input${where(text.length + 1)}`, true);
  }
}

function unexpected(character: string): string {
  return `Unexpected character ('${character}' (code ${character.charCodeAt(0)}))`;
}

/** YAML, or what is wrong with it. */
export function yaml(text: string): Json {
  const document = parseDocument(text);
  const problem = document.errors[0];
  if (problem) throw new InputError(problem.message, true);
  return document.toJS() as Json;
}

const unparsed = (text: string, index: number): InputError => new InputError(`Text '${text}' could not be parsed at index ${index}`, true);
const outside = (text: string, field: string, range: string, value: number): InputError =>
  new InputError(`Text '${text}' could not be parsed: Invalid value for ${field} (valid values ${range}): ${value}`, true);

/** A date that exists. */
export function date(text: string): string {
  const match = /^(\d{4})-(\d\d)-(\d\d)/.exec(text);
  if (!match || match[0] !== text) throw unparsed(text, match ? match[0].length : 0);
  checkDate(text, Number(match[2]), Number(match[3]));
  return text;
}

function checkDate(text: string, month: number, day: number): void {
  if (month < 1 || month > 12) throw outside(text, 'MonthOfYear', '1 - 12', month);
  if (day < 1 || day > 31) throw outside(text, 'DayOfMonth', '1 - 28/31', day);
}

/** A time of day, with its seconds. */
export function time(text: string): string {
  const match = /^(\d\d):(\d\d)(:\d\d(?:\.\d+)?)?/.exec(text);
  if (!match || match[0] !== text) throw unparsed(text, match ? match[0].length : 0);
  if (Number(match[1]) > 23) throw outside(text, 'HourOfDay', '0 - 23', Number(match[1]));
  if (Number(match[2]) > 59) throw outside(text, 'MinuteOfHour', '0 - 59', Number(match[2]));
  return match[3] ? text : `${text}:00`;
}

/** A moment with Z or an offset, as UTC. */
export function dateTime(text: string): string {
  const match = /^(\d{4})-(\d\d)-(\d\d)(T\d\d:\d\d(:\d\d(\.\d+)?)?)?/.exec(text);
  if (!match) throw unparsed(text, 0);
  checkDate(text, Number(match[2]), Number(match[3]));
  const zone = text.slice(match[0].length);
  if (!match[4] || !/^(Z|[+-]\d\d:\d\d)$/.test(zone)) throw unparsed(text, match[0].length);
  return new Date(text).toISOString().replace('.000Z', 'Z');
}
