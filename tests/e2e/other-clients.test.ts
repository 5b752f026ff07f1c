import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { FakeIdp } from '../auth/fake-idp.ts';
import { cache } from '../harness/cache.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { launch, type Person } from './browser.ts';
import { type Desktop, knownTo, openDesktop, providerOf } from './desktop.ts';
import { openLanding } from './landing.ts';
import { type Program, startProgram } from './program.ts';

/**
 * The clients that tests/e2e/install brings. Not here: the editors, the desktop applications and the web, which need people or accounts, and
 * Claude Code, which wants a terminal and names itself by a document on the internet (what it sends to /register is in tests/auth). The
 * Inspector's command line does not step up where it was given a refresh token; Python's client and the SDK's do.
 */
const npm = (name: string) => join(cache, 'npm', 'node_modules', '.bin', name);
const python = join(cache, 'python', 'bin', 'python');

let browser: Browser;
let kestra: Kestra;
let idp: FakeIdp;
let program: Program;
let person: Person;
let desktop: Desktop;
beforeAll(async () => {
  [browser, kestra, idp] = await Promise.all([launch(), startKestra({ version: '1.3.25' }), new FakeIdp().start()]);
  program = await startProgram({ kestra, provider: providerOf(idp) });
});
afterAll(async () => {
  await program?.stop();
  await idp?.stop();
  await kestra?.close();
  await browser?.close();
});
beforeEach(async () => {
  person = await knownTo(browser, idp, 'eve');
  desktop = await openDesktop(person);
});
afterEach(async () => {
  await desktop.close();
  await person.close();
});

/** Runs a client to its end. @throws what it said, unless it ended well */
const run = async (command: string, args: readonly string[], during: (child: ChildProcess) => void = () => {}): Promise<string> => {
  const child = spawn(command, args, { env: desktop.env, cwd: desktop.folder, timeout: 50_000 });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  during(child);
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect(code, `${stdout}\n${stderr}\nopened: ${desktop.opened.join(' ')}`).toBe(0);
  return stdout;
};

it.each(['legacy', 'auto', 'modern'])('MCP Inspector, command line, %s era', async (era) => {
  Object.assign(desktop.env, { MCP_AUTO_OPEN_ENABLED: 'true', MCP_INSPECTOR_SECRET_STORE: 'file' });
  const inspect = (...args: string[]) =>
    run(npm('mcp-inspector'), ['--cli', program.mcpUrl, '--transport', 'http', '--protocol-era', era, '--format', 'json', ...args]);
  expect(await inspect('--method', 'tools/list')).toContain('"execute_flow"');
  expect(desktop.opened).toHaveLength(1);
  expect(await inspect('--method', 'tools/call', '--tool-name', 'auth_status')).toContain('Eve Editor');
  expect(desktop.opened, 'its second run uses what the first was given').toHaveLength(1);
});

it('mcp-remote, for applications that can only start programs', async () => {
  const env = Object.fromEntries(Object.entries(desktop.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
  const transport = new StdioClientTransport({ command: npm('mcp-remote'), args: [program.mcpUrl, '--allow-http'], env, stderr: 'ignore' });
  const client = new Client({ name: 'an-application', version: '1.0.0' });
  await client.connect(transport);
  expect((await client.listTools()).tools.map(({ name }) => name)).toContain('execute_flow');
  expect((await client.callTool({ name: 'auth_status', arguments: {} })).structuredContent).toMatchObject({ you: 'Eve Editor' });
  await client.close();
});

it.each(['auto', 'legacy'])('Python mcp, %s, with a step-up', async (mode) => {
  const landing = await openLanding();
  const id = `python-${mode}`;
  const flow = `id: ${id}\nnamespace: acme\ntasks:\n  - id: hello\n    type: io.kestra.plugin.core.log.Log\n    message: hi\n`;
  let asked = 0;
  const said = await run(python, [join(import.meta.dirname, 'python', 'sign_in.py'), program.mcpUrl, mode, landing.url, flow], (child) => {
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      if (!line.startsWith('open ')) return;
      asked += 1;
      void person
        .consent(line.slice(5), { write: asked > 1 })
        .then(async () => child.stdin?.write(`${landing.url}?${await landing.next()}\n`));
    });
  });
  landing.close();
  const seen: unknown = JSON.parse(said.trim().split('\n').at(-1) ?? '');
  expect(seen).toMatchObject({ you: 'Eve Editor', tools: expect.arrayContaining(['execute_flow']), saved: true });
  expect(seen).toMatchObject({ scopes: ['kestra.read kestra.execute', 'kestra.read kestra.execute kestra.write'] });
  expect(kestra.state.flow('acme', id)).toBeDefined();
});

it('Python fastmcp', async () => {
  const said = await run(python, [join(import.meta.dirname, 'python', 'with_fastmcp.py'), program.mcpUrl]);
  expect(JSON.parse(said.trim().split('\n').at(-1) ?? '')).toMatchObject({
    you: 'Eve Editor',
    tools: expect.arrayContaining(['execute_flow']),
  });
});
