import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Ajv } from 'ajv';
import { expect, it } from 'vitest';
import { installed, root } from './tools.ts';

it("server.json is of the MCP registry's schema, and a wrong one would be found out", () => {
  const server = JSON.parse(readFileSync(join(root, 'server.json'), 'utf8')) as { $schema: string; description: string };
  const schema = readFileSync(installed(`registry/${basename(dirname(server.$schema))}.json`), 'utf8');
  const ajv = new Ajv({ strict: false, validateFormats: false });
  const validate = ajv.compile(JSON.parse(schema) as object);
  expect(validate(server), JSON.stringify(validate.errors)).toBe(true);
  expect(validate({ ...server, description: 'a'.repeat(101) })).toBe(false);
});
