import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/server';
import { noPolicy } from '../../src/access/policy.ts';
import { type Bearer, bearer, type Caller } from '../../src/auth/bearer.ts';
import { clientsFrom } from '../../src/auth/clients/from-config.ts';
import type { GuardedFetch } from '../../src/auth/clients/guarded-fetch.ts';
import { memoryCounters } from '../../src/auth/counters.ts';
import { createLimits } from '../../src/auth/limits.ts';
import { createIdentityProvider } from '../../src/auth/oidc.ts';
import { createRights } from '../../src/auth/rights.ts';
import { authorizationServer, defaultScopesOf, resourceOf } from '../../src/auth/server.ts';
import { type Config, readConfig } from '../../src/config.ts';
import { createLog } from '../../src/log.ts';
import { createHttpApp } from '../../src/server/http.ts';
import { serve } from '../../src/server/serve.ts';
import { openStore } from '../../src/store/open.ts';
import { generateKey, parseKeyring } from '../../src/store/seal.ts';
import type { Store } from '../../src/store/store.ts';
import { freePort } from '../harness/free-port.ts';
import { FakeIdp, fakeClient } from './fake-idp.ts';
import { Jar } from './jar.ts';

export const redirectUri = 'https://client.example/cb';
export const stateOf = 'client-state';

export interface Options {
  /** Settings; $PORT is where the program listens. */
  readonly env?: Record<string, string>;
  readonly idp?: FakeIdp;
  /** The clients with secrets, as KESTRA_MCP_CLIENTS has them. */
  readonly clients?: unknown;
  /** How client metadata documents are fetched. */
  readonly fetchDocument?: GuardedFetch;
  /** The file of the store, to share or to find again. */
  readonly file?: string;
  readonly key?: string;
  readonly port?: number;
  /** The store, with whatever a test wants to go wrong in it. */
  readonly wrap?: (store: Store) => Store;
}

export interface Verifier {
  readonly verifier: string;
  readonly challenge: string;
}

export const pkce = (): Verifier => {
  const verifier = randomBytes(32).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
};

export interface Tokens {
  access_token: string;
  refresh_token: string;
  token_type: string;
  expires_in: number;
  scope: string;
}

/** A consent page as a browser shows it. */
export interface Page {
  readonly response: Response;
  readonly html: string;
  readonly fields: Record<string, string>;
}

/** The time, movable. */
export class MovableClock {
  #ahead = 0;
  readonly now = (): number => Date.now() + this.#ahead;
  advance(ms: number): void {
    this.#ahead += ms;
  }
}

/** The real program, as far as it signs people in, over HTTP. */
export class Harness {
  readonly clock = new MovableClock();
  readonly logged: string[] = [];
  readonly idp: FakeIdp;
  readonly file: string;
  /** ENCRYPTION_KEY or, with names, ENCRYPTION_KEYS. */
  key: string;
  base = '';
  mcpUrl = '';
  store!: Store;
  bearer!: Bearer;
  config!: Config;
  #stop: () => Promise<void> = async () => undefined;
  readonly #options: Options;
  readonly #ownIdp: boolean;

  private constructor(options: Options) {
    this.#options = options;
    this.#ownIdp = options.idp === undefined;
    this.idp = options.idp ?? new FakeIdp();
    this.file = options.file ?? join(mkdtempSync(join(tmpdir(), 'kestra-mcp-')), 'store.db');
    this.key = options.key ?? generateKey();
  }

  static async start(options: Options = {}): Promise<Harness> {
    const harness = new Harness(options);
    if (harness.#ownIdp) await harness.idp.start();
    await harness.#listen(options.port ?? (await freePort()));
    return harness;
  }

  /** The same words for a program that runs elsewhere. */
  static remote(base: string, idp: FakeIdp): Harness {
    const harness = new Harness({ idp });
    harness.base = base;
    harness.mcpUrl = `${base}/mcp`;
    return harness;
  }

  async #listen(port: number): Promise<void> {
    const config = readConfig({
      KESTRA_MCP_TRANSPORT: 'http',
      KESTRA_MCP_PORT: String(port),
      KESTRA_MCP_LOG_LEVEL: 'debug',
      OIDC_ISSUER_URL: this.idp.url,
      OIDC_CLIENT_ID: fakeClient.id,
      OIDC_CLIENT_SECRET: fakeClient.secret,
      ...(this.#options.clients !== undefined && { KESTRA_MCP_CLIENTS: JSON.stringify(this.#options.clients) }),
      ...Object.fromEntries(Object.entries(this.#options.env ?? {}).map(([name, value]) => [name, value.replace('$PORT', String(port))])),
    });
    if (!config.oidc) throw new Error('no identity provider');
    this.config = config;
    this.base = config.http.publicUrl;
    this.mcpUrl = resourceOf(config);
    const log = createLog('debug', { write: (line: string) => void this.logged.push(line) });
    const keyring = parseKeyring({ [this.key.includes(':') ? 'ENCRYPTION_KEYS' : 'ENCRYPTION_KEY']: this.key });
    const opened = await openStore(this.file, { keyring, lifetimes: config.lifetimes, clock: this.clock.now });
    const store = this.#options.wrap?.(opened) ?? opened;
    this.store = store;
    const limits = createLimits({ counters: memoryCounters(this.clock.now) });
    const known = clientsFrom({ http: config.http, store, limits, log, clock: this.clock.now, fetch: this.#options.fetchDocument });
    const rights = createRights(noPolicy, config.oidc);
    const tokens = bearer({ issuer: this.base, resource: this.mcpUrl, defaultScopes: defaultScopesOf(config), store, rights });
    this.bearer = tokens;
    const authorization = authorizationServer({
      config,
      store,
      keyring,
      oidc: createIdentityProvider({ config: config.oidc, log }),
      ...known,
      limits,
      rights,
      account: { tools: () => [], claimNames: { roles: 'roles', groups: 'groups' } },
      log,
      clock: this.clock.now,
    });
    const stopping = new AbortController();
    const { app, mcp } = createHttpApp<Caller>({
      config: config.http,
      log,
      authorization,
      mcp: {
        authenticate: tokens.authenticate,
        createServer: ({ caller }) => whoAmI(caller),
        scopeChallenge: () => undefined,
        waits: () => false,
      },
      store: () => store.check(),
      stopping: stopping.signal,
    });
    const running = await serve(app, {
      host: '127.0.0.1',
      port,
      log,
      stopping,
      closed: async () => {
        await mcp.close();
        await store.close();
      },
    });
    this.#stop = () => running.stop();
  }

  async stop(): Promise<void> {
    await this.#stop();
    if (this.#ownIdp) await this.idp.stop();
  }

  /** Stops and starts the program at the same place. */
  async restart(): Promise<void> {
    await this.#stop();
    await this.#listen(this.config.http.port);
    // The connections that fetch keeps are dead; it notices with its next turn.
    await sleep(50);
  }

  /** Registers a client. */
  async reg(metadata: Record<string, unknown> = {}): Promise<string> {
    const response = await fetch(`${this.base}/register`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        client_name: 'Test Client',
        redirect_uris: [redirectUri],
        grant_types: ['authorization_code', 'refresh_token'],
        ...metadata,
      }),
    });
    const body = (await response.json()) as { client_id: string };
    if (response.status !== 201) throw new Error(`registration: ${response.status} ${JSON.stringify(body)}`);
    return body.client_id;
  }

  /** The authorization request; `undefined` leaves a parameter out. */
  authorizeUrl(parameters: Record<string, string | undefined>): string {
    const all = {
      response_type: 'code',
      redirect_uri: redirectUri,
      code_challenge_method: 'S256',
      state: stateOf,
      ...parameters,
    };
    const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
    return `${this.base}/authorize?${new URLSearchParams(given)}`;
  }

  /** Opens the consent page. */
  authorize(jar: Jar, parameters: Record<string, string | undefined>): Promise<Page> {
    return this.consentAt(jar, this.authorizeUrl(parameters));
  }

  /** The consent page at the URL that a client sent the browser to. */
  async consentAt(jar: Jar, url: string): Promise<Page> {
    const response = await jar.fetch(url);
    const html = await response.text();
    const hidden = [...html.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g)];
    return { response, html, fields: Object.fromEntries(hidden.map(([, name = '', value = '']) => [name, value])) };
  }

  /** Sends the consent form as a browser does. */
  decide(jar: Jar, page: Page, answer: Record<string, string> = {}, headers: Record<string, string> = {}): Promise<Response> {
    return jar.fetch(`${this.base}/authorize`, {
      method: 'POST',
      headers: { Origin: this.base, 'Sec-Fetch-Site': 'same-origin', ...headers },
      body: new URLSearchParams({ ...page.fields, write: 'yes', decision: 'approve', ...answer }),
    });
  }

  /** Approves, and returns where the provider is. */
  async approve(jar: Jar, page: Page, answer: Record<string, string> = {}): Promise<string> {
    const response = await this.decide(jar, page, answer);
    if (response.status !== 303) throw new Error(`approval: ${response.status} ${await response.text()}`);
    return response.headers.get('Location') ?? '';
  }

  /** Signs in at the provider, and returns the URL of our callback that it sends the browser to. */
  async idpLogin(jar: Jar, user: string, providerUrl: string): Promise<string> {
    jar.cookies(this.idp.url).set('idp_user', user);
    const response = await jar.fetch(providerUrl);
    return response.headers.get('Location') ?? '';
  }

  /** From the provider back to our callback. */
  async login(jar: Jar, user: string, providerUrl: string): Promise<Response> {
    return jar.fetch(await this.idpLogin(jar, user, providerUrl));
  }

  /** A form to /token. */
  token(fields: Record<string, string | undefined>, headers: Record<string, string> = {}): Promise<Response> {
    const given = Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined);
    return fetch(`${this.base}/token`, { method: 'POST', headers, body: new URLSearchParams(given) });
  }

  redeem(fields: Record<string, string | undefined>): Promise<Response> {
    return this.token({ grant_type: 'authorization_code', redirect_uri: redirectUri, ...fields });
  }

  refresh(clientId: string, refreshToken: string, fields: Record<string, string> = {}): Promise<Response> {
    return this.token({ grant_type: 'refresh_token', client_id: clientId, refresh_token: refreshToken, ...fields });
  }

  revoke(fields: Record<string, string>): Promise<Response> {
    return fetch(`${this.base}/revoke`, { method: 'POST', body: new URLSearchParams(fields) });
  }

  /** Everything up to the code. */
  async code(
    options: {
      user?: string;
      clientId?: string;
      parameters?: Record<string, string | undefined>;
      answer?: Record<string, string>;
      jar?: Jar;
    } = {},
  ): Promise<{ code: string; clientId: string; verifier: string; location: URL; jar: Jar }> {
    const { user = 'eve', jar = new Jar() } = options;
    const clientId = options.clientId ?? (await this.reg());
    const { verifier, challenge } = pkce();
    const page = await this.authorize(jar, { client_id: clientId, code_challenge: challenge, ...options.parameters });
    const response = await this.login(jar, user, await this.approve(jar, page, options.answer));
    if (response.status !== 303) throw new Error(`callback: ${response.status} ${this.logged.slice(-3).join('')}`);
    const location = new URL(response.headers.get('Location') ?? '');
    return { code: location.searchParams.get('code') ?? '', clientId, verifier, location, jar };
  }

  /** A whole sign-in. */
  async signIn(options: Parameters<Harness['code']>[0] = {}): Promise<{ clientId: string; tokens: Tokens }> {
    const { code, clientId, verifier } = await this.code(options);
    const redirect = options.parameters?.redirect_uri ?? redirectUri;
    const response = await this.redeem({ client_id: clientId, code, code_verifier: verifier, redirect_uri: redirect });
    const tokens = (await response.json()) as Tokens;
    if (response.status !== 200) throw new Error(`token: ${response.status} ${JSON.stringify(tokens)}`);
    return { clientId, tokens };
  }

  /** One MCP request, of a 2025-11-25 client. */
  mcp(token: string | undefined, method = 'tools/list', params: unknown = {}): Promise<Response> {
    return fetch(this.mcpUrl, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        'MCP-Protocol-Version': '2025-11-25',
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
  }

  /** Who the server takes the bearer for. */
  async whoAmI(token: string): Promise<Caller['principal'] & { permissions: string[]; scopes: string[] }> {
    const response = await this.mcp(token, 'tools/call', { name: 'whoami', arguments: {} });
    if (response.status !== 200) throw new Error(`mcp: ${response.status} ${await response.text()}`);
    const text = await response.text();
    const message = JSON.parse(/^data: (.+)$/m.exec(text)?.[1] ?? text);
    return JSON.parse(message.result.content[0].text);
  }

  /** "Grant dead": neither token works any more. */
  async isDead(clientId: string, tokens: Tokens): Promise<boolean> {
    const [refreshed, called] = [await this.refresh(clientId, tokens.refresh_token), await this.mcp(tokens.access_token)];
    const body = (await refreshed.json()) as { error?: string };
    return refreshed.status === 400 && body.error === 'invalid_grant' && called.status === 401;
  }
}

const whoAmI = (caller: Caller) => {
  const server = new McpServer({ name: 'test', version: '0' });
  server.registerTool('whoami', {}, () => {
    const permissions = caller.principal.grants.flatMap((grant) => [...grant.permissions]);
    return { content: [{ type: 'text', text: JSON.stringify({ ...caller.principal, permissions, scopes: caller.scopes }) }] };
  });
  return server.server;
};

export const errorOf = async (response: Response): Promise<string | undefined> => ((await response.json()) as { error?: string }).error;
