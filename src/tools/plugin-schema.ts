import { z } from 'zod';
import { brief } from './quoted.ts';

const anything = z.record(z.string(), z.unknown());
const shape = z.object({
  properties: z
    .looseObject({
      properties: anything.optional(),
      title: z.string().optional(),
      description: z.string().optional(),
      $examples: z.array(z.unknown()).optional(),
    })
    .optional(),
  outputs: z.looseObject({ properties: anything.optional() }).optional(),
  definitions: anything.optional(),
});
const property = z.looseObject({
  type: z.unknown().optional(),
  $ref: z.string().optional(),
  title: z.string().optional(),
  description: z.string().optional(),
  enum: z.array(z.unknown()).optional(),
  default: z.unknown().optional(),
  format: z.string().optional(),
  items: z.unknown().optional(),
  additionalProperties: z.unknown().optional(),
  anyOf: z.array(z.unknown()).optional(),
  oneOf: z.array(z.unknown()).optional(),
  properties: anything.optional(),
  $required: z.boolean().optional(),
  $deprecated: z.boolean().optional(),
  required: z.unknown().optional(),
});
const exampleShape = z.object({ code: z.union([z.string(), z.array(z.string())]), full: z.boolean().optional() });

type Definitions = Readonly<Record<string, unknown>>;

const mostDescription = 200;
const mostEnum = 30;
const mostExample = 3000;

/** What every task has, and a model knows: it would be half of most answers. */
const everywhere = new Set([
  'id',
  'type',
  'description',
  'allowFailure',
  'allowWarning',
  'assets',
  'disabled',
  'logLevel',
  'logToFile',
  'pluginDefaultsRef',
  'retry',
  'runIf',
  'taskCache',
  'timeout',
  'version',
  'when',
  'workerGroup',
  'workerSelector',
]);

/** A type's documentation, projected: its properties with the required ones first, and what stands for others by name. */
export const propertiesOf = (documentation: unknown) => {
  const { properties: own, outputs, definitions = {} } = shape.catch({}).parse(documentation);
  const entries = Object.entries(own?.properties ?? {}).map(([name, value]) => ({ name, ...described(value, definitions) }));
  const named = (list: readonly (typeof entries)[number][]) => Object.fromEntries(list.map(({ name, about }) => [name, about]));
  const common = entries.filter(({ name, required }) => !required && everywhere.has(name)).map(({ name }) => name);
  const results = Object.entries(outputs?.properties ?? {}).map(([name, value]) => [name, described(value, definitions).about] as const);
  return {
    about: [own?.title, own?.description].filter(Boolean).join(' ').replace(/\s+/g, ' ').slice(0, 600) || undefined,
    properties: {
      required: named(entries.filter(({ required }) => required)),
      optional: named(entries.filter(({ name, required, deprecated }) => !required && !deprecated && !everywhere.has(name))),
      ...(common.length > 0 && { as_every_task: common }),
    },
    outputs: results.length > 0 ? Object.fromEntries(results) : undefined,
    example: exampleOf(own?.$examples ?? []),
  };
};

const described = (value: unknown, definitions: Definitions) => {
  const parsed = property.safeParse(value);
  if (!parsed.success) return { required: false, deprecated: false, about: {} };
  const { title, description, enum: values, default: given, $required, $deprecated } = parsed.data;
  const text = brief([title, description].filter(Boolean).join(' '), mostDescription);
  return {
    required: $required ?? false,
    deprecated: $deprecated ?? false,
    about: {
      type: typeOf(value, definitions, 1),
      ...(values && { enum: values.slice(0, mostEnum) }),
      ...(given !== undefined && { default: given }),
      ...(text && { about: text }),
    },
  };
};

/** A type in few words; an object's own fields one level deep. */
const typeOf = (value: unknown, definitions: Definitions, depth: number): unknown => {
  const parsed = property.safeParse(value);
  if (!parsed.success) return 'any';
  const { type, $ref, format, items, additionalProperties, anyOf, oneOf, properties, enum: values } = parsed.data;
  if ($ref !== undefined) return named($ref, definitions, depth);
  const choices = anyOf ?? oneOf;
  if (choices) {
    const kinds = [...new Set(choices.map((choice) => short(typeOf(choice, definitions, 0))))];
    return kinds.length > 6 ? `one of ${kinds.length} kinds, such as ${kinds.slice(0, 4).join(', ')}` : kinds.join(' | ');
  }
  if (type === 'array') return `array of ${short(typeOf(items, definitions, 0))}`;
  if (properties && depth > 0) return fieldsOf(properties, definitions);
  if (type === 'object' && additionalProperties && typeof additionalProperties === 'object')
    return `map of ${short(typeOf(additionalProperties, definitions, 0))}`;
  if (values && type === undefined) return 'string';
  return [type ?? 'any', format].filter(Boolean).join(' ');
};

const named = (ref: string, definitions: Definitions, depth: number): unknown => {
  const name = decodeURIComponent(ref.replace(/^#\/(\$defs|definitions)\//, ''));
  const definition = property.safeParse(definitions[name]);
  if (definition.success) {
    const { properties, enum: values, type } = definition.data;
    if (values) return values.slice(0, mostEnum).join(' | ');
    if (depth > 0 && properties && Object.keys(properties).length <= 15) return fieldsOf(properties, definitions);
    if (!properties && typeof type === 'string' && type !== 'object') return type;
  }
  return name.replace(/-\d+$/, '').replace(/^.*\./, '');
};

const fieldsOf = (properties: Readonly<Record<string, unknown>>, definitions: Definitions): Record<string, unknown> =>
  Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, short(typeOf(value, definitions, 0))]));

const short = (type: unknown): string => (typeof type === 'string' ? type : 'object');

const exampleOf = (examples: readonly unknown[]): string | undefined => {
  const parsed = examples.flatMap((example) => exampleShape.safeParse(example).data ?? []);
  const chosen = parsed.find(({ full }) => full) ?? parsed[0];
  if (!chosen) return undefined;
  const code = typeof chosen.code === 'string' ? chosen.code : chosen.code.join('\n');
  return code.slice(0, mostExample);
};
