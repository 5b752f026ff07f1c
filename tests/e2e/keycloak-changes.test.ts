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
beforeAll(async () => {
  [browser, kestra, keycloak] = await Promise.all([launch(), startKestra({ version: '1.3.25' }), Keycloak.running()]);
  // Each refresh asks Keycloak.
  program = await startProgram({ kestra, provider: keycloak.client(), env: { KESTRA_MCP_CLAIMS_FRESH_SECONDS: '0' } });
  application = await Application.registered(program);
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
const rolesOf = async (tokens: Tokens): Promise<string[]> =>
  (await application.status(tokens)).roles.map(({ name }) => name).filter((name) => name.startsWith('kestra-'));
const errorOf = async (response: Response): Promise<unknown> => ({ status: response.status, ...((await response.json()) as object) });

it('a changed role counts after the next refresh, in both directions', async () => {
  await keycloak.addUser('changing', 'kestra-editor');
  const first = await signedIn('changing');
  expect(await rolesOf(first)).toEqual(['kestra-editor']);
  await keycloak.replaceRole('changing', 'kestra-editor', 'kestra-viewer');
  const second = await application.refreshed(first);
  expect(await rolesOf(second)).toEqual(['kestra-viewer']);
  await keycloak.replaceRole('changing', 'kestra-viewer', 'kestra-admin');
  expect(await rolesOf(await application.refreshed(second))).toEqual(['kestra-admin']);
});

it('a disabled user: the sign-in ends at the next refresh, and with it the access token', async () => {
  await keycloak.addUser('leaving', 'kestra-admin');
  const tokens = await signedIn('leaving');
  await keycloak.disable('leaving');
  expect(await errorOf(await application.refresh(tokens))).toMatchObject({ status: 400, error: 'invalid_grant' });
  await expect(application.status(tokens)).rejects.toThrow(/unauthorized/i);
  expect(JSON.stringify(program.log)).toContain('the identity provider ended the sign-in');
});

it('new realm keys, the old ones gone: sign-ins and refreshes go on', async () => {
  const before = await signedIn('eve');
  await keycloak.replaceKeys();
  const after = await application.refreshed(before);
  expect(await rolesOf(after)).toEqual(['kestra-editor']);
  expect(await rolesOf(await signedIn('vic'))).toEqual(['kestra-viewer']);
  expect(JSON.stringify(program.log)).not.toContain('was not reached');
});

it('refresh tokens of the provider that are good for one time: ten refreshes one after the other, then ten at once', async () => {
  await keycloak.rotateRefreshTokens(true);
  try {
    let tokens = await signedIn('ada');
    for (let turn = 0; turn < 10; turn++) tokens = await application.refreshed(tokens);
    const answers = await Promise.all(Array.from({ length: 10 }, () => application.refreshed(tokens)));
    expect(new Set(answers.map(({ refresh_token }) => refresh_token)).size).toBe(1);
    const [answer = tokens] = answers;
    expect(await rolesOf(await application.refreshed(answer))).toEqual(['kestra-admin']);
  } finally {
    await keycloak.rotateRefreshTokens(false);
  }
});

it('two applications of one person, each with its own refresh: neither ends the other', async () => {
  await keycloak.rotateRefreshTokens(true);
  try {
    let [one, two] = [await signedIn('eve'), await signedIn('eve')];
    for (let turn = 0; turn < 3; turn++) [one, two] = await Promise.all([application.refreshed(one), application.refreshed(two)]);
    expect([await rolesOf(one), await rolesOf(two)]).toEqual([['kestra-editor'], ['kestra-editor']]);
  } finally {
    await keycloak.rotateRefreshTokens(false);
  }
});
