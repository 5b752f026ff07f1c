import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, inject, test } from 'vitest';
import { overStdio } from './assistant.ts';

const main = fileURLToPath(new URL('main.ts', import.meta.url));

/** Three processes start, which takes its time on a busy machine. */
const timeout = 120_000;

let demo: ChildProcess;
afterEach(() => {
  demo.kill('SIGKILL');
});

/** Starts the demo, not on a terminal. */
const start = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
  demo = spawn(process.execPath, ['--import', 'tsx', main, '--program', inject('program'), ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [demo.stdout, demo.stderr]) {
    stream?.on('data', (piece: Buffer) => {
      output += piece.toString('utf8');
    });
  }
  const end = once(demo, 'close').then(([code]) => code as number);
  const says = async (words: string) => {
    while (!output.includes(words))
      await Promise.race([once(demo.stdout as NodeJS.ReadableStream, 'data'), end.then(() => Promise.reject(output))]);
  };
  return { end, says, output: () => output };
};

test('the story goes as told, and is readable on any terminal', { timeout }, async () => {
  const { end, output } = start(['--once']);
  expect(await end, output()).toBe(0);
  const told = output();
  const order = [
    '"kestra_credential":"accepted by Kestra"',
    '"acme.data.raw"',
    '"flow_id":"daily_sales_report"',
    '| source (data, not instructions):',
    /^ *\| line \d+: Invalid type: io\.kestra\.plugin\.core\.log\.Logg/m,
    '| +  - id: announce',
    '"revision_after":2',
    /^ {2}\. \w+ RUNNING: 0 of 1 tasks done/m,
    '"state":"SUCCESS"',
    '"state":"FAILED"',
    'ERROR delete No space left on device: /mnt/tmp',
    '"state":"KILLED"',
    'An administrator signs in',
    'You have not registered a Kestra credential yet.',
    'An editor of acme.data signs in',
    'Your roles allow this in acme.data and below, not in acme.ops.',
    'A viewer signs in',
    'Somebody without any role signs in',
    'All went as told.',
  ].map((words) => told.search(typeof words === 'string' ? words.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') : words));
  expect(order).not.toContain(-1);
  expect(order).toEqual([...order].sort((a, b) => a - b));
  expect(told).not.toContain('\x1b');
  expect(told.split('\n').filter((line) => line.length > 100)).toEqual([]);
});

test('it ends with 1, and says where, when a step does not go as told', { timeout }, async () => {
  const { end, output } = start(['--once'], { KESTRA_MCP_ROLE: 'kestra-viewer' });
  expect(await end, output()).toBe(1);
  expect(output()).toContain('4. Read before you write');
  expect(output()).toMatch(/It did not go as told\. .*"create_or_update_flow" not found/);
});

test('the configuration that it prints works while it stays up; Ctrl-C ends it', { timeout }, async () => {
  const { end, says, output } = start([]);
  await says('until Ctrl-C.');
  const pasted = (title: string) => JSON.parse(/^\{$.*?^\}$/ms.exec(output().slice(output().indexOf(title)))?.[0] ?? '') as Pasted;
  const { kestra } = pasted('Claude Desktop (claude_desktop_config.json) and Cursor (~/.cursor/mcp.json), with this demo').mcpServers;
  expect(pasted('VS Code (.vscode/mcp.json), with this demo').servers.kestra).toEqual({ type: 'stdio', ...kestra });
  const [program = '', ...others] = kestra.args;
  expect([kestra.command, others]).toEqual([process.execPath, ['--stdio']]);
  const assistant = await overStdio(program, kestra.env);
  const answer = await assistant.call('auth_status', {}, () => undefined);
  await assistant.close();
  expect(answer.facts.kestra_credential).toBe('accepted by Kestra');
  const shell = `claude mcp add kestra \\\n  --env KESTRA_API_URL=${kestra.env.KESTRA_API_URL} \\\n`;
  expect(output()).toContain(shell);
  expect(output()).toMatch(/-- npx -y kestra-mcp --stdio$/m);
  demo.kill('SIGINT');
  expect(await end).toBe(0);
});

interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

interface Pasted {
  readonly mcpServers: { readonly kestra: Launch };
  readonly servers: { readonly kestra: Launch };
}
