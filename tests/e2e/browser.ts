import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';
import { passwordOf } from './keycloak/keycloak.ts';

/** A real Chromium that asks nobody but who it is told to. */
export const launch = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });

/** One person's browser, with no cookies yet. What goes wrong in its pages is kept. */
export class Person {
  readonly page: Page;
  /** What the console says of errors, refused content included, and each request to another host than this. */
  readonly complaints: string[] = [];

  constructor(page: Page) {
    this.page = page;
    page.setDefaultTimeout(20_000);
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.complaints.push(`${page.url()}: ${message.text()}`);
    });
    page.on('pageerror', (error) => this.complaints.push(`${page.url()}: ${error}`));
    page.on('request', (request) => {
      const { protocol, hostname, href } = new URL(request.url());
      if (protocol.startsWith('http') && hostname !== '127.0.0.1') this.complaints.push(`asked for ${href}`);
    });
  }

  static async at(browser: Browser, options: BrowserContextOptions = {}): Promise<Person> {
    const context = await browser.newContext(options);
    return new Person(await context.newPage());
  }

  /** Opens the authorization URL of a client, and says yes. */
  async consent(url: string, { write = true }: { write?: boolean } = {}): Promise<void> {
    await this.page.goto(url);
    const box = this.page.getByLabel('Change and delete');
    if ((await box.count()) > 0) await box.setChecked(write);
    await this.page.getByRole('button', { name: 'Continue to sign in' }).click();
  }

  /** Fills in Keycloak's own page: with offline_access it keeps no session of the browser, so it always asks. */
  async logIn(username: string, password = passwordOf(username)): Promise<void> {
    await this.page.locator('#username').fill(username);
    await this.page.locator('#password').fill(password);
    await this.page.locator('#kc-login').click();
  }

  async heading(): Promise<string> {
    const headings = this.page.getByRole('heading', { level: 1 });
    await headings.first().waitFor();
    expect(await headings.count(), this.page.url()).toBe(1);
    return (await headings.first().textContent())?.trim() ?? '';
  }

  close(): Promise<void> {
    return this.page.context().close();
  }
}
