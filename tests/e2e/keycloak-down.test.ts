import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { Application, type Tokens } from './application.ts';
import { launch, Person } from './browser.ts';
import { Keycloak } from './keycloak/keycloak.ts';
import { type Program, startProgram } from './program.ts';

let browser: Browser;
let kestra: Kestra;
let keycloak: Keycloak;
let program: Program;
let application: Application;
let tokens: Tokens;
beforeAll(async () => {
  [browser, kestra, keycloak] = await Promise.all([launch(), startKestra({ version: '1.3.25' }), Keycloak.running()]);
  program = await startProgram({ kestra, provider: keycloak.client(), env: { KESTRA_MCP_CLAIMS_FRESH_SECONDS: '0' } });
  application = await Application.registered(program);
  tokens = await signedIn('eve');
});
afterAll(async () => {
  application?.close();
  await program?.stop();
  await kestra?.close();
  await browser?.close();
});

const signedIn = async (username: string): Promise<Tokens> => {
  const person = await Person.at(browser);
  try {
    return await application.signIn(person, username);
  } finally {
    await person.close();
  }
};

/** Who is signed in works on, with the roles last heard of. */
const expectPatience = async (): Promise<void> => {
  expect((await application.status(tokens)).you).toContain('Eve Editor');
  const before = performance.now();
  tokens = await application.refreshed(tokens);
  expect(performance.now() - before).toBeLessThan(8000);
  expect((await application.status(tokens)).roles.some(({ name }) => name === 'kestra-editor')).toBe(true);
};

/** A page of ours says what is wrong. */
const expectApology = async (person: Person): Promise<void> => {
  await person.heading();
  expect(new URL(person.page.url()).port).not.toBe(new URL(keycloak.issuer).port);
  expect(await person.page.locator('main').textContent()).toMatch(/sign-in (has a problem|can't be reached) just now/);
};

/** Within 5 s of its being there again, without a restart of anything. */
const expectRecovery = async (its: Application): Promise<void> => {
  const person = await Person.at(browser);
  const end = performance.now() + 5000;
  const { url, verifier } = its.begin();
  do {
    await person.consent(url);
    await person.page.locator('h1').first().waitFor();
  } while (!person.page.url().startsWith(keycloak.issuer) && performance.now() < end);
  await person.logIn('vic');
  expect((await its.status(await its.finish(verifier))).you).toContain('Vic Viewer');
  await person.close();
};

it('a Keycloak that takes connections and answers nothing: patience and an apology, then recovery', async () => {
  const person = await Person.at(browser);
  // It falls silent when it has sent the browser back, and before this server asks for its tokens.
  await person.page.route('**/login-actions/authenticate?*', async (route) => {
    const response = await route.fetch({ maxRedirects: 0 });
    await keycloak.freeze();
    await route.fulfill({ response });
  });
  try {
    await person.consent(application.begin().url);
    await person.logIn('eve');
    await expectApology(person);
    await expectPatience();
  } finally {
    await keycloak.thaw();
  }
  await person.close();
  await expectRecovery(application);
  tokens = await application.refreshed(tokens);
});

it('a Keycloak that is gone: patience, and an apology of a server that starts meanwhile; then recovery', async () => {
  await keycloak.stop();
  let late: Program;
  let its: Application;
  try {
    await expectPatience();
    const ready = await fetch(`${program.url}/readyz`);
    expect(ready.status, 'who is signed in can be served').toBe(200);
    late = await startProgram({ kestra, provider: keycloak.client() });
    its = await Application.registered(late);
    const person = await Person.at(browser);
    await person.consent(its.begin().url);
    await expectApology(person);
    await person.close();
  } finally {
    await keycloak.start();
  }
  await expectRecovery(application);
  await expectRecovery(its);
  tokens = await application.refreshed(tokens);
  its.close();
  await late.stop();
}, 120_000);
