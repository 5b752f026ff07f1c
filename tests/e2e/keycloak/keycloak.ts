import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inject } from 'vitest';
import { freePort } from '../../harness/free-port.ts';
import type { Provider } from '../program.ts';

const run = promisify(execFile);

/** A realm to start with: its file, and the variables that stand in it. A realm is imported once, and kept: give the same variables each time. */
interface Realm {
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A real Keycloak with the realm `kestra`, which all tests of a run share: a test that changes a user makes one of its own. */
export class Keycloak {
  readonly #port: number;
  readonly #folder: string;
  readonly #realm: Realm | undefined;
  readonly issuer: string;

  private constructor(port: number, folder: string, realm?: Realm) {
    this.#port = port;
    this.#folder = folder;
    this.#realm = realm;
    this.issuer = `http://127.0.0.1:${port}/realms/kestra`;
  }

  /** Starts it unless another test file has. */
  static async running(): Promise<Keycloak> {
    const { port, folder } = inject('keycloak');
    const keycloak = new Keycloak(port, folder);
    const answers = await fetch(keycloak.issuer).catch(() => undefined);
    if (!answers?.ok) await keycloak.start();
    return keycloak;
  }

  /** Another one beside it, for a test that is about the realm itself; `remove` ends it. */
  static async withRealm(realm: Realm): Promise<Keycloak> {
    const keycloak = new Keycloak(await freePort(), await mkdtemp(join(tmpdir(), 'kestra-mcp-keycloak-')), realm);
    await keycloak.start();
    return keycloak;
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Where it is, without a realm. */
  get base(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The folder of its own command-line tools. */
  get bin(): string {
    return join(this.#folder, 'bin');
  }

  /** Goes on with the data it had. */
  async start(): Promise<void> {
    const script = join(import.meta.dirname, 'start-keycloak.sh');
    const { file, env } = this.#realm ?? {};
    const args = ['--port', String(this.#port), '--run', this.#folder, '--keep', ...(file === undefined ? [] : ['--realm', file])];
    await run(script, args, { env: { ...process.env, ...env } });
  }

  async stop(): Promise<void> {
    await run(join(import.meta.dirname, 'stop-keycloak.sh'), [join(this.#folder, 'keycloak.pid')]);
  }

  /** Takes connections and answers nothing. */
  async freeze(): Promise<void> {
    process.kill(-(await this.#group()), 'SIGSTOP');
  }

  async thaw(): Promise<void> {
    process.kill(-(await this.#group()), 'SIGCONT');
  }

  /** The script starts it as the leader of its own process group. */
  async #group(): Promise<number> {
    return Number(await readFile(join(this.#folder, 'keycloak.pid'), 'utf8'));
  }

  /** This server as a client of it. */
  client(clientId = 'kestra-mcp'): Provider {
    return { issuer: this.issuer, clientId, clientSecret: `${clientId}-secret` };
  }

  /** Where it sends people back to, when the port of the program is not the one that the realm's file has. */
  async sendBackTo(url: string, clientId = 'kestra-mcp'): Promise<void> {
    const [client] = (await this.#admin('GET', `/clients?clientId=${clientId}`)) as { id: string }[];
    await this.#admin('PUT', `/clients/${client?.id}`, { ...client, redirectUris: [`${url}/oauth/callback`] });
  }

  async addUser(username: string, ...roles: string[]): Promise<void> {
    await this.#admin('POST', '/users', {
      username,
      enabled: true,
      firstName: username,
      lastName: 'Of A Test',
      email: `${username}@example.test`,
      emailVerified: true,
      credentials: [{ type: 'password', value: passwordOf(username), temporary: false }],
    });
    for (const role of roles) await this.#roleMapping('POST', username, role);
  }

  async disable(username: string): Promise<void> {
    const user = await this.#user(username);
    await this.#admin('PUT', `/users/${user.id}`, { ...user, enabled: false });
  }

  async replaceRole(username: string, old: string, role: string): Promise<void> {
    await this.#roleMapping('DELETE', username, old);
    await this.#roleMapping('POST', username, role);
  }

  /** Whether a refresh token is good for one time only. */
  async rotateRefreshTokens(on: boolean): Promise<void> {
    await this.#admin('PUT', '', { revokeRefreshToken: on, refreshTokenMaxReuse: 0 });
  }

  /** Signs with a new RSA key from now on, and forgets the old ones. */
  async replaceKeys(): Promise<void> {
    const realm = (await this.#admin('GET', '')) as { id: string };
    const type = 'org.keycloak.keys.KeyProvider';
    const old = (await this.#admin('GET', `/components?type=${type}`)) as { id: string; providerId: string; config: unknown }[];
    await this.#admin('POST', '/components', {
      name: `rsa-${Date.now()}`,
      providerId: 'rsa-generated',
      providerType: type,
      parentId: realm.id,
      config: { priority: ['200'], enabled: ['true'], active: ['true'], keySize: ['2048'], algorithm: ['RS256'] },
    });
    for (const { id, providerId } of old) if (providerId === 'rsa-generated') await this.#admin('DELETE', `/components/${id}`);
  }

  async #user(username: string): Promise<{ id: string }> {
    const [user] = (await this.#admin('GET', `/users?username=${username}&exact=true`)) as { id: string }[];
    if (!user) throw new Error(`Keycloak knows no ${username}`);
    return user;
  }

  async #roleMapping(method: 'POST' | 'DELETE', username: string, role: string): Promise<void> {
    const { id } = await this.#user(username);
    await this.#admin(method, `/users/${id}/role-mappings/realm`, [await this.#admin('GET', `/roles/${role}`)]);
  }

  async #admin(method: string, path: string, body?: unknown): Promise<unknown> {
    const login = await fetch(`${this.base}/realms/master/protocol/openid-connect/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'password', client_id: 'admin-cli', username: 'admin', password: 'admin-password' }),
    });
    const { access_token } = (await login.json()) as { access_token: string };
    const response = await fetch(`${this.base}/admin/realms/kestra${path}`, {
      method,
      headers: { Authorization: `Bearer ${access_token}`, 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`Keycloak, ${method} ${path}: ${response.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }
}

export const passwordOf = (username: string): string => `${username}-password`;
