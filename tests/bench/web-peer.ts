import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../harness/free-port.ts';

/** How a client of a version of the protocol asks for a tool. */
const versions = {
  '2025-11-25': () => ({ headers: {}, meta: {} }),
  '2026-07-28': (name: string) => ({
    headers: { 'Mcp-Method': 'tools/call', 'Mcp-Name': name },
    meta: {
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    },
  }),
} as const;

export type Version = keyof typeof versions;

export interface Post {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A tools/call as it goes over the wire. */
export const toolCall = (name: string, args: object, version: Version, token?: string): Post => {
  const { headers, meta } = versions[version](name);
  return {
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': version,
      ...headers,
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args, ...meta } }),
  };
};

/** What is wrong with an answer to it, if anything. */
export const failureOf = (status: number, text: string): string | undefined => {
  const message = status === 200 ? JSON.parse(/^data: (.+)$/m.exec(text)?.[1] ?? text) : {};
  return message.result && !message.result.isError ? undefined : `tools/call: ${status} ${text.slice(0, 300)}`;
};

/** An MCP server over HTTP, in a process of its own. */
export class WebPeer {
  readonly base: string;
  readonly #child: ChildProcess;

  private constructor(args: readonly string[], env: Readonly<Record<string, string>>, port: number) {
    this.base = `http://127.0.0.1:${port}`;
    const given = { PATH: process.env.PATH, ...env, KESTRA_MCP_PORT: String(port) };
    this.#child = spawn(process.execPath, args, { env: given, stdio: 'ignore' });
  }

  /** @throws if it ends before it serves */
  static async start(args: readonly string[], env: Readonly<Record<string, string>>): Promise<WebPeer> {
    const peer = new WebPeer(args, env, await freePort());
    while (!(await fetch(`${peer.base}/livez`).catch(() => undefined))?.ok) {
      if (peer.#child.exitCode !== null) throw new Error(`the server over HTTP ended with ${peer.#child.exitCode}`);
      await sleep(50);
    }
    return peer;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** @throws Error with what the server says, for whatever is no success */
  async call(name: string, args: object, version: Version, token?: string): Promise<void> {
    const response = await fetch(`${this.base}/mcp`, { method: 'POST', ...toolCall(name, args, version, token) });
    const failure = failureOf(response.status, await response.text());
    if (failure) throw new Error(failure);
  }

  /** As an operator does: what Node writes at the end (a profile) is written. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await gone;
  }
}
