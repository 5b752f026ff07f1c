import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FakeIdp } from '../auth/fake-idp.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { Application } from './application.ts';
import { launch, Person } from './browser.ts';
import { providerOf } from './desktop.ts';
import { type Program, startProgram } from './program.ts';

let browser: Browser;
let kestra: Kestra;
let idp: FakeIdp;
let program: Program;
let application: Application;
let person: Person;
const inspection = await readFile(join(import.meta.dirname, 'inspect-page.js'), 'utf8');
beforeAll(async () => {
  [browser, kestra, idp] = await Promise.all([launch(), startKestra({ version: '1.3.25' }), new FakeIdp().start()]);
  program = await startProgram({ kestra, provider: providerOf(idp), env: { KESTRA_CREDENTIALS: 'per-user' } });
  application = await Application.registered(program);
});
afterAll(async () => {
  application?.close();
  await program?.stop();
  await idp?.stop();
  await kestra?.close();
  await browser?.close();
});
afterEach(() => person.close());

/** The narrowest screen that WCAG 1.4.10 asks for. */
const screens = { desktop: { width: 1280, height: 800 }, phone: { width: 320, height: 640 } };

/** A consent page for a client with this name, that wants its answer there. */
const consentFor = async (client_name: string, redirectUri: string): Promise<string> => {
  const registration = await fetch(`${program.url}/register`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ client_name, redirect_uris: [redirectUri], grant_types: ['authorization_code', 'refresh_token'] }),
  });
  const { client_id } = (await registration.json()) as { client_id: string };
  const query = new URLSearchParams({ ...Object.fromEntries(new URL(application.begin().url).searchParams), client_id });
  query.set('redirect_uri', redirectUri);
  return `${program.url}/authorize?${query}`;
};

const arrive = (): Promise<void> => person.page.context().addCookies([{ name: 'idp_user', value: 'eve', url: idp.url }]);

const unfold = async (): Promise<void> => {
  const folded = person.page.locator('details:not([open]) > summary');
  while ((await folded.count()) > 0) await folded.first().click();
};

/** Each page: how it is recognised, and how to get there. */
const pages: Record<string, readonly [heading: RegExp, open: () => Promise<void>]> = {
  home: [
    /Kestra for your assistant/,
    async () => {
      await person.page.goto(program.url);
      await unfold();
    },
  ],
  consent: [
    /would like to use Kestra for you/,
    async () => {
      await person.page.goto(application.begin().url);
    },
  ],
  'consent for a site with a long name': [
    /would like to use Kestra for you/,
    async () => {
      const name = 'Incomprehensibilities-of-Interdepartmental-Administration Assistant for Everybody in the Company';
      await person.page.goto(await consentFor(name, 'https://assistant.department.subsidiary.company.example/api/mcp/auth_callback'));
    },
  ],
  'consent for an app': [
    /Cursor/,
    async () => {
      await person.page.goto(await consentFor('Cursor', 'cursor://anysphere.cursor-mcp/oauth/callback'));
    },
  ],
  denied: [
    /You denied access/,
    async () => {
      await person.page.goto(application.begin().url);
      await person.page.getByRole('button', { name: 'Deny' }).click();
    },
  ],
  'not a client': [
    /This sign-in cannot go on/,
    async () => {
      await person.page.goto(`${program.url}/authorize?client_id=nobody`);
    },
  ],
  'signed in': [
    /You are signed in as Eve Editor/,
    async () => {
      await arrive();
      await person.consent(await consentFor('Cursor', 'cursor://anysphere.cursor-mcp/oauth/callback'));
    },
  ],
  'account, not signed in': [
    /Your account/,
    async () => {
      await person.page.goto(`${program.url}/account`);
    },
  ],
  account: [
    /Eve Editor/,
    async () => {
      await arrive();
      await person.page.goto(`${program.url}/account`);
      await person.page.getByRole('button', { name: 'Sign in' }).click();
      await person.page.waitForURL(`${program.url}/account`);
      await unfold();
    },
  ],
};
/** What the browser itself says of an answer that is no success. */
const status = /Failed to load resource: the server responded with a status of 4/;

describe.each(Object.keys(pages))('the page: %s', (name) => {
  it('nothing missing, unreadable, too wide or from elsewhere, on either screen in either light', async () => {
    person = await Person.at(browser);
    const [heading, open] = pages[name] ?? [];
    await open?.();
    await person.page.getByRole('heading', { level: 1, name: heading }).waitFor();
    for (const [screen, size] of Object.entries(screens)) {
      for (const colorScheme of ['light', 'dark'] as const) {
        await person.page.setViewportSize(size);
        await person.page.emulateMedia({ colorScheme });
        if (process.env.SCREENSHOTS)
          await person.page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}-${screen}-${colorScheme}.png`), fullPage: true });
        expect(await person.page.evaluate(inspection), `${screen}, ${colorScheme}`).toEqual([]);
      }
    }
    expect(person.complaints.filter((complaint) => !status.test(complaint))).toEqual([]);
  });
});

it('a page with everything wrong is found out', async () => {
  person = await Person.at(browser, { viewport: screens.phone });
  await person.page.setContent(`<title></title><h1>a</h1><h1>b</h1><h3 id="c">c</h3><input><button id="c"></button><svg></svg>
    <p style="color: #999; background: #fff" aria-labelledby="d">grey</p><p style="width: 500px">wide</p>`);
  const found = ((await person.page.evaluate(inspection)) as string[]).map((line) => line.split(/[:<]/)[0]);
  expect(found).toEqual([
    'the language is not said',
    'no title',
    'made for a wide screen',
    'not one main part',
    '2 first headings',
    'a level of headings is left out',
    'no label',
    'no name',
    'a picture without words',
    'twice the id c',
    'there is no d',
    'wider than the screen',
    expect.stringMatching(/^only/),
    expect.stringMatching(/^only/),
    'contrast 2.85',
  ]);
});

describe('consent without a mouse or a script', () => {
  it('the keyboard alone: each stop is seen, write is left out, and the sign-in goes on', async () => {
    person = await Person.at(browser);
    await arrive();
    const { url, verifier } = application.begin();
    await person.page.goto(url);
    const { keyboard } = person.page;
    const stops: string[] = [];
    for (;;) {
      await keyboard.press('Tab');
      const stop = (await person.page.evaluate(
        '(({ activeElement: at }) => [at.id || at.value, getComputedStyle(at).outlineStyle].join(" "))(document)',
      )) as string;
      if (stops.includes(stop) || stops.length > 10) throw new Error(`no way to approve: ${stops.join(', ')}`);
      stops.push(stop);
      if (stop.startsWith('write')) await keyboard.press('Space');
      if (stop.startsWith('approve')) break;
    }
    expect(stops).toEqual(['write solid', 'approve solid']);
    await keyboard.press('Enter');
    expect((await application.finish(verifier)).scope).toBe('kestra.read kestra.execute');
  });

  it('with scripts forbidden', async () => {
    person = await Person.at(browser, { javaScriptEnabled: false });
    await arrive();
    const { url, verifier } = application.begin();
    await person.consent(url);
    expect((await application.finish(verifier)).scope).toContain('kestra.write');
  });
});
