import {
  Client as CurrentClient,
  StreamableHTTPClientTransport as CurrentTransport,
  UnauthorizedError as CurrentUnauthorized,
} from '@modelcontextprotocol/client';
import { UnauthorizedError as LegacyUnauthorized } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FakeIdp } from '../auth/fake-idp.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { launch, type Person } from './browser.ts';
import { knownTo, providerOf } from './desktop.ts';
import { type Landing, openLanding } from './landing.ts';
import { MemoryProvider } from './memory-provider.ts';
import { type Program, startProgram } from './program.ts';

let browser: Browser;
let kestra: Kestra;
let idp: FakeIdp;
let program: Program;
let person: Person;
let landing: Landing;
let provider: MemoryProvider;
beforeAll(async () => {
  [browser, kestra, idp] = await Promise.all([launch(), startKestra({ version: '1.3.25' }), new FakeIdp().start()]);
  program = await startProgram({ kestra, provider: providerOf(idp), env: { KESTRA_MCP_ACCESS_TOKEN_SECONDS: '30' } });
});
afterAll(async () => {
  await program?.stop();
  await idp?.stop();
  await kestra?.close();
  await browser?.close();
});
beforeEach(async () => {
  person = await knownTo(browser, idp, 'eve');
  landing = await openLanding();
  provider = new MemoryProvider(landing.url);
});
afterEach(async () => {
  landing.close();
  await person.close();
});

/** Goes where the client wants to, and returns with what it waits for. */
const answered = async (options: { write?: boolean } = {}): Promise<URLSearchParams> => {
  await person.consent(String(provider.asked.at(-1)), options);
  return landing.next();
};
const flow = (id: string) =>
  `id: ${id}\nnamespace: acme\ntasks:\n  - id: hello\n    type: io.kestra.plugin.core.log.Log\n    message: hi\n`;

describe.each(['auto', '2026-07-28', 'legacy'] as const)('@modelcontextprotocol/client, %s', (mode) => {
  const create = () => {
    const versionNegotiation = mode === 'auto' || mode === 'legacy' ? { mode } : { mode: { pin: mode } };
    const client = new CurrentClient({ name: 'of-the-sdk', version: '2.4.0' }, { versionNegotiation });
    const transport = new CurrentTransport(new URL(program.mcpUrl), { authProvider: provider });
    return { client, transport };
  };
  const signedIn = async (options: { write?: boolean } = {}) => {
    const first = create();
    await expect(first.client.connect(first.transport)).rejects.toBeInstanceOf(CurrentUnauthorized);
    await first.transport.finishAuth(await answered(options));
    const second = create();
    await second.client.connect(second.transport);
    return second;
  };

  it('discovery, registration, sign-in, token, tools; then its refresh', async () => {
    const { client } = await signedIn();
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('execute_flow');
    expect((await client.callTool({ name: 'auth_status', arguments: {} })).structuredContent).toMatchObject({ you: 'Eve Editor' });
    await client.close();
    const old = provider.held;
    if (!old) throw new Error('no tokens');
    provider.held = { ...old, access_token: 'kmcp_at_not-one-of-ours' };
    const next = create();
    await next.client.connect(next.transport);
    await next.client.listTools();
    expect(provider.held.refresh_token).not.toBe(old.refresh_token);
    expect(provider.asked).toHaveLength(1);
    await next.client.close();
  });

  it('steps up: a call that needs more asks for it, and the sign-in afterwards has both', async () => {
    const { client, transport } = await signedIn({ write: false });
    expect(provider.held?.scope).toBe('kestra.read kestra.execute');
    const save = { name: 'create_or_update_flow', arguments: { source: flow(`step-up-${mode}`) } };
    await expect(client.callTool(save)).rejects.toBeInstanceOf(CurrentUnauthorized);
    expect(provider.asked).toHaveLength(2);
    expect(provider.asked[1]?.searchParams.get('scope')?.split(' ').sort()).toEqual(['kestra.execute', 'kestra.read', 'kestra.write']);
    await transport.finishAuth(await answered());
    expect(provider.held?.scope).toBe('kestra.read kestra.execute kestra.write');
    expect((await client.callTool(save)).isError).not.toBe(true);
    expect(kestra.state.flow('acme', `step-up-${mode}`)).toBeDefined();
    await client.close();
  });
});

describe('@modelcontextprotocol/sdk 1.32', () => {
  const create = () => ({
    client: new LegacyClient({ name: 'of-the-sdk', version: '1.32.2' }),
    transport: new LegacyTransport(new URL(program.mcpUrl), { authProvider: provider }),
  });

  it('discovery, registration, sign-in, token, tools; then its refresh', async () => {
    const first = create();
    await expect(first.client.connect(first.transport)).rejects.toBeInstanceOf(LegacyUnauthorized);
    await first.transport.finishAuth((await answered()).get('code') ?? '');
    const { client, transport } = create();
    await client.connect(transport);
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('execute_flow');
    expect((await client.callTool({ name: 'auth_status', arguments: {} })).structuredContent).toMatchObject({ you: 'Eve Editor' });
    const old = provider.held;
    if (!old) throw new Error('no tokens');
    provider.held = { ...old, access_token: 'kmcp_at_not-one-of-ours' };
    await client.listTools();
    expect(provider.held.refresh_token).not.toBe(old.refresh_token);
    expect(provider.asked).toHaveLength(1);
    await client.close();
  });

  it('can not step up while it holds a refresh token: it says so instead of asking in a loop', async () => {
    const first = create();
    await expect(first.client.connect(first.transport)).rejects.toBeInstanceOf(LegacyUnauthorized);
    await first.transport.finishAuth((await answered({ write: false })).get('code') ?? '');
    const { client, transport } = create();
    await client.connect(transport);
    await expect(client.callTool({ name: 'create_or_update_flow', arguments: { source: flow('legacy') } })).rejects.toThrow();
    expect((await client.callTool({ name: 'auth_status', arguments: {} })).isError).not.toBe(true);
    await client.close();
  });
});
