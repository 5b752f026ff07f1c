import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { default as ProviderClass } from 'oidc-provider';
import { fakeClient } from './fake-idp.ts';

/** A certified OpenID provider in this process, whose people sign in through a form of one field. */
export interface RealProvider {
  readonly url: string;
  readonly users: Map<string, Record<string, unknown>>;
  stop(): Promise<void>;
}

/**
 * @param thin leave profile and roles out of the ID token, as Okta does: they are at userinfo only
 */
export const startProvider = async (redirectUris: string[], { thin }: { thin: boolean }): Promise<RealProvider> => {
  const users = new Map<string, Record<string, unknown>>([
    ['eve', { name: 'Eve Editor', email: 'eve@example.test', email_verified: true, roles: ['kestra-editor'], groups: ['data-team'] }],
  ]);
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { default: Provider } = await import('oidc-provider');
  const provider: ProviderClass = new Provider(url, {
    clients: [
      {
        client_id: fakeClient.id,
        client_secret: fakeClient.secret,
        redirect_uris: redirectUris,
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
      },
    ],
    claims: { openid: ['sub'], profile: ['name', 'roles', 'groups'], email: ['email', 'email_verified'] },
    conformIdTokenClaims: thin,
    cookies: { keys: ['a-key-for-tests-only'] },
    features: { devInteractions: { enabled: true } },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, ...users.get(id) }) }),
    issueRefreshToken: async () => true,
    rotateRefreshToken: true,
    pkce: { required: () => true },
  });
  server.on('request', provider.callback());
  return {
    url,
    users,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
