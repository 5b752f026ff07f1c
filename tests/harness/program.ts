import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { generateKey } from '../../src/store/seal.ts';
import { type FakeIdp, fakeClient } from '../auth/fake-idp.ts';
import { Harness } from '../auth/harness.ts';
import type { Kestra } from '../kestra/server.ts';
import { freePort } from './free-port.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What one tool call came to. */
export interface Outcome {
  readonly status: number;
  /** WWW-Authenticate, where HTTP refused it. */
  readonly challenge: string | undefined;
  /** The JSON-RPC error. */
  readonly error: { readonly code: number; readonly message: string } | undefined;
  readonly isError: boolean;
  readonly text: string;
  readonly structured: Record<string, unknown>;
}

export const newFolder = (): string => mkdtempSync(join(tmpdir(), 'kestra-mcp-'));

/** Settings with which the program serves people who sign in at this provider, from a store of its own. */
export const settings = async ({ kestra, idp }: { kestra: Pick<Kestra, 'url'>; idp: FakeIdp }): Promise<Record<string, string>> => ({
  KESTRA_API_URL: kestra.url,
  KESTRA_MCP_PORT: String(await freePort()),
  KESTRA_MCP_STORE: join(newFolder(), 'store.sqlite'),
  ENCRYPTION_KEY: generateKey(),
  OIDC_ISSUER_URL: idp.url,
  OIDC_CLIENT_ID: fakeClient.id,
  OIDC_CLIENT_SECRET: fakeClient.secret,
});

const start = (args: readonly string[], env: Environment, cwd = newFolder()): ChildProcess =>
  spawn(process.execPath, [inject('program'), ...args], { env: { ...env }, cwd, stdio: 'pipe' });

/** Runs a command of the program to its end, in an empty folder unless another is named. */
export const command = (args: readonly string[], env: Environment = {}, stdin = '', folder?: string): Promise<Ended> =>
  new Promise((resolve) => {
    const child = start(args, env, folder);
    let [stdout, stderr] = ['', ''];
    child.stdout?.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.stdin?.end(stdin);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });

/** The program as it is shipped, serving over HTTP in a process of its own. */
export class Program {
  /** Where clients find it: KESTRA_MCP_PUBLIC_URL, if that is set. */
  readonly base: string;
  /** Where it listens. */
  readonly own: string;
  /** What clients and browsers say to it. */
  readonly client: Harness;
  readonly env: Environment;
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';

  private constructor(env: Environment, idp: FakeIdp) {
    this.env = env;
    this.own = `http://127.0.0.1:${env.KESTRA_MCP_PORT}`;
    this.base = env.KESTRA_MCP_PUBLIC_URL ?? this.own;
    this.client = Harness.remote(this.base, idp);
    this.#child = start([], env);
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.#stdout += chunk.toString();
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
  }

  /** @throws with what it said if it does not serve */
  static async start(env: Environment, idp: FakeIdp): Promise<Program> {
    const program = new Program(env, idp);
    while (!program.#stderr.includes('"serving"')) {
      if (program.#child.exitCode !== null) throw new Error(program.#stderr);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return program;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async stop(): Promise<number | null> {
    const ended = new Promise<void>((resolve) => this.#child.once('close', () => resolve()));
    if (this.#child.exitCode === null) {
      this.#child.kill('SIGTERM');
      await ended;
    }
    return this.#child.exitCode;
  }

  async kill(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#child.once('close', () => resolve()));
    this.#child.kill('SIGKILL');
    await ended;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async call(token: string | undefined, name: string, args: Record<string, unknown> = {}): Promise<Outcome> {
    const response = await this.client.mcp(token, 'tools/call', { name, arguments: args });
    const { result, error } = await answerOf(response);
    return {
      status: response.status,
      challenge: response.headers.get('www-authenticate') ?? undefined,
      error,
      isError: result?.isError === true,
      text: result?.content?.map(({ text }) => text).join('\n') ?? '',
      structured: result?.structuredContent ?? {},
    };
  }

  /** The names in tools/list. */
  async list(token: string): Promise<string[]> {
    const { result } = await answerOf(await this.client.mcp(token));
    return (result?.tools ?? []).map(({ name }) => name);
  }

  async ready(): Promise<{ status: number; body: { status: string; parts: Record<string, string> } }> {
    const response = await fetch(`${this.own}/readyz`);
    return { status: response.status, body: (await response.json()) as { status: string; parts: Record<string, string> } };
  }
}

interface Message {
  readonly id?: unknown;
  readonly result?: {
    readonly isError?: boolean;
    readonly content?: readonly { readonly text: string }[];
    readonly structuredContent?: Record<string, unknown>;
    readonly tools?: readonly { readonly name: string }[];
  };
  readonly error?: { readonly code: number; readonly message: string };
}

const answerOf = async (response: Response): Promise<Message> => {
  const text = await response.text();
  const events = [...text.matchAll(/^data: (.+)$/gm)].map(([, data = '']) => JSON.parse(data) as Message);
  return events.find(({ id }) => id !== undefined) ?? (JSON.parse(text) as Message);
};
