import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parsePolicy } from '../../src/access/policy.ts';
import { describeSettings } from '../../src/settings.ts';
import { blocksOf, documents, root, under } from './documents.ts';

const settings = new Set(describeSettings().map(({ name }) => name));
const isSetting = (name: string): boolean => settings.has(name) || settings.has(name.replace(/_FILE$/, ''));
const scripts = Object.keys((JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object }).scripts);
const commands = new Set(
  [...readFileSync(join(root, 'src/cli/run.ts'), 'utf8').matchAll(/^ {2}(\w+),$/gm)].map(([, name = '']) =>
    name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
  ),
);

describe.each(documents.map(({ file, text }) => [file, text] as const))('%s names what there is', (_, text) => {
  it('settings', () => {
    const named = text.match(/\b(KESTRA_(?:MCP_)?[A-Z][A-Z_]*[A-Z]|OIDC_[A-Z_]*[A-Z]|ENCRYPTION_KEYS?(?:_FILE)?)\b/g) ?? [];
    expect(named.filter((name) => !isSetting(name))).toEqual([]);
  });

  it('scripts of npm', () => {
    const named = [...text.matchAll(/\bnpm run ([\w:]+)/g)].map(([, name = '']) => name);
    expect(named.filter((name) => !scripts.includes(name))).toEqual([]);
  });

  it('commands and options of the program', () => {
    // Where a command begins: not in a name of something else.
    const calls = [
      ...text.matchAll(/(?:^|[`(]|npx (?:-y )?|&& |exec \S+ |-- |do )kestra-mcp((?: --[\w-]+(?: \S*\.env)?)*)(?: ([a-z][a-z-]*))?/gm),
    ];
    const options = calls.flatMap(([, given = '']) => given.match(/--[\w-]+/g) ?? []);
    expect(options.filter((option) => !['--stdio', '--env-file', '--help', '--version'].includes(option))).toEqual([]);
    expect(calls.map(([, , name]) => name).filter((name) => name !== undefined && !commands.has(name))).toEqual([]);
  });

  it('files of the repository', () => {
    const named = text.match(/\b(?:src|tests|deploy|codegen)\/[\w./-]*\w/g) ?? [];
    const made = ['deploy/kestra-mcp', 'deploy/compose/.env', 'src/kestra/generated'];
    expect(named.filter((file) => !made.includes(file) && !existsSync(join(root, file)))).toEqual([]);
  });
});

describe('blocks', () => {
  it.each(blocksOf('json').map(({ file, text }) => [file, text] as const))(
    '%s: JSON for a client starts the program with settings that there are',
    (_, text) => {
      const { mcpServers, servers } = JSON.parse(text) as Record<
        'mcpServers' | 'servers',
        Record<string, { args: string[]; env: object }> | undefined
      >;
      const { args, env } = (mcpServers ?? servers)?.kestra ?? { args: [], env: {} };
      expect(args).toEqual(['-y', 'kestra-mcp', '--stdio']);
      expect(Object.keys(env).filter((name) => !settings.has(name))).toEqual([]);
    },
  );

  it('the policy in docs/permissions.md is one', () => {
    const [block] = under('docs/permissions.md', 'The policy', 'yaml');
    expect(() => parsePolicy(block?.text ?? '')).not.toThrow();
  });

  it('YAML can be read', () => {
    for (const { text } of blocksOf('yaml')) expect(() => parse(text)).not.toThrow();
  });

  it('the port and the folder of docker run are those of the image', () => {
    const image = readFileSync(join(root, 'Dockerfile'), 'utf8');
    const [port, volume] = [/^EXPOSE (\d+)/m.exec(image)?.[1], /^VOLUME (\S+)/m.exec(image)?.[1]];
    const text = under('docs/install.md', 'Docker', 'sh')
      .map((block) => block.text)
      .join('');
    expect(text).toContain(`--publish ${port}:${port}`);
    expect(text).toContain(`--volume kestra-mcp:${volume}`);
  });
});
