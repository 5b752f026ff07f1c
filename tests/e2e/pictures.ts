/** `npm run pictures`: the pictures of the documentation, of the real pages in a real Chromium, with the demo's team behind them. */
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { builtProgram } from '../demo/program.ts';
import { people } from '../demo/team/people.ts';
import { startTeam } from '../demo/team/program.ts';
import { freePort } from '../harness/free-port.ts';

const root = join(import.meta.dirname, '..', '..');
const images = join(root, 'docs', 'images');
const editor = people.find(({ id }) => id === 'editor');
const redirectUri = 'https://claude.ai/api/mcp/auth_callback';

const team = await startTeam(await builtProgram(), await freePort());
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
try {
  const page = await browser.newPage({ viewport: { width: 600, height: 900 } });
  const registration = await fetch(`${team.url}/register`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ client_name: 'Claude', redirect_uris: [redirectUri], grant_types: ['authorization_code', 'refresh_token'] }),
  });
  const { client_id } = (await registration.json()) as { client_id: string };
  const query = new URLSearchParams({
    response_type: 'code',
    client_id,
    redirect_uri: redirectUri,
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
    resource: `${team.url}/mcp`,
  });
  /** As it is at a company. */
  const shot = async (name: string): Promise<void> => {
    await page.evaluate(
      `for (const at of document.querySelectorAll('header *')) if (!at.children.length) at.textContent = at.textContent.replace(/^127.*/, 'kestra-mcp.example.com')`,
    );
    await page.screenshot({ path: join(images, `${name}.png`), fullPage: true });
  };
  await page.goto(`${team.url}/authorize?${query}`);
  await shot('consent');

  await page.goto(`${team.url}/account`);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: editor?.name ?? '' }).click();
  await page.waitForURL(`${team.url}/account`);
  await page.getByLabel('API token').fill(editor?.kestraToken ?? '');
  await page.getByRole('button', { name: 'Check and store' }).click();
  await page.getByText('Kestra has accepted your credential').waitFor();
  await shot('account');

  await page.goto('about:blank');
  await page.setViewportSize({ width: 256, height: 256 });
  const icon = await (await fetch(`${team.url}/icon.svg`)).text();
  await page.setContent(`<style>body { margin: 0 } svg { display: block; width: 256px }</style>${icon}`);
  await page.screenshot({ path: join(root, 'deploy', 'mcpb', 'icon.png'), omitBackground: true });
} finally {
  await browser.close();
  await team.stop();
}
