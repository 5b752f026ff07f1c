import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { folder, newEnv, services } from '../deploy/compose.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { Application } from './application.ts';
import { launch, Person } from './browser.ts';
import { Keycloak } from './keycloak/keycloak.ts';
import { type Program, startProgram } from './program.ts';

const password = 'a password of the people';
const env = { OIDC_CLIENT_SECRET: 'a secret of the client', PEOPLE_PASSWORD: password };
let browser: Browser;
let kestra: Kestra;
let keycloak: Keycloak;
let program: Program;
beforeAll(async () => {
  const realm = { file: join(folder, 'keycloak/realm.json'), env };
  [browser, kestra, keycloak] = await Promise.all([launch(), startKestra({ version: '1.3.25' }), Keycloak.withRealm(realm)]);
  const {
    OIDC_ISSUER_URL = '',
    OIDC_CLIENT_ID = '',
    OIDC_CLIENT_SECRET = '',
  } = services({ ...newEnv(), ...env })['kestra-mcp']?.environment ?? {};
  const issuer = OIDC_ISSUER_URL.replace('http://127.0.0.1:8180', keycloak.base);
  program = await startProgram({ kestra, provider: { issuer, clientId: OIDC_CLIENT_ID, clientSecret: OIDC_CLIENT_SECRET } });
  await keycloak.sendBackTo(program.url);
});
afterAll(async () => {
  await program?.stop();
  await keycloak?.remove();
  await kestra?.close();
  await browser?.close();
});

it.each([
  ['ada', ['kestra-admin']],
  ['eve', ['kestra-editor']],
  ['vic', ['kestra-viewer']],
  ['otto', []],
])("%s of the Compose file's realm signs in through a real Keycloak and has %j, as .env.example says", async (username, expected) => {
  const person = await Person.at(browser);
  const application = await Application.registered(program);
  const { url, verifier } = application.begin();
  await person.consent(url);
  await person.logIn(username, password);
  const { roles } = await application.status(await application.finish(verifier));
  expect(roles.map(({ name }) => name).filter((name) => name.startsWith('kestra-'))).toEqual(expected);
  application.close();
  await person.close();
});
