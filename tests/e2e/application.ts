import { createHash, randomBytes } from 'node:crypto';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { expect } from 'vitest';
import type { Person } from './browser.ts';
import { type Landing, openLanding } from './landing.ts';
import type { Program } from './program.ts';

export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly scope: string;
}

/** What `auth_status` says. */
export interface Status {
  readonly you: string;
  readonly roles: readonly { readonly name: string }[];
  readonly tools: { readonly allowed: readonly string[] };
}

/** An application on this computer that has registered itself; it speaks OAuth by hand, so that each step can be looked at. */
export class Application {
  readonly #program: Program;
  readonly #landing: Landing;
  readonly id: string;

  private constructor(program: Program, landing: Landing, id: string) {
    this.#program = program;
    this.#landing = landing;
    this.id = id;
  }

  static async registered(program: Program): Promise<Application> {
    const landing = await openLanding();
    const response = await fetch(`${program.url}/register`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        client_name: 'An application',
        redirect_uris: [landing.url],
        grant_types: ['authorization_code', 'refresh_token'],
        token_endpoint_auth_method: 'none',
      }),
    });
    expect(response.status).toBe(201);
    return new Application(program, landing, ((await response.json()) as { client_id: string }).client_id);
  }

  /** A new authorization request. */
  begin(): { url: string; verifier: string } {
    const verifier = randomBytes(32).toString('base64url');
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: this.id,
      redirect_uri: this.#landing.url,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      state: 'of-the-application',
      resource: this.#program.mcpUrl,
    });
    return { url: `${this.#program.url}/authorize?${query}`, verifier };
  }

  /** The whole sign-in at Keycloak. */
  async signIn(person: Person, username: string): Promise<Tokens> {
    const { url, verifier } = this.begin();
    await person.consent(url);
    await person.logIn(username);
    return this.finish(verifier);
  }

  /** Waits for the browser to come back, and redeems what it brings. */
  async finish(verifier: string): Promise<Tokens> {
    const answer = await this.#landing.next();
    expect(Object.fromEntries(answer)).toMatchObject({ state: 'of-the-application', iss: this.#program.url, code: expect.any(String) });
    const response = await this.#token({
      grant_type: 'authorization_code',
      code: answer.get('code') ?? '',
      code_verifier: verifier,
      redirect_uri: this.#landing.url,
    });
    expect(response.status).toBe(200);
    return (await response.json()) as Tokens;
  }

  refresh({ refresh_token }: Tokens): Promise<Response> {
    return this.#token({ grant_type: 'refresh_token', refresh_token });
  }

  /** @throws if it is refused */
  async refreshed(tokens: Tokens): Promise<Tokens> {
    const response = await this.refresh(tokens);
    const text = await response.text();
    expect(response.status, text).toBe(200);
    return JSON.parse(text) as Tokens;
  }

  #token(fields: Record<string, string>): Promise<Response> {
    const body = new URLSearchParams({ client_id: this.id, resource: this.#program.mcpUrl, ...fields });
    return fetch(`${this.#program.url}/token`, { method: 'POST', body });
  }

  /** Works with the tools as the SDK's client does. */
  async connected<T>({ access_token }: Tokens, work: (client: Client) => Promise<T>): Promise<T> {
    const client = new Client({ name: 'an-application', version: '1.0.0' });
    const authProvider = { token: async () => access_token };
    await client.connect(new StreamableHTTPClientTransport(new URL(this.#program.mcpUrl), { authProvider }));
    try {
      return await work(client);
    } finally {
      await client.close();
    }
  }

  /** Who the server takes the bearer for. */
  status(tokens: Tokens): Promise<Status> {
    return this.connected(tokens, async (client) => {
      const { structuredContent } = await client.callTool({ name: 'auth_status', arguments: {} });
      return structuredContent as unknown as Status;
    });
  }

  close(): void {
    this.#landing.close();
  }
}
