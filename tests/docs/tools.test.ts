import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { toolsPage } from '../../codegen/docs/tools.ts';

test('docs/tools.md is what the catalogue says', () => {
  expect(readFileSync(new URL('../../docs/tools.md', import.meta.url), 'utf8')).toBe(toolsPage());
});
