import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { PublicError } from '../../src/errors.ts';
import { type Line, lines, routes } from '../../src/kestra/generated/routes.ts';
import { buildPath } from '../../src/kestra/path.ts';

interface Entry {
  readonly method: string;
  readonly path: string;
  readonly segments: readonly string[];
  readonly literals: number;
}

const isParameter = (segment: string): boolean => segment.includes('{');

/** Every route of a line, from the contract rather than from what is generated from it. */
const documented = (line: Line): Entry[] => {
  const { routes: all } = JSON.parse(readFileSync(`openapi/kestra-${line}.json`, 'utf8')) as {
    routes: Record<string, Record<string, string>>;
  };
  return Object.entries(all).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => {
      const segments = path.split('/');
      return { method: method.toLowerCase(), path, segments, literals: segments.filter((segment) => !isParameter(segment)).length };
    }),
  );
};

/** The route that Kestra takes for a request: the most literal of those that fit. */
const taken = (all: readonly Entry[], method: string, path: string): string | undefined => {
  const given = path.split('/');
  let best: Entry | undefined;
  for (const entry of all) {
    if (entry.method !== method || entry.segments.length !== given.length || (best && best.literals >= entry.literals)) continue;
    if (entry.segments.every((segment, i) => segment === given[i] || isParameter(segment))) best = entry;
  }
  return best?.path;
};

const anonymous = (path: string | undefined): string | undefined => path?.replace(/\{[^}]+\}/g, '{}');

describe.each(lines)('every operation of Kestra %s', (line) => {
  const all = documented(line);
  const operations = Object.entries(routes).flatMap(([id, byLine]) => {
    const route = byLine[line];
    return route ? [{ id, method: route.method, path: route.path }] : [];
  });
  const build = (method: (typeof operations)[number]['method'], path: string, values: Record<string, string>): string | undefined => {
    try {
      return buildPath(line, method, path, values);
    } catch (thrown) {
      if (thrown instanceof PublicError && thrown.code === 'invalid_input') return undefined;
      throw thrown;
    }
  };
  const parameters = (path: string): string[] => [...path.matchAll(/\{([^}]+)\}/g)].map(([, name = '']) => name);
  const expectOwn = (id: string, method: string, path: string, values: Record<string, string>, built: string) => {
    const route = anonymous(taken(all, method, built));
    if (route !== anonymous(path)) expect.fail(`${id} with ${JSON.stringify(values)} becomes ${route}`);
  };
  const words = [...new Set(all.flatMap(({ segments }) => segments.filter((segment) => segment !== '' && !isParameter(segment))))];

  test('is a route of the contract, and reaches itself with plain names', () => {
    expect(operations.length).toBeGreaterThan(15);
    for (const { method, path } of operations) {
      const built = build(method, path, Object.fromEntries(parameters(path).map((name) => [name, 'plain1'])));
      expect(anonymous(taken(all, method, built ?? ''))).toBe(anonymous(path));
    }
  });

  test('never becomes another one, whatever literal of the document its parameters are', () => {
    let refused = 0;
    for (const { id, method, path } of operations) {
      for (const rival of all.filter((entry) => entry.method === method && entry.segments.length === path.split('/').length)) {
        const own = path.split('/');
        const values: Record<string, string> = {};
        for (const [i, segment] of own.entries()) {
          const literal = rival.segments[i] ?? '';
          if (isParameter(segment)) values[segment.slice(1, -1)] = isParameter(literal) ? 'plain1' : literal;
        }
        const built = build(method, path, values);
        if (built === undefined) refused++;
        else expectOwn(id, method, path, values, built);
      }
    }
    expect(refused).toBeGreaterThan(10);
  });

  test('never becomes another one, whatever words of the document its parameters are', () => {
    for (const { id, method, path } of operations) {
      const names = parameters(path);
      for (const [i, word] of words.entries()) {
        for (const name of names) {
          const others = Object.fromEntries(names.map((other, j) => [other, words[(i * 7 + j * 3) % words.length] ?? 'plain1']));
          for (const values of [
            { ...others, [name]: word },
            { ...Object.fromEntries(names.map((other) => [other, 'plain1'])), [name]: word },
          ]) {
            const built = build(method, path, values);
            if (built) expectOwn(id, method, path, values, built);
          }
        }
      }
    }
  });

  test.each([
    '',
    '.',
    '..',
    '...',
    '/',
    'a/b',
    '../x',
    '..%2fx',
    '%2e%2e',
    '%2E',
    '%00',
    '?',
    'a?b',
    '#',
    'a#b',
    ';',
    'a;b',
    ':',
    '@',
    '\\',
    '\0',
    'a\0',
    'a\r\nHost: x',
    '\n',
    'a\n',
    ' ',
    ' a',
    'a ',
    '\t',
    '+',
    '*',
    '{id}',
    '-a',
    '_a',
    '.a',
    'é',
    'ａ',
    'а',
    'a\u200bb',
    'a\u202eb',
    '．．',
    '／',
    '🙂',
    'x'.repeat(10_000),
  ])('refuses %j in every place of a path', (value) => {
    for (const { method, path } of operations) {
      for (const name of parameters(path)) {
        const values = { ...Object.fromEntries(parameters(path).map((other) => [other, 'plain1'])), [name]: value };
        expect(() => buildPath(line, method, path, values), `${path} ${name}`).toThrow(PublicError);
      }
    }
  });

  test.each([{ value: undefined }, { value: null }, { value: 7 }, { value: ['a'] }, { value: { toString: () => 'a' } }])(
    'refuses $value, which is no text',
    ({ value }: { value: unknown }) => {
      for (const { method, path } of operations) {
        for (const name of parameters(path)) {
          const values = { ...Object.fromEntries(parameters(path).map((other) => [other, 'plain1'])), [name]: value };
          expect(() => buildPath(line, method, path, values)).toThrow(PublicError);
        }
      }
    },
  );

  test('yields what a URL leaves as it is', () => {
    for (const { method, path } of operations) {
      const built = build(method, path, Object.fromEntries(parameters(path).map((name) => [name, 'plain1']))) ?? '';
      expect(new URL(built, 'http://kestra').pathname).toBe(built);
    }
  });
});

test('a bulk restart can not be had by executing flow by-query of namespace restart', () => {
  for (const line of lines) {
    const route = routes.createExecution[line];
    expect(() => buildPath(line, 'post', route?.path ?? '', { tenant: 'main', namespace: 'restart', id: 'by-query' })).toThrow(
      'nothing was sent',
    );
  }
});
