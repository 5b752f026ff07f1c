import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { freePort } from '../harness/free-port.ts';
import { FakeIdp } from './fake-idp.ts';
import { Harness, pkce, redirectUri, type Tokens } from './harness.ts';
import { Jar } from './jar.ts';
import { type RealProvider, startProvider } from './oidc-provider.ts';

let h: Harness;
let provider: RealProvider;
beforeEach(() => {
  // It warns of Node 20, of its memory being a memory, and of each default.
  for (const level of ['info', 'warn'] as const) vi.spyOn(console, level).mockImplementation(() => undefined);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await h.stop();
  await provider.stop();
});

const start = async (thin: boolean): Promise<void> => {
  const port = await freePort();
  provider = await startProvider([`http://127.0.0.1:${port}/oauth/callback`], { thin });
  const idp = new FakeIdp();
  idp.url = provider.url;
  h = await Harness.start({ idp, port });
};

/** Follows redirects and sends the provider's own forms, until it leaves the provider. */
const throughForms = async (jar: Jar, from: string, login: string): Promise<string> => {
  let url = from;
  for (let step = 0; step < 12 && url.startsWith(provider.url); step++) {
    let response = await jar.fetch(url);
    if (response.status === 200) {
      const html = await response.text();
      const action = /action="([^"]+)"/.exec(html)?.[1] ?? '';
      const prompt = /name="prompt" value="(\w+)"/.exec(html)?.[1] ?? '';
      response = await jar.fetch(new URL(action, url).href, {
        method: 'POST',
        body: new URLSearchParams({ prompt, login, password: 'x' }),
      });
    }
    url = new URL(response.headers.get('Location') ?? '', url).href;
  }
  return url;
};

describe.each([
  ['with full ID tokens', false],
  ['with thin ID tokens, whose roles are at userinfo', true],
])('a certified provider %s', (_, thin) => {
  it('signs in, refreshes through its rotation, and shows changed roles', async () => {
    await start(thin);
    const jar = new Jar();
    const clientId = await h.reg();
    const { verifier, challenge } = pkce();
    const page = await h.authorize(jar, { client_id: clientId, code_challenge: challenge });
    const callback = await throughForms(jar, await h.approve(jar, page), 'eve');
    const response = await jar.fetch(callback);
    expect(response.status, h.logged.slice(-2).join('')).toBe(303);
    const code = new URL(response.headers.get('Location') ?? '').searchParams.get('code') ?? '';
    const redeemed = await h.redeem({ client_id: clientId, code, code_verifier: verifier, redirect_uri: redirectUri });
    let tokens = (await redeemed.json()) as Tokens;
    expect(await h.whoAmI(tokens.access_token)).toMatchObject({
      key: `${provider.url}|eve`,
      name: 'Eve Editor',
      roles: [{ name: 'kestra-editor', from: expect.stringContaining(thin ? 'userinfo' : 'ID token') }],
    });
    for (const role of ['kestra-viewer', 'kestra-operator']) {
      provider.users.set('eve', { ...provider.users.get('eve'), roles: [role] });
      h.clock.advance(6 * 60_000);
      const refreshed = await h.refresh(clientId, tokens.refresh_token);
      expect(refreshed.status, h.logged.slice(-2).join('')).toBe(200);
      tokens = (await refreshed.json()) as Tokens;
      expect((await h.whoAmI(tokens.access_token)).roles.map(({ name }) => name)).toEqual([role]);
    }
  });
});
