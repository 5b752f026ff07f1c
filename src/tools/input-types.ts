import { type Declared, isRequired } from './inputs.ts';
import { redact } from './redact.ts';

/** What Kestra's inputs may say besides what every input says. */
export interface Input extends Declared {
  readonly description?: string;
  readonly displayName?: string;
  readonly expression?: string;
  readonly itemType?: string;
  readonly min?: number;
  readonly max?: number;
  readonly after?: string;
  readonly before?: string;
  readonly validator?: string;
}

type Schema = Readonly<Record<string, unknown>>;

const longestText = 300;
const mostValues = 100;

/** A flow's inputs as the JSON schema of execute_flow's `inputs`. */
export const schemaOf = (inputs: readonly Input[]): Schema => {
  const required = inputs.filter(isRequired).map(({ id }) => id);
  return {
    type: 'object',
    properties: Object.fromEntries(inputs.map((input) => [input.id, { ...typeOf(input), ...about(input) }])),
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  };
};

const about = (input: Input): Schema => {
  const { displayName, description, dependsOn, type } = input;
  const condition = (dependsOn as { condition?: unknown } | undefined)?.condition;
  const words = [
    description?.replace(/\s+/g, ' ').trim().slice(0, longestText),
    dependsOn !== undefined && `asked for only ${condition ? `if ${String(condition)}` : 'after the inputs that it depends on'}`,
    notes[type],
  ].filter(Boolean);
  const given = defaultOf(input);
  return {
    ...(displayName && { title: displayName.slice(0, longestText) }),
    ...(words.length > 0 && { description: words.join('; ') }),
    ...(given !== undefined && { default: given }),
  };
};

const notes: Readonly<Record<string, string>> = {
  FILE: 'or the kestra:// address of a file that Kestra has',
  JSON: 'any JSON',
  YAML: 'YAML as text',
};

const typeOf = (input: Input): Schema => {
  const { type, itemType, values, allowCustomValue, expression } = input;
  if (type === 'ARRAY') return { type: 'array', ...(itemType && { items: scalar({ type: itemType }) }) };
  const choice = Array.isArray(values)
    ? {
        [allowCustomValue ? 'examples' : 'enum']: values.slice(0, mostValues),
        ...(values.length > mostValues && { $comment: `${values.length} values` }),
      }
    : expression !== undefined
      ? { $comment: `choices: ${expression}` }
      : {};
  if (type === 'MULTISELECT') return { type: 'array', items: { type: 'string', ...choice } };
  return { ...scalar(input), ...choice };
};

const scalar = ({ type, min, max, after, before, validator }: Partial<Input> & { readonly type: string }): Schema => ({
  ...(types[type] ?? { type: 'string' }),
  ...(min !== undefined && { minimum: min }),
  ...(max !== undefined && { maximum: max }),
  ...(validator && { pattern: validator }),
  ...((after || before) && { $comment: [after && `after ${after}`, before && `before ${before}`].filter(Boolean).join(', ') }),
});

const types: Readonly<Record<string, Schema>> = {
  INT: { type: 'integer' },
  FLOAT: { type: 'number' },
  BOOL: { type: 'boolean' },
  BOOLEAN: { type: 'boolean' },
  DATETIME: { type: 'string', format: 'date-time' },
  DATE: { type: 'string', format: 'date' },
  TIME: { type: 'string', format: 'time' },
  DURATION: { type: 'string', format: 'duration' },
  URI: { type: 'string', format: 'uri' },
  EMAIL: { type: 'string', format: 'email' },
  SECRET: { type: 'string', writeOnly: true },
  JSON: {},
  FILE: {
    type: 'object',
    properties: { name: { type: 'string' }, text: { type: 'string' }, base64: { type: 'string' } },
    required: ['name'],
  },
};

const asJson: readonly string[] = ['INT', 'FLOAT', 'BOOL', 'BOOLEAN', 'JSON', 'ARRAY', 'MULTISELECT'];

/** Kestra gives the default of every type as text. */
const defaultOf = ({ type, defaults }: Input): unknown => {
  if (defaults === undefined) return undefined;
  if (type === 'SECRET') return '(hidden)';
  if (typeof defaults !== 'string' || !asJson.includes(type)) return redact(defaults);
  try {
    return redact(JSON.parse(defaults));
  } catch {
    return redact(defaults);
  }
};
