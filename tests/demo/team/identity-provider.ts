import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { people } from './people.ts';

export interface DemoProvider {
  readonly issuer: string;
  readonly client: { readonly id: string; readonly secret: string };
  stop(): Promise<void>;
}

/** An OpenID provider (oidc-provider) for a try-out: whoever comes picks one of four accounts, no password. Loopback only. */
export const startIdentityProvider = async (callbackUrl: string): Promise<DemoProvider> => {
  const client = { id: 'kestra-mcp', secret: 'demo-client-secret' };
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { default: Provider } = await quietly(() => import('oidc-provider'));
  const provider = quietly(
    () =>
      new Provider(issuer, {
        clients: [
          {
            client_id: client.id,
            client_secret: client.secret,
            redirect_uris: [callbackUrl],
            grant_types: ['authorization_code', 'refresh_token'],
            response_types: ['code'],
          },
        ],
        claims: { openid: ['sub'], profile: ['name', 'roles', 'groups'], email: [] },
        conformIdTokenClaims: false,
        cookies: { keys: ['a key for the demo alone'] },
        features: { devInteractions: { enabled: false } },
        interactions: { url: (_, { uid }) => `/pick/${uid}` },
        findAccount: (_, id) => {
          const person = people.find((one) => one.id === id);
          return { accountId: id, claims: () => ({ sub: id, name: person?.name, roles: person?.roles, groups: person?.groups }) };
        },
        issueRefreshToken: async () => true,
        pkce: { required: () => true },
        ttl: { Interaction: 600, Session: 3600, Grant: 86_400, AccessToken: 600, IdToken: 600, RefreshToken: 86_400 },
      }),
  );
  const answer = provider.callback();
  const pick = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const accountId = new URL(request.url ?? '/', issuer).searchParams.get('account');
    if (!people.some(({ id }) => id === accountId) || !accountId) {
      response.setHeader('content-type', 'text/html; charset=utf-8');
      response.end(page());
      return;
    }
    const details = await provider.interactionDetails(request, response);
    const grant = new provider.Grant({ accountId, clientId: client.id });
    grant.addOIDCScope('openid profile offline_access');
    const result = { login: { accountId, remember: false }, consent: { grantId: await grant.save() } };
    await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: details.prompt.name !== 'login' });
  };
  server.on('request', (request, response) => {
    if (!request.url?.startsWith('/pick/')) return void answer(request, response);
    pick(request, response).catch(() => {
      response.statusCode = 400;
      response.end('This sign-in is over: start again in the application.');
    });
  });
  return {
    issuer,
    client,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

/** The library prints what it thinks of Node 20 and of each default. */
const quietly = <T>(work: () => T): T => {
  const { info, warn } = console;
  Object.assign(console, { info: () => undefined, warn: () => undefined });
  const restore = () => Object.assign(console, { info, warn });
  const result = work();
  if (result instanceof Promise) void result.finally(restore);
  else restore();
  return result;
};

const page = (): string => `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Demo identity provider</title>
<style>body{font:16px/1.5 system-ui;max-width:32rem;margin:10vh auto;padding:0 1rem;color-scheme:light dark}button{font:inherit;display:block;width:100%;text-align:left;padding:.8rem 1rem;margin:.5rem 0}small{display:block;opacity:.7}</style>
<main><h1>Sign in to the demo as</h1><form>${people.map(({ id, name, about }) => `<button name="account" value="${id}">${name}<small>${about}</small></button>`).join('')}</form></main></html>`;
