import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const own = ['src', 'codegen', 'tests'];

const filesBelow = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
const sources = own.flatMap(filesBelow).filter((path) => path.endsWith('.ts') && !path.includes('/generated/'));
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8');

/** What a file imports: packages by name, files by their path from the root. */
const importsOf = (path: string): string[] =>
  [...textOf(path).matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g)].map(([, name = '']) =>
    name.startsWith('.') ? relative(root, resolve(root, dirname(path), name)) : name,
  );

/** Which part of the house a file of src belongs to: its folder, or its name for one that lies directly in src. */
const partOf = (path: string): string => path.split('/')[1]?.replace(/\.ts$/, '') ?? '';

/** What each part may import besides itself: the arrows of the architecture. What composes the rest may import all. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  version: [],
  errors: [],
  redaction: [],
  log: ['errors', 'redaction'],
  nearest: [],
  'public-url': ['errors'],
  access: ['errors', 'config', 'log'],
  'setting-kinds': [],
  'settings-limits': ['setting-kinds'],
  'settings-telemetry': ['setting-kinds'],
  'settings-secrets': ['setting-kinds'],
  settings: ['errors', 'access', 'nearest', 'setting-kinds', 'settings-limits', 'settings-telemetry', 'settings-secrets'],
  config: ['errors', 'access', 'settings', 'settings-limits', 'settings-telemetry', 'public-url', 'settings-secrets'],
  telemetry: ['errors', 'log'],
  kestra: ['errors', 'config', 'log', 'telemetry'],
  tools: ['kestra', 'access', 'errors'],
  store: ['errors', 'config', 'log'],
  auth: ['store', 'access', 'telemetry', 'config', 'settings', 'public-url', 'errors', 'log', 'version'],
  server: ['tools', 'auth', 'store', 'kestra', 'access', 'telemetry', 'config', 'errors', 'log', 'version'],
};
const composing = ['main', 'cli'];

const inSource = sources.filter((path) => path.startsWith('src/'));

describe('the folders', () => {
  test.each([...new Set(inSource.map(partOf))].filter((part) => !composing.includes(part)))('src/%s imports only what it may', (part) => {
    expect(Object.keys(arrows)).toContain(part);
    const strays = inSource
      .filter((path) => partOf(path) === part)
      .flatMap((path) =>
        importsOf(path)
          .filter((name) => name.startsWith('src/'))
          .map((name) => ({ path, name })),
      )
      .filter(({ name }) => partOf(name) !== part && !arrows[part]?.includes(partOf(name)));
    expect(strays).toEqual([]);
  });

  test('there are no circles but the one of settings and role names', () => {
    for (const [part, others] of Object.entries(arrows)) {
      for (const other of others) {
        const back = arrows[other]?.includes(part) ?? false;
        expect(back, `${part} and ${other}`).toBe([part, other].sort().join() === 'access,config');
      }
    }
    const types = textOf('src/access/session.ts').match(/import .*config\.ts/g);
    expect(types).toEqual([expect.stringMatching(/^import type /)]);
  });

  test('the program does not import tests or code generation', () => {
    for (const path of inSource)
      expect(
        importsOf(path).filter((name) => /^(tests|codegen)\//.test(name)),
        path,
      ).toEqual([]);
  });

  test('none is called utils, helpers, common, services or lib', () => {
    const names = sources.flatMap((path) => path.split('/')).map((name) => name.replace(/(\.[a-z]+)+$/, ''));
    expect(names.filter((name) => /^(utils?|helpers?|common|services?|lib|misc)$/.test(name))).toEqual([]);
  });
});

test('the MCP SDK is imported in src/server alone', () => {
  const users = inSource.filter((path) => importsOf(path).some((name) => name.startsWith('@modelcontextprotocol/')));
  expect(users.filter((path) => !path.startsWith('src/server/'))).toEqual([]);
  expect(users.length).toBeGreaterThan(0);
});

test('the environment is read in two places', () => {
  const readers = inSource.filter((path) => /process\.env|from 'node:process'|\benv\b.*=\s*process\b/.test(textOf(path)));
  expect(readers.filter((path) => path !== 'src/config.ts' && path !== 'src/cli/run.ts')).toEqual([]);
});

test('only src/kestra knows a path of Kestra', () => {
  const builders = inSource.filter(
    (path) => !path.startsWith('src/kestra/') && !['src/config.ts', 'src/settings.ts'].includes(path) && /['"`/]api\/v1/.test(textOf(path)),
  );
  expect(builders).toEqual([]);
});

test('no file has more than 400 lines', () => {
  const long = sources.map((path) => ({ path, lines: textOf(path).trimEnd().split('\n').length })).filter(({ lines }) => lines > 400);
  expect(long).toEqual([]);
});

test('every import of a file names its extension, and nothing is exported by default', () => {
  for (const path of sources) {
    const bare = importsOf(path).filter((name) => own.some((folder) => name.startsWith(`${folder}/`)) && !/\.(ts|json)$/.test(name));
    expect(bare, path).toEqual([]);
    expect(textOf(path), path).not.toMatch(/^export default /m);
  }
});
