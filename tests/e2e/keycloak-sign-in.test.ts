import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { Application } from './application.ts';
import { launch, Person } from './browser.ts';
import { Keycloak } from './keycloak/keycloak.ts';
import { type Program, startProgram } from './program.ts';

let browser: Browser;
let kestra: Kestra;
let keycloak: Keycloak;
let program: Program;
let person: Person;
let application: Application;
beforeAll(async () => {
  [browser, kestra, keycloak] = await Promise.all([launch(), startKestra({ version: '1.3.25' }), Keycloak.running()]);
  program = await startProgram({ kestra, provider: keycloak.client() });
});
afterAll(async () => {
  await program?.stop();
  await kestra?.close();
  await browser?.close();
});
beforeEach(async () => {
  person = await Person.at(browser);
  application = await Application.registered(program);
});
afterEach(async () => {
  application.close();
  await person.close();
});

describe("sign-in through Keycloak's own page", () => {
  it.each([
    ['ada', 'Ada Admin', 'kestra-admin', ['list_flows', 'execute_flow', 'create_or_update_flow']],
    ['eve', 'Eve Editor', 'kestra-editor', ['list_flows', 'execute_flow', 'create_or_update_flow']],
    ['vic', 'Vic Viewer', 'kestra-viewer', ['list_flows']],
    ['nobody', 'No Body', undefined, []],
  ])('%s has what the realm says, and not more', async (username, name, role, some) => {
    const tokens = await application.signIn(person, username);
    const { you, roles, tools } = await application.status(tokens);
    expect(you).toContain(name);
    expect(roles.map((one) => one.name).filter((one) => one.startsWith('kestra-'))).toEqual(role ? [role] : []);
    expect(['list_flows', 'execute_flow', 'create_or_update_flow'].filter((tool) => tools.allowed.includes(tool))).toEqual(some);
    const listed = await application.connected(tokens, (client) => client.listTools());
    const names = listed.tools.map((tool) => tool.name);
    expect(['list_flows', 'execute_flow', 'create_or_update_flow'].filter((tool) => names.includes(tool))).toEqual(some);
    expect(person.complaints).toEqual([]);
  });

  it('a tool asks Kestra, and a tool above the role does not exist', async () => {
    const tokens = await application.signIn(person, 'vic');
    await application.connected(tokens, async (client) => {
      const before = kestra.requests.length;
      const { isError } = await client.callTool({ name: 'list_flows', arguments: { namespace: 'acme' } });
      expect(isError).not.toBe(true);
      expect(kestra.requests.slice(before).some(({ path }) => path.endsWith('/flows/search'))).toBe(true);
      const asked = kestra.requests.length;
      const refused = client.callTool({ name: 'execute_flow', arguments: { namespace: 'a', flow_id: 'b' } });
      await expect(refused).rejects.toMatchObject({ code: -32602 });
      expect(kestra.requests.length).toBe(asked);
    });
  });

  it('write unticked: the token has the scopes that are left, whatever the role', async () => {
    const { url, verifier } = application.begin();
    await person.consent(url, { write: false });
    await person.logIn('ada');
    expect((await application.finish(verifier)).scope).toBe('kestra.read kestra.execute');
  });

  it('a second application of the same person is asked for all the same', async () => {
    await application.signIn(person, 'eve');
    const second = await Application.registered(program);
    await person.page.goto(second.begin().url);
    expect(await person.heading()).toContain('would like to use Kestra for you');
    expect((await second.status(await second.signIn(person, 'eve'))).you).toContain('Eve Editor');
    second.close();
  });

  it('two consent pages open at once: each answer belongs to its own request', async () => {
    const [one, two] = [application.begin(), application.begin()];
    const tab = new Person(await person.page.context().newPage());
    await person.page.goto(one.url);
    await tab.page.goto(two.url);
    for (const [browserTab, username, { verifier }, name] of [
      [tab, 'eve', two, 'Eve Editor'],
      [person, 'vic', one, 'Vic Viewer'],
    ] as const) {
      await browserTab.page.getByRole('button', { name: 'Continue to sign in' }).click();
      await browserTab.logIn(username);
      expect((await application.status(await application.finish(verifier))).you).toContain(name);
    }
  });
});

describe('no sign-in', () => {
  it('denied: our page, nothing at the provider, and the way back says access_denied', async () => {
    await person.page.goto(application.begin().url);
    const asked: string[] = [];
    person.page.on('request', (request) => asked.push(request.url()));
    await person.page.getByRole('button', { name: 'Deny' }).click();
    await person.heading();
    expect(asked.filter((url) => url.startsWith(keycloak.issuer))).toEqual([]);
    const back = new URL((await person.page.getByRole('link').getAttribute('href')) ?? '');
    expect(Object.fromEntries(back.searchParams)).toMatchObject({ error: 'access_denied', state: 'of-the-application', iss: program.url });
  });

  it('a wrong password stays at Keycloak, and the right one goes on', async () => {
    const { url, verifier } = application.begin();
    await person.consent(url);
    await person.page.locator('#username').fill('eve');
    await person.page.locator('#password').fill('wrong');
    await person.page.locator('#kc-login').click();
    await person.page.locator('#input-error, #input-error-username').first().waitFor();
    await person.logIn('eve');
    expect((await application.finish(verifier)).scope).toContain('kestra.read');
  });
});

describe('stock claims only (roles in the access token alone)', () => {
  it('OIDC_ROLES_CLAIM=realm_access.roles with OIDC_ACCESS_TOKEN_CLAIMS: the roles count; without: none', async () => {
    for (const on of [true, false]) {
      const stock = await startProgram({
        kestra,
        provider: keycloak.client('kestra-mcp-stock'),
        env: { OIDC_ROLES_CLAIM: 'realm_access.roles', OIDC_ACCESS_TOKEN_CLAIMS: String(on), KESTRA_MCP_CLAIMS_FRESH_SECONDS: '0' },
      });
      const its = await Application.registered(stock);
      const fresh = await Person.at(browser);
      try {
        const tokens = await its.signIn(fresh, 'eve');
        const { roles } = await its.status(await its.refreshed(tokens));
        expect(roles.some(({ name }) => name === 'kestra-editor')).toBe(on);
      } finally {
        await fresh.close();
        its.close();
        await stock.stop();
      }
    }
  });
});
