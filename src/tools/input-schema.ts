import { z } from 'zod';
import type { Tool } from './tool.ts';

export type InputSchema = { type: 'object' } & Record<string, unknown>;

const made = new WeakMap<Tool, InputSchema>();

/** A tool's arguments as a JSON schema. It never changes, and zod's conversion is most of the cost of tools/list: so it is made once. */
export const inputSchema = (tool: Tool): InputSchema => {
  const known = made.get(tool);
  if (known) return known;
  const schema = lean(z.toJSONSchema(tool.input, { io: 'input' }));
  made.set(tool, schema);
  return schema;
};

/** Without what says nothing to a model, and what not every client understands: prepare() holds the arguments to all of it anyway. */
const lean = (schema: unknown): InputSchema =>
  JSON.parse(
    JSON.stringify(schema, function (this: Record<string, unknown>, key, value) {
      if (key === '$schema' || key === 'propertyNames') return undefined;
      if (key === 'maximum' && value === Number.MAX_SAFE_INTEGER) return undefined;
      if (key === 'minimum' && value === Number.MIN_SAFE_INTEGER) return undefined;
      if ((key === 'minLength' || key === 'maxLength') && this.type === 'string') return undefined;
      if (key === 'pattern' && this.format === 'date-time') return undefined;
      return value;
    }),
  );
