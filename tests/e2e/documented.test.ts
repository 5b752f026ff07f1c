import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { under } from '../docs/documents.ts';
import { freePort } from '../harness/free-port.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { Application } from './application.ts';
import { launch, Person } from './browser.ts';
import { Keycloak } from './keycloak/keycloak.ts';

let folder: string;
let browser: Browser;
let kestra: Kestra;
let keycloak: Keycloak;
let url: string;
let server: ChildProcess | undefined;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kestra-mcp-documented-'));
  [browser, kestra, keycloak] = await Promise.all([launch(), startKestra({ version: '1.3.25' }), Keycloak.running()]);
  url = `http://127.0.0.1:${await freePort()}`;
  const script = `#!/bin/sh\nshift\nexec '${process.execPath}' '${inject('program')}' "$@"\n`;
  await writeFile(join(folder, 'npx'), script, { mode: 0o755 });
});
afterAll(async () => {
  if (server?.exitCode === null) {
    const gone = new Promise((resolve) => server?.once('exit', resolve));
    process.kill(-(server.pid as number), 'SIGTERM');
    await gone;
  }
  await kestra?.close();
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

/** As it is written, but at the addresses of this machine. */
const here = (text: string): string =>
  text
    .replaceAll('https://login.example.com', keycloak.base)
    .replaceAll('https://kestra-mcp.example.com', url)
    .replaceAll('https://kestra.example.com', kestra.url)
    .replaceAll('0.0.0.0', '127.0.0.1');
const env = () => ({
  PATH: [folder, keycloak.bin, process.env.PATH].join(delimiter),
  HOME: folder,
  KC_CLI_PASSWORD: 'admin-password',
  KESTRA_MCP_PORT: new URL(url).port,
});
const bash = (text: string) => ['--norc', '-euo', 'pipefail', '-c', here(text)];

it('docs/identity-providers.md and the README followed word for word: Keycloak is set up, the server runs, and ada is let in', async () => {
  const blocks = under('docs/identity-providers.md', 'Keycloak', 'sh').map(({ text }) => text);
  let said = '';
  for (const block of blocks.filter((text) => !text.startsWith('export '))) {
    said = (await promisify(execFile)('bash', bash(block), { cwd: folder, env: env() })).stdout;
  }
  const secret = said.trim();
  expect(secret).toMatch(/^\w{20,}$/);

  const [team] = under('README.md', 'For a team: one URL', 'sh');
  const written = team?.text.replace('OIDC_CLIENT_SECRET=…', `OIDC_CLIENT_SECRET=${secret}`) ?? '';
  server = spawn('bash', bash(written), { cwd: folder, env: env(), detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [server.stdout, server.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const livez = () =>
    fetch(`${url}/livez`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await livez())) {
    if (server.exitCode !== null) throw new Error(output);
    await sleep(100);
  }
  expect(output).toContain(`ok       identity provider ${keycloak.base}/realms/company (keycloak)`);

  const program = { url, mcpUrl: `${url}/mcp`, log: [], stop: async () => undefined };
  const person = await Person.at(browser);
  const application = await Application.registered(program);
  const { url: authorization, verifier } = application.begin();
  await person.consent(authorization);
  await person.logIn('ada', 'a long password');
  const { you, roles } = await application.status(await application.finish(verifier));
  expect(you).toContain('Ada Admin');
  expect(roles.map(({ name }) => name)).toContain('kestra-editor');
  expect(person.complaints).toEqual([]);

  // And out again, at Keycloak too: it knows the address to come back to.
  await person.page.goto(`${url}/account`);
  await person.page.getByRole('button', { name: 'Sign in' }).click();
  await person.logIn('ada', 'a long password');
  await person.page.waitForURL(`${url}/account`);
  await person.page.getByText("Of your company's account too").click();
  await person.page.getByRole('button', { name: 'Sign out of both' }).click();
  await person.page.waitForURL(`${url}/account/signed-out**`);
  application.close();
  await person.close();
}, 500_000);
