import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startHttp } from '../../src/cli/serve-http.ts';
import { type Config, readConfig } from '../../src/config.ts';
import { createLog } from '../../src/log.ts';
import { openStore } from '../../src/store/open.ts';
import { generateKey, parseKeyring } from '../../src/store/seal.ts';
import type { Store } from '../../src/store/store.ts';
import { freePort } from '../harness/free-port.ts';
import { type Kestra, type Options as KestraOptions, startKestra } from '../kestra/server.ts';
import { FakeIdp, fakeClient } from './fake-idp.ts';
import { Harness, MovableClock, type Tokens } from './harness.ts';
import { Jar } from './jar.ts';

/** The account page as a browser shows it. */
export interface AccountView {
  readonly status: number;
  readonly html: string;
  /** What a reader sees, roughly. */
  readonly text: string;
}

/** A call of a tool, as a client of 2025-11-25 makes it. */
export interface Called {
  readonly text: string;
  readonly structured: Record<string, unknown>;
  readonly isError: boolean;
}

/** The whole program in this process: sign-in, /account, the tools, a pretended Kestra. */
export class Whole {
  readonly clock = new MovableClock();
  readonly logged: string[] = [];
  readonly idp = new FakeIdp();
  readonly key = generateKey();
  readonly file = join(mkdtempSync(join(tmpdir(), 'kestra-mcp-')), 'store.db');
  kestra!: Kestra;
  config!: Config;
  /** A second door to the same file. */
  store!: Store;
  base = '';
  /** Sign-ins of MCP clients. */
  words!: Harness;
  #stop = async (): Promise<void> => undefined;

  static async start(kestra: KestraOptions = { version: '1.3.25', edition: 'EE' }, env: Record<string, string> = {}): Promise<Whole> {
    const whole = new Whole();
    await whole.idp.start();
    whole.kestra = await startKestra(kestra);
    const port = await freePort();
    whole.config = readConfig({
      KESTRA_API_URL: whole.kestra.url,
      KESTRA_MCP_TRANSPORT: 'http',
      KESTRA_MCP_PORT: String(port),
      KESTRA_MCP_STORE: whole.file,
      ENCRYPTION_KEY: whole.key,
      OIDC_ISSUER_URL: whole.idp.url,
      OIDC_CLIENT_ID: fakeClient.id,
      OIDC_CLIENT_SECRET: fakeClient.secret,
      ...Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.replace('$PORT', String(port))])),
    });
    const log = createLog('debug', { write: (line: string) => void whole.logged.push(line) });
    const running = await startHttp(whole.config, log, whole.clock.now);
    whole.store = await openStore(whole.file, { keyring: parseKeyring({ ENCRYPTION_KEY: whole.key }), clock: whole.clock.now });
    whole.base = whole.config.http.publicUrl;
    whole.words = Harness.remote(whole.base, whole.idp);
    whole.#stop = async () => {
      await running.stop();
      await whole.store.close();
    };
    return whole;
  }

  async stop(): Promise<void> {
    await this.#stop();
    await this.kestra.close();
    await this.idp.stop();
  }

  get vaultKey() {
    return (subject: string) => ({ user: { issuer: this.idp.url, subject }, instance: this.kestra.url });
  }

  async open(jar: Jar, path = '/account'): Promise<AccountView> {
    return view(await jar.fetch(`${this.base}${path}`));
  }

  /** Sends a form as a browser does. */
  post(jar: Jar, path: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
    return jar.fetch(`${this.base}${path}`, {
      method: 'POST',
      headers: { Origin: this.base, 'Sec-Fetch-Site': 'same-origin', ...headers },
      body: new URLSearchParams(fields),
    });
  }

  /** From a page with a sign-in form to the provider's URL. */
  async toProvider(jar: Jar, page: AccountView): Promise<string> {
    const response = await this.post(jar, '/account/sign-in', signInFields(page));
    if (response.status !== 303) throw new Error(`sign-in: ${response.status} ${await response.text()}`);
    return response.headers.get('Location') ?? '';
  }

  /** Signs in at the account page, and returns where the browser is sent then. */
  async signIn(jar: Jar, user: string, path = '/account'): Promise<string> {
    const callback = await this.words.idpLogin(jar, user, await this.toProvider(jar, await this.open(jar, path)));
    const response = await jar.fetch(callback);
    if (response.status !== 303) throw new Error(`callback: ${response.status} ${await response.text()}`);
    return response.headers.get('Location') ?? '';
  }

  /** A new browser, signed in. */
  async visitor(user: string): Promise<Jar> {
    const jar = new Jar();
    await this.signIn(jar, user);
    return jar;
  }

  /** Sends a form of the page that this browser shows now. */
  async act(jar: Jar, path: string, fields: Record<string, string> = {}): Promise<Response> {
    return this.post(jar, path, { csrf: csrfOf(await this.open(jar)), ...fields });
  }

  async register(jar: Jar, token: string): Promise<Response> {
    return this.act(jar, '/account/credential', { kind: 'token', token });
  }

  async call(tokens: Pick<Tokens, 'access_token'>, name: string, args: Record<string, unknown> = {}): Promise<Called> {
    const response = await this.words.mcp(tokens.access_token, 'tools/call', { name, arguments: args });
    const text = await response.text();
    const { result, error } = JSON.parse(/^data: (.+)$/m.exec(text)?.[1] ?? text);
    if (!result) throw new Error(`${response.status} ${JSON.stringify(error)}`);
    return { text: result.content[0].text, structured: result.structuredContent ?? {}, isError: result.isError === true };
  }
}

export const view = async (response: Response): Promise<AccountView> => {
  const html = await response.text();
  const text = html
    .replace(/<style>[\s\S]*<\/style>/, '')
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
    .replace(/\s+/g, ' ');
  return { status: response.status, html, text };
};

/** The token of the forms of a session. */
export const csrfOf = ({ html }: AccountView): string => /name="csrf" value="([^"]+)"/.exec(html)?.[1] ?? '';

export const signInFields = ({ html }: AccountView): Record<string, string> => {
  const form = /<form[^>]* action="\/account\/sign-in">([\s\S]*?)<\/form>/.exec(html)?.[1] ?? '';
  return Object.fromEntries([...form.matchAll(/name="(\w+)" value="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]));
};
