import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8');

const rows = textOf('docs/reliability.md')
  .split('\n')
  .filter((line) => /^\| P\d/.test(line))
  .map((line) => {
    const [id = '', promise = '', proofs = ''] = line.split(' | ').map((cell) => cell.replace(/^\| /, ''));
    return { id, promise, proofs: [...proofs.matchAll(/`([^`]+)` "([^"]+)"/g)].map(([, path = '', title = '']) => ({ path, title })) };
  });

describe('docs/reliability.md', () => {
  test('has each promise once', () => {
    expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: 22 }, (_, i) => `P${String(i + 1).padStart(2, '0')}`));
    expect(rows.filter(({ promise }) => promise.length < 20)).toEqual([]);
    expect(rows.filter(({ proofs }) => proofs.length === 0).map(({ id }) => id)).toEqual([]);
  });

  test.each(rows.flatMap(({ id, proofs }) => proofs.map((proof) => ({ id, ...proof }))))(
    '$id names a test of $path: $title',
    ({ path, title }) => {
      const titles = [...textOf(path).matchAll(/\b(?:it|test|describe)(?:\.each\([^\n]*\))?\(\s*(['"`])(.+?)\1/g)].map(
        ([, , found = '']) => found,
      );
      expect(titles.filter((found) => found.endsWith(title))).not.toEqual([]);
    },
  );
});
