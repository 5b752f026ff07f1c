import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CompactSign, exportJWK, type JWK } from 'jose';

/** One request as it came. */
export interface Recorded {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly form: URLSearchParams;
}

export interface Reply {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

export interface FakeUser {
  readonly sub: unknown;
  /** Further claims: roles, groups, … */
  claims: Record<string, unknown>;
  disabled?: boolean;
}

type Claims = Record<string, unknown>;
type Header = Record<string, unknown> & { alg: string };

/** What may be broken; each is asked at each request. */
export interface Breaks {
  /** Changes the claims of an ID token before it is signed. */
  claims?: (claims: Claims, grant: 'authorization_code' | 'refresh_token') => Claims;
  /** Makes the ID token itself. */
  idToken?: (claims: Claims, tools: Tools) => Promise<string> | string | undefined;
  /** Answers instead of us; `undefined` = as usual, `'never'` = no answer at all. */
  answer?: (request: Recorded) => Reply | 'never' | undefined;
  /** Changes the token response. */
  tokens?: (response: Record<string, unknown>, request: Recorded) => Record<string, unknown>;
}

export interface Tools {
  sign(claims: Claims, header?: Partial<Header>): Promise<string>;
  readonly publicPem: string;
  readonly secret: string;
}

export const fakeClient = { id: 'kestra-mcp', secret: 'CANARY-idp-client-secret-0123456789' };

const b64 = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
export const unsigned = (header: unknown, claims: unknown, signature = ''): string => `${b64(header)}.${b64(claims)}.${signature}`;

/** A whole identity provider of which every answer can be broken; it records every request. Its session is the cookie `idp_user`. */
export class FakeIdp {
  readonly requests: Recorded[] = [];
  readonly users = new Map<string, FakeUser>();
  breaks: Breaks = {};
  rotate = false;
  /** Whose a refresh token is that this process did not give out: for a provider that was started anew. */
  recall: ((refreshToken: string) => string | undefined) | undefined;
  /** Whether refresh tokens are given at all. */
  refreshTokens = true;
  metadata: Record<string, unknown> = {};
  url = '';
  readonly #server: Server;
  readonly #codes = new Map<string, { user: string; nonce: string | null; challenge: string | null; redirectUri: string | null }>();
  readonly #refresh = new Map<string, { user: string; live: boolean }>();
  readonly #access = new Map<string, string>();
  #kid = 'key-1';
  #keys = generateKeyPairSync('rsa', { modulusLength: 2048 });

  /** @param privateKey PEM, for a provider that has the same keys when it is started anew */
  constructor(privateKey?: string) {
    if (privateKey !== undefined) this.#keys = { privateKey: createPrivateKey(privateKey), publicKey: createPublicKey(privateKey) };
    this.users.set('eve', {
      sub: 'sub-eve',
      claims: { name: 'Eve Editor', email: 'eve@example.test', email_verified: true, roles: ['kestra-editor'], groups: ['data-team'] },
    });
    this.users.set('vic', {
      sub: 'sub-vic',
      claims: { name: 'Vic Viewer', email: 'vic@example.test', roles: ['kestra-viewer'], groups: [] },
    });
    this.users.set('otto', { sub: 'sub-otto', claims: { name: 'Otto Outsider' } });
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', async () => {
        const url = new URL(request.url ?? '/', 'http://idp');
        const body = Buffer.concat(chunks).toString();
        const recorded: Recorded = {
          method: request.method ?? '',
          path: url.pathname,
          query: url.searchParams,
          headers: request.headers,
          body,
          form: new URLSearchParams(body),
        };
        this.requests.push(recorded);
        const reply = this.breaks.answer?.(recorded) ?? (await this.#answer(recorded));
        if (reply === 'never') return;
        const { status = 200, headers = {}, body: content } = reply;
        response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
        response.end(typeof content === 'string' || content instanceof Uint8Array ? content : JSON.stringify(content ?? {}));
      });
    });
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(this.url ? Number(new URL(this.url).port) : 0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  hits(path: string): number {
    return this.requests.filter((request) => request.path === path).length;
  }

  rotateKeys(): void {
    this.#kid = `key-${randomBytes(4).toString('hex')}`;
    this.#keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  }

  /** Ends every session, as an administrator's "log out" does. */
  endSessions(): void {
    for (const entry of this.#refresh.values()) entry.live = false;
  }

  /** For making ID tokens that are wrong in some way. */
  get tools(): Tools {
    return {
      sign: (claims, header) =>
        new CompactSign(Buffer.from(JSON.stringify(claims)))
          .setProtectedHeader({ alg: 'RS256', kid: this.#kid, typ: 'JWT', ...header })
          .sign(this.#keys.privateKey),
      publicPem: this.#keys.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      secret: fakeClient.secret,
    };
  }

  async #answer(request: Recorded): Promise<Reply> {
    switch (request.path) {
      case '/.well-known/openid-configuration':
        return { body: this.#discovery() };
      case '/authorize':
        return this.#authorize(request);
      case '/token':
        return this.#token(request);
      case '/userinfo':
        return this.#userinfo(request);
      case '/jwks': {
        const jwk: JWK = await exportJWK(this.#keys.publicKey);
        return { body: { keys: [{ ...jwk, kid: this.#kid, alg: 'RS256', use: 'sig' }] } };
      }
      default:
        return { status: 404 };
    }
  }

  #discovery(): Record<string, unknown> {
    return {
      issuer: this.url,
      authorization_endpoint: `${this.url}/authorize`,
      token_endpoint: `${this.url}/token`,
      userinfo_endpoint: `${this.url}/userinfo`,
      jwks_uri: `${this.url}/jwks`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256', 'HS256'],
      authorization_response_iss_parameter_supported: true,
      ...this.metadata,
    };
  }

  #authorize({ query, headers }: Recorded): Reply {
    const user = /(?:^|; )idp_user=([^;]+)/.exec(headers.cookie ?? '')?.[1];
    if (!user) return { status: 200, headers: { 'Content-Type': 'text/html' }, body: '<h1>log in</h1>' };
    const code = `idp-code-${randomBytes(16).toString('hex')}`;
    const redirectUri = query.get('redirect_uri');
    this.#codes.set(code, { user, nonce: query.get('nonce'), challenge: query.get('code_challenge'), redirectUri });
    const answer = new URLSearchParams({ code, state: query.get('state') ?? '', iss: this.url });
    return { status: 302, headers: { Location: `${redirectUri}?${answer}` } };
  }

  async #token(request: Recorded): Promise<Reply> {
    const { form } = request;
    const basic = Buffer.from((request.headers.authorization ?? '').replace(/^Basic /, ''), 'base64').toString();
    if (form.get('client_secret') !== fakeClient.secret && decodeURIComponent(basic) !== `${fakeClient.id}:${fakeClient.secret}`) {
      return { status: 401, body: { error: 'invalid_client' } };
    }
    const grant = form.get('grant_type');
    if (grant === 'authorization_code') {
      const code = this.#codes.get(form.get('code') ?? '');
      this.#codes.delete(form.get('code') ?? '');
      const challenge = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url');
      if (!code || code.challenge !== challenge || code.redirectUri !== form.get('redirect_uri')) return refused('invalid_grant');
      return this.#tokens(request, code.user, 'authorization_code', code.nonce);
    }
    const presented = form.get('refresh_token') ?? '';
    const recalled = this.recall?.(presented);
    const entry = this.#refresh.get(presented) ?? (recalled === undefined ? undefined : { user: recalled, live: true });
    if (!entry?.live || this.users.get(entry.user)?.disabled) return refused('invalid_grant');
    if (this.rotate) entry.live = false;
    return this.#tokens(request, entry.user, 'refresh_token', null);
  }

  async #tokens(request: Recorded, user: string, grant: 'authorization_code' | 'refresh_token', nonce: string | null): Promise<Reply> {
    const known = this.users.get(user);
    if (!known || known.disabled) return refused('invalid_grant');
    const now = Math.floor(Date.now() / 1000);
    const base = { iss: this.url, aud: fakeClient.id, sub: known.sub, iat: now, exp: now + 300, ...(nonce && { nonce }), ...known.claims };
    const claims = this.breaks.claims?.(base, grant) ?? base;
    const idToken = (await this.breaks.idToken?.(claims, this.tools)) ?? (await this.tools.sign(claims));
    const accessToken = `idp-at-${randomBytes(16).toString('hex')}`;
    this.#access.set(accessToken, user);
    const fresh = this.refreshTokens && (grant === 'authorization_code' || this.rotate);
    const refreshToken = `idp-rt-${randomBytes(16).toString('hex')}`;
    if (fresh) this.#refresh.set(refreshToken, { user, live: true });
    const response = {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: 300,
      id_token: idToken,
      ...(fresh && { refresh_token: refreshToken }),
    };
    return { body: this.breaks.tokens?.(response, request) ?? response };
  }

  #userinfo({ headers }: Recorded): Reply {
    const user = this.users.get(this.#access.get((headers.authorization ?? '').replace(/^Bearer /, '')) ?? '');
    if (!user || user.disabled) return { status: 401, headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' } };
    return { body: { sub: user.sub, ...user.claims } };
  }
}

const refused = (error: string): Reply => ({ status: 400, body: { error } });
