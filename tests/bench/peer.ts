import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** One JSON-RPC message of a server, as far as the bench reads it. */
interface Message {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** An MCP server over stdio, spoken to with as little as can be: what the client itself costs would blur what is measured. */
export class Peer {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (message: Message) => void>();
  #next = 1;

  constructor(args: readonly string[], env: Readonly<Record<string, string>>) {
    const child = spawn(process.execPath, args, { env: { PATH: process.env.PATH, ...env }, stdio: ['pipe', 'pipe', 'ignore'] });
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const message = JSON.parse(line) as Message;
      if (message.id !== undefined) this.#waiting.get(message.id)?.(message);
    });
    child.on('exit', (code) => {
      for (const [, answer] of this.#waiting) answer({ error: { message: `the server ended with ${code}` } });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** @throws Error with what the server says, for an error of the protocol and for a tool that failed */
  async request(method: string, params: object = {}): Promise<unknown> {
    const id = this.#next++;
    const { result, error } = await new Promise<Message>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#send({ id, method, params });
    });
    this.#waiting.delete(id);
    if (error || (result as { isError?: boolean }).isError) throw new Error(`${method}: ${error?.message ?? JSON.stringify(result)}`);
    return result;
  }

  /** The handshake of the protocol's 2025-11-25. */
  async initialize(): Promise<void> {
    await this.request('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bench', version: '1' } });
    this.#send({ method: 'notifications/initialized' });
  }

  async close(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin?.end();
    await gone;
  }

  #send(message: object): void {
    this.#child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }
}
