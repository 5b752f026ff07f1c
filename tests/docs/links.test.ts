import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { documents, root } from './documents.ts';

describe.each(documents.map((document) => [document.file, document] as const))('%s', (file, { links }) => {
  it('every link leads somewhere', () => {
    const broken = links
      .filter((link) => !/^[a-z]+:/.test(link))
      .filter((link) => {
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? file : normalize(join(dirname(file), path));
        if (!existsSync(join(root, target))) return true;
        return anchor !== undefined && !documents.find((other) => other.file === target)?.anchors.includes(anchor);
      });
    expect(broken).toEqual([]);
  });
});

it('each threat of docs/security.md is tested where it says: its number is in every test that it names', () => {
  const rows = [...readFileSync(join(root, 'docs/security.md'), 'utf8').matchAll(/^\| (A\d\d(?:, A\d\d)*) \|.*$/gm)];
  expect(rows.length).toBeGreaterThan(30);
  const missing = rows.flatMap(([row, numbers = '']) => {
    const texts = [...row.matchAll(/\]\(\.\.\/(tests\/[^)]+)\)/g)].map(([, test = '']) => readFileSync(join(root, test), 'utf8'));
    const each = numbers.split(', ');
    const named = each.every((number) => texts.some((text) => text.includes(number)));
    return texts.length > 0 && named && texts.every((text) => each.some((number) => text.includes(number))) ? [] : [numbers];
  });
  expect(missing).toEqual([]);
});

it('every threat that has a test is in docs/security.md', () => {
  const tested = new Set(
    readFileSync(join(root, 'tests/auth/COVERAGE.md'), 'utf8')
      .split('Not applicable:')[0]
      ?.match(/\bA\d\d\b/g),
  );
  const said = readFileSync(join(root, 'docs/security.md'), 'utf8');
  expect([...tested].filter((number) => !said.includes(number))).toEqual([]);
});
