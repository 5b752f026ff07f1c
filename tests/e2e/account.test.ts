import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { Application } from './application.ts';
import { launch, Person } from './browser.ts';
import { Keycloak } from './keycloak/keycloak.ts';
import { type Program, startProgram } from './program.ts';

let browser: Browser;
let kestra: Kestra;
let keycloak: Keycloak;
let program: Program;
beforeAll(async () => {
  [browser, kestra, keycloak] = await Promise.all([launch(), startKestra({ version: '1.3.25' }), Keycloak.running()]);
  program = await startProgram({ kestra, provider: keycloak.client(), env: { KESTRA_CREDENTIALS: 'per-user' } });
});
afterAll(async () => {
  await program?.stop();
  await kestra?.close();
  await browser?.close();
});

it('each person with an own credential: asked for, given on the page, used by the tools, taken away again', async () => {
  const person = await Person.at(browser);
  const application = await Application.registered(program);
  const tokens = await application.signIn(person, 'eve');
  const flows = () => application.connected(tokens, (client) => client.callTool({ name: 'list_flows', arguments: { namespace: 'acme' } }));

  const before = await flows();
  expect(before.isError).toBe(true);
  const [link = ''] = /http:\/\/127\.0\.0\.1:\d+\/account\S*[\w-]/.exec(JSON.stringify(before.content)) ?? [];
  await person.page.goto(link);
  await person.page.getByRole('button', { name: 'Sign in' }).click();
  await person.logIn('eve');
  await person.page.waitForURL(/\/account/);
  expect(await person.heading()).toContain('Eve Editor');

  const give = async (password: string): Promise<void> => {
    await person.page.getByLabel('User name').fill('kestra@example.com');
    await person.page.getByLabel('Password').fill(password);
    await person.page.getByRole('button', { name: 'Check and store' }).click();
  };
  await give('not-the-password');
  await person.page.getByRole('alert').waitFor();
  expect((await flows()).isError).toBe(true);
  await give('Kestra-1234');
  await person.page.getByText('Kestra has accepted your credential').waitFor();
  expect((await flows()).isError).not.toBe(true);

  await person.page.getByText('Remove it').click();
  await person.page.getByRole('button', { name: 'Remove the credential' }).click();
  await person.page.getByText('Your credential is removed').waitFor();
  expect((await flows()).isError).toBe(true);
  expect(JSON.stringify(program.log)).not.toMatch(/Kestra-1234|not-the-password/);
  application.close();
  await person.close();
});

it("the link of one person's assistant is not for another", async () => {
  const application = await Application.registered(program);
  const [eve, vic] = [await Person.at(browser), await Person.at(browser)];
  const tokens = await application.signIn(eve, 'eve');
  const { content } = await application.connected(tokens, (client) =>
    client.callTool({ name: 'list_flows', arguments: { namespace: 'acme' } }),
  );
  const [link = ''] = /http:\/\/127\.0\.0\.1:\d+\/account\S*[\w-]/.exec(JSON.stringify(content)) ?? [];
  await vic.page.goto(link);
  await vic.page.getByRole('button', { name: 'Sign in' }).click();
  await vic.logIn('vic');
  await vic.page.waitForURL(/\/account/);
  expect(await vic.heading()).toBe('This link was made for somebody else');
  application.close();
  await Promise.all([eve.close(), vic.close()]);
});
