import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, inject, test } from 'vitest';

/** What Node reads before the program's first line runs: the entry and all that it imports, not what it may import later. */
const readAtStart = (file: string, seen = new Map<string, string>()): Map<string, string> => {
  if (seen.has(file)) return seen;
  const text = readFileSync(file, 'utf8');
  seen.set(file, text);
  for (const [, imported = ''] of text.matchAll(/(?:^|[;\n}])\s*(?:import|export)(?:[\w$*{},\s]+from)?\s*["'](\.\/[^"']+\.mjs)["']/g)) {
    readAtStart(join(dirname(file), imported), seen);
  }
  return seen;
};

// Time to the first tools/list is mostly reading; the bench measures it, this notices what a busy machine hides there.
test('a stdio server reads no more than it needs to start', () => {
  const read = readAtStart(inject('program'));
  const texts = [...read.values()];
  expect(texts.some((text) => text.includes('search_namespaces'))).toBe(true);
  for (const heavy of ['EnvHttpProxyAgent', 'iconv-lite', 'openid-client', 'better-sqlite3', 'OTLPTraceExporter', 'nodejs_eventloop_lag']) {
    expect(
      [...read].filter(([, text]) => text.includes(heavy)).map(([file]) => file),
      `${heavy} is read at the start`,
    ).toEqual([]);
  }
  expect(texts.reduce((sum, text) => sum + text.length, 0)).toBeLessThan(1_060_000);
});
