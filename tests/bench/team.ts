import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { generateKey } from '../../src/store/seal.ts';
import { FakeIdp, fakeClient } from '../auth/fake-idp.ts';
import { Harness } from '../auth/harness.ts';
import type { Contenders } from './contenders.ts';
import type { WebPeer } from './web-peer.ts';

/** A provider with as many viewers. */
export const provider = async (count: number): Promise<{ idp: FakeIdp; users: readonly string[] }> => {
  const idp = await new FakeIdp().start();
  const users = Array.from({ length: count }, (_, i) => `viewer-${i}`);
  for (const user of users) idp.users.set(user, { sub: `sub-${user}`, claims: { name: user, roles: ['kestra-viewer'] } });
  return { idp, users };
};

/** In the folder of the store. */
export const storeFile = 'store.sqlite';

/** The settings with which people sign in there. */
export const signInAt = (idp: FakeIdp): Readonly<Record<string, string>> => ({
  OIDC_ISSUER_URL: idp.url,
  OIDC_CLIENT_ID: fakeClient.id,
  OIDC_CLIENT_SECRET: fakeClient.secret,
});

/** Their access tokens, after they all signed in. */
export const signedIn = async (client: Harness, users: readonly string[]): Promise<string[]> => {
  const clientId = await client.reg();
  const tokens: string[] = [];
  for (const user of users) tokens.push((await client.signIn({ user, clientId })).tokens.access_token);
  return tokens;
};

/** Our server, in a process of its own, and people who are signed in. */
export interface Team {
  readonly ours: WebPeer;
  readonly client: Harness;
  readonly tokens: readonly string[];
  readonly users: readonly string[];
  /** The folder of its store. */
  readonly store: string;
  stop(): Promise<void>;
}

/** @param settings beat what follows from the team @param node options of Node */
export const startTeam = async (
  contenders: Contenders,
  people: number,
  settings: Readonly<Record<string, string>> = {},
  node: readonly string[] = [],
): Promise<Team> => {
  const { idp, users } = await provider(people);
  const store = await mkdtemp(join(contenders.folder, 'store-'));
  const ours = await contenders.oursOnTheWeb(
    {
      ENCRYPTION_KEY: generateKey(),
      KESTRA_MCP_STORE: join(store, storeFile),
      ...signInAt(idp),
      ...settings,
    },
    node,
  );
  const client = Harness.remote(ours.base, idp);
  const stop = async () => void (await Promise.all([ours.close(), idp.stop()]));
  try {
    return { ours, client, tokens: await signedIn(client, users), users, store, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};
