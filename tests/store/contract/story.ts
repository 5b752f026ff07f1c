import { createHash, randomBytes } from 'node:crypto';
import type { AccountRequest, ClientRequest, Grant, SignedIn, UserKey } from '../../../src/store/records.ts';
import { generateKey, type Keyring, parseKeyring } from '../../../src/store/seal.ts';
import type { Bounds, Lifetimes, Store } from '../../../src/store/store.ts';

/** A place where one engine can keep a store: opened any number of times, also by other processes. */
export interface Place {
  /** As KESTRA_MCP_STORE has it. */
  readonly location: string;
  open(options: { keyring: Keyring; clock?: () => number; lifetimes?: Partial<Lifetimes>; bounds?: Partial<Bounds> }): Promise<Store>;
  destroy(): Promise<void>;
  /** A statement past the store; both engines must understand it. */
  raw<Row extends object>(sql: string): Promise<Row[]>;
  tables(): Promise<string[]>;
  /** Every file of the database. */
  bytes(): Promise<Buffer[]>;
}

export interface Engine {
  readonly name: string;
  /** Empty. */
  place(): Promise<Place>;
}

export const second = 1000;
export const minute = 60 * second;
export const day = 24 * 60 * minute;

export class Clock {
  #now = Date.parse('2026-01-05T08:00:00Z');
  readonly now = () => this.#now;
  advance(ms: number): void {
    this.#now += ms;
  }
}

export const keyring = parseKeyring({ ENCRYPTION_KEY: generateKey() });

export const secret = (kind: string): string => `${kind}_${randomBytes(32).toString('base64url')}`;

export const sha256url = (text: string): string => createHash('sha256').update(text).digest('base64url');

export const resource = 'https://mcp.example.com/mcp';
export const ada: UserKey = { issuer: 'https://login.example.com', subject: 'ada' };
export const bob: UserKey = { issuer: 'https://login.example.com', subject: 'bob' };
export const here = { address: '192.0.2.7', requestId: 'r-1' };

export const clientRequest = (verifier: string, change: Partial<ClientRequest> = {}): ClientRequest => ({
  kind: 'client',
  clientId: 'client-1',
  client: { client_name: 'Assistant' },
  redirectUri: 'http://127.0.0.1:4711/cb',
  state: 'client state',
  codeChallenge: sha256url(verifier),
  resource,
  scopes: ['kestra.read', 'kestra.execute'],
  refreshable: true,
  ...change,
});

/** Approved and on the way to the provider. */
export const begin = async (store: Store, request: ClientRequest | AccountRequest = clientRequest('v')) => {
  const signIn = {
    id: secret('id'),
    browser: secret('browser'),
    state: secret('state'),
    nonce: secret('nonce'),
    verifier: secret('up'),
    request,
  };
  const begun = await store.beginSignIn(signIn);
  if (!begun) throw new Error('not begun');
  return signIn;
};

/** Back from the provider, not completed. */
export const take = async (store: Store, request?: ClientRequest | AccountRequest): Promise<string> => {
  const { id, state, browser } = await begin(store, request);
  const taken = await store.takeSignIn({ state, browser });
  if (taken.outcome !== 'taken') throw new Error(taken.outcome);
  return id;
};

export interface SignInChange {
  readonly user?: UserKey;
  readonly request?: Partial<ClientRequest>;
  readonly providerRefreshToken?: string;
  readonly endsWithinMs?: number;
  readonly signedIn?: Partial<SignedIn>;
}

/** Signed in; the code is not redeemed. */
export const signIn = async (store: Store, change: SignInChange = {}) => {
  const verifier = secret('verifier');
  const request = clientRequest(verifier, change.request);
  const code = secret('code');
  const { user = ada, providerRefreshToken, endsWithinMs } = change;
  const grant = await store.completeSignIn(
    {
      signInId: await take(store, request),
      user,
      display: { name: 'Ada L.', email: 'Ada@example.com' },
      claims: { roles: ['kestra-editor'] },
      code,
      providerRefreshToken,
      endsWithinMs,
      ...change.signedIn,
    },
    here,
  );
  if (!grant) throw new Error('not completed');
  return { grant, code, verifier, clientId: request.clientId, redirectUri: request.redirectUri, challenge: request.codeChallenge };
};

export const tokens = () => ({ accessToken: secret('at'), refreshToken: secret('rt') });

export interface Connected {
  readonly grant: Grant;
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** A client that holds its first tokens. */
export const connect = async (store: Store, change: SignInChange = {}): Promise<Connected> => {
  const { grant, code, clientId, redirectUri, challenge } = await signIn(store, change);
  const fresh = tokens();
  const redeemed = await store.redeemCode({ code, clientId, redirectUri, challenge, tokens: fresh }, here);
  if (redeemed.outcome !== 'redeemed') throw new Error(redeemed.outcome);
  return { grant, ...fresh };
};

export const refresh = (store: Store, refreshToken: string, change: { clientId?: string; scopes?: string[]; resource?: string } = {}) =>
  store.rotateRefresh({ refreshToken, clientId: 'client-1', ...change }, tokens(), here);

/** The new refresh token of a rotation that must have worked. */
export const rotated = async (store: Store, refreshToken: string): Promise<string> => {
  const rotation = await refresh(store, refreshToken);
  if (rotation.outcome !== 'rotated') throw new Error(rotation.outcome);
  return rotation.answer.refreshToken ?? '';
};

export const isLive = async (store: Store, { accessToken }: { accessToken: string }): Promise<boolean> =>
  (await store.findAccess(accessToken)) !== undefined;

export const kinds = async (store: Store): Promise<string[]> => (await store.listEvents({ limit: 100 })).map(({ kind }) => kind);

export const sweepAll = async (store: Store): Promise<number> => {
  let sum = 0;
  for (;;) {
    const { removed, more } = await store.sweep(100);
    sum += removed;
    if (!more) return sum;
  }
};
