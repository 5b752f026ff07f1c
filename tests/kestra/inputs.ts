import { at, between, duration } from './clock.ts';
import type { Line } from './dialect.ts';
import { render } from './expression.ts';
import { array, isObject, type Json, type JsonObject, objects, string } from './json.ts';
import type { Part } from './multipart.ts';
import { date, dateTime, InputError, readJson, time, yaml } from './parsing.ts';
import { Refusal } from './refusal.ts';

/** The values of a run's inputs, and the contents of its files by URI. */
export interface Inputs {
  values: JsonObject;
  files: Map<string, Buffer>;
}

/** Reads the inputs of a flow (or of a pause) from what was sent, the way Kestra does: the first one that is wrong refuses the whole. */
export function readInputs(declared: JsonObject[], parts: readonly Part[], folder: string, line: Line): Inputs {
  const files = new Map<string, Buffer>();
  const values: JsonObject = {};
  for (const input of declared) {
    const id = String(input.id);
    const result = readInput(input, parts, { folder, line }, values, files);
    if (result.error !== undefined) throw new Refusal(422, `Invalid entity: ${result.error}`);
    values[id] = result.value ?? null;
  }
  return { values, files };
}

/** The outcome for one input: what `validate` shows. */
export interface InputVerdict {
  value?: Json;
  isDefault: boolean;
  error?: string;
}

/** Reads one input; `known` are the values read before it, which a default may mention. */
export function readInput(
  input: JsonObject,
  parts: readonly Part[],
  { folder, line }: { folder: string; line: Line },
  known: JsonObject,
  files: Map<string, Buffer>,
): InputVerdict {
  const id = String(input.id);
  const type = string(input.type) ?? 'STRING';
  const given = parts.filter((part) => part.name === id).at(-1);
  if (given && type === 'FILE' && given.filename !== undefined) {
    const uri = `kestra:///${folder}/inputs/${id}/${given.filename}`;
    files.set(uri, given.content);
    return { value: uri, isDefault: false };
  }
  const text = given?.content.toString('utf8');
  const isDefault = text === undefined || text === '';
  const raw = isDefault ? fallback(input, known) : text;
  if (raw === undefined) {
    if (input.required === false) return { isDefault: false };
    return { isDefault: false, error: `Missing required input:${id}` };
  }
  try {
    const value = convert(type, raw, input, line);
    check(type, value, input);
    return { value, isDefault };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return {
      value: raw,
      isDefault,
      error: error.block ? ` errors:\n\`\`\`\n${error.message}\n\`\`\`` : `Invalid value for input \`${id}\`. Cause: ${error.message}`,
    };
  }
}

function fallback(input: JsonObject, known: JsonObject): Json | undefined {
  const value = input.defaults;
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' ? render(value, { inputs: known }) : value;
}

function convert(type: string, raw: Json, input: JsonObject, line: Line): Json {
  const text = typeof raw === 'string' ? raw : JSON.stringify(raw);
  switch (type) {
    case 'INT': {
      const number = Number(text);
      if (!/^[+-]?\d+$/.test(text) || number > 2_147_483_647 || number < -2_147_483_648)
        throw new InputError(`For input string: "${text}"`);
      return number;
    }
    case 'FLOAT':
      if (!/^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?[fd]?\s*$/i.test(text) && !/^(NaN|[+-]?Infinity)$/.test(text)) {
        throw new InputError(`For input string: "${text}"`);
      }
      return Number.parseFloat(text);
    case 'BOOL':
    case 'BOOLEAN':
      return text.toLowerCase() === 'true';
    case 'DATETIME':
      return dateTime(text);
    case 'DATE':
      return date(text);
    case 'TIME':
      return time(text);
    case 'DURATION': {
      const milliseconds = duration(text);
      if (milliseconds === undefined) throw new InputError('Text cannot be parsed to a Duration', true);
      return line === '2.0' ? milliseconds / 1000 : between(at(0), at(milliseconds));
    }
    case 'JSON':
      return readJson(text);
    case 'YAML':
      return yaml(text);
    case 'ARRAY':
    case 'MULTISELECT': {
      const list = typeof raw === 'string' ? readJson(text) : raw;
      if (!Array.isArray(list)) throw new InputError('Cannot deserialize value of type `java.util.ArrayList<java.lang.Object>`', true);
      return list.map((item) => element(item, string(input.itemType) ?? 'STRING', line));
    }
    case 'FILE':
      throw new InputError(`${text} (No such file or directory)`, true);
    case 'URI':
      if (/\s/.test(text)) throw new InputError(`Illegal character in path at index ${text.search(/\s/)}: ${text}`);
      return text;
    case 'SECRET':
      return { value: Buffer.from(`encrypted:${text.length}`).toString('base64'), type: 'io.kestra.datatype:aes_encrypted' };
    default:
      return text;
  }
}

function element(item: Json, type: string, line: Line): Json {
  try {
    return convert(type, typeof item === 'object' ? item : String(item), {}, line);
  } catch {
    throw new InputError(`Unable to parse array element as \`${type}\` on \`${String(item)}\``);
  }
}

function check(type: string, value: Json, input: JsonObject): void {
  if (type === 'INT' || type === 'FLOAT') {
    const { min, max } = input;
    if (typeof min === 'number' && Number(value) < min) throw new InputError(`it must be more than \`${min}\``);
    if (typeof max === 'number' && !(Number(value) <= max)) throw new InputError(`it must be less than \`${max}\``);
  }
  const validator = string(input.validator);
  if (type === 'STRING' && validator && !new RegExp(`^(?:${validator})$`).test(String(value))) {
    throw new InputError(`it must match the pattern \`${validator}\``);
  }
  if (type === 'MULTISELECT' && input.allowCustomValue !== true) {
    const values = array(input.values);
    const strange = array(value).find((one) => !values.includes(one));
    if (strange !== undefined) throw new InputError(`value \`${String(strange)}\` doesn't match the values \`[${values.join(', ')}]\``);
  }
  if (type === 'EMAIL' && !/^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(String(value))) throw new InputError('The input must be a valid email');
}

/** The inputs that a flow declares; a FORM is a group of more. */
export function declaredInputs(definition: JsonObject): JsonObject[] {
  return objects(definition.inputs).filter(isObject);
}
