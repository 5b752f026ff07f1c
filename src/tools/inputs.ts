import { z } from 'zod';
import { refuse } from './fields.ts';
import { redact } from './redact.ts';

/** An input that a flow declares (Kestra's Input); a FORM holds others. */
export interface Declared {
  readonly id: string;
  readonly type: string;
  readonly required?: boolean;
  readonly defaults?: unknown;
  readonly dependsOn?: unknown;
  readonly values?: unknown;
  readonly allowCustomValue?: boolean;
  readonly inputs?: unknown;
}

/** A file that Kestra keeps. Any other text would be taken for a path on Kestra's own machine, and that file be copied. */
const stored = /^(kestra|nsfile):\/\//;
const mostFileBytes = 1024 * 1024;
const file = z.strictObject({ name: z.string().min(1).max(255), text: z.string().optional(), base64: z.base64().optional() });

/** The inputs of a flow as they are named when it runs: those of a FORM follow its name and a dot. */
export const flatten = (declared: readonly Declared[]): Declared[] =>
  declared.flatMap((input) =>
    input.type === 'FORM' && Array.isArray(input.inputs)
      ? flatten(input.inputs as Declared[]).map((inner) => ({ ...inner, id: `${input.id}.${inner.id}` }))
      : [input],
  );

/**
 * The parts of a multipart body: strings as they are, files as files, everything else as JSON, null left out.
 * @throws PublicError `invalid_input`, listing what is missing, unknown or of the wrong kind, with the types
 */
export const encodeInputs = (declared: readonly Declared[], given: Readonly<Record<string, unknown>>): Record<string, string | File> => {
  const known = flatten(declared);
  const values = Object.entries(given).filter(([, value]) => value !== null && value !== undefined);
  const unknown = values.filter(([name]) => !known.some(({ id }) => id === name)).map(([name]) => name);
  const missing = known.filter((input) => isRequired(input) && !values.some(([name]) => name === input.id)).map(({ id }) => id);
  if (unknown.length > 0 || missing.length > 0) {
    refuse(
      [
        missing.length > 0 && `Required inputs are missing: ${missing.join(', ')}.`,
        unknown.length > 0 && `The flow has no input ${unknown.map((name) => JSON.stringify(name.slice(0, 100))).join(', ')}.`,
        known.length > 0 ? `Its inputs are: ${known.map(describe).join('; ')}.` : 'It takes no inputs.',
      ]
        .filter(Boolean)
        .join(' '),
    );
  }
  return Object.fromEntries(
    values.map(([name, value]) => [
      name,
      encode(
        known.find(({ id }) => id === name),
        name,
        value,
      ),
    ]),
  );
};

/** Required, and nothing fills it in if it is left out. An input that depends on others may not be asked for at all. */
export const isRequired = ({ required, defaults, dependsOn }: Declared): boolean =>
  (required ?? true) && defaults === undefined && dependsOn === undefined;

/** An input in words, such as `count INT (required)`. */
export const describe = (input: Declared): string => {
  const about = [
    isRequired(input) && 'required',
    input.defaults !== undefined && `default ${defaultOf(input)}`,
    Array.isArray(input.values) && `one of ${input.values.slice(0, 20).join(', ')}`,
  ].filter(Boolean);
  return `${input.id} ${input.type}${about.length > 0 ? ` (${about.join(', ')})` : ''}`;
};

/** Kestra gives the default of every type as text. */
const defaultOf = ({ type, defaults }: Declared): string => {
  if (type === 'SECRET') return '(hidden)';
  return typeof defaults === 'string' && type !== 'STRING' ? defaults : JSON.stringify(redact(defaults));
};

const encode = (input: Declared | undefined, name: string, value: unknown): string | File => {
  if (input) checkChoice(input, value);
  if (input?.type === 'FILE') return typeof value === 'string' && stored.test(value) ? value : toFile(name, value);
  return typeof value === 'string' ? value : JSON.stringify(value);
};

/** Kestra takes any text for a choice, and the flow then does what nobody meant. */
const checkChoice = ({ id, type, values, allowCustomValue }: Declared, value: unknown): void => {
  if (!/^(SELECT|ENUM)$/.test(type) || !Array.isArray(values) || allowCustomValue || values.includes(value)) return;
  refuse(`The input ${id} is one of ${values.slice(0, 20).join(', ')}; ${JSON.stringify(value).slice(0, 100)} is not.`);
};

const toFile = (name: string, value: unknown): File => {
  const parsed = file.safeParse(value);
  if (!parsed.success || (parsed.data.text === undefined) === (parsed.data.base64 === undefined)) {
    return refuse(
      `The input ${name} is a FILE: give {"name": "…", "text": "…"}, or {"name": "…", "base64": "…"} for what is not text, or the kestra:// address of a file that Kestra has.`,
    );
  }
  const { text, base64 } = parsed.data;
  const bytes = text === undefined ? Buffer.from(base64 ?? '', 'base64') : Buffer.from(text, 'utf8');
  if (bytes.length > mostFileBytes)
    refuse(`The file for ${name} has ${bytes.length} bytes; 1 MiB is the most. Put it where the flow can fetch it and pass its address.`);
  return new File([bytes], parsed.data.name);
};
