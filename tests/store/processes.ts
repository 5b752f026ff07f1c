import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { code?: string; message: string };
}

/** One more process that works on the file. */
export class Worker {
  readonly process: ChildProcess;
  readonly ready: Promise<unknown>;
  /** What it acknowledged on stdout. */
  output = '';
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #id = 0;

  constructor(key: string) {
    this.process = fork(new URL('worker.ts', import.meta.url).pathname, [key], {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    this.ready = once(this.process, 'message');
    this.process.stdout?.on('data', (chunk: Buffer) => {
      this.output += chunk.toString();
    });
    this.process.on('message', (message: Answer | 'ready') => {
      if (message !== 'ready') this.#waiting.get(message.id)?.(message);
    });
  }

  /** What the store's method resolves with; rejects with `code` and `message` as it does. */
  async call<T = unknown>(method: string, ...args: unknown[]): Promise<T> {
    const [result] = await this.calls<T>(method, [args]);
    return result as T;
  }

  calls<T>(method: string, calls: unknown[][]): Promise<T[]> {
    return this.#ask({ method, calls }) as Promise<T[]>;
  }

  /** Instead of the file that it had open. */
  open(file: string): Promise<unknown> {
    return this.#ask({ open: file });
  }

  storm(file: string, held: Record<string, string>): void {
    this.process.send({ file, storm: held });
  }

  async kill(): Promise<void> {
    const closed = once(this.process, 'close');
    this.process.kill('SIGKILL');
    await closed;
  }

  async #ask(job: object): Promise<unknown> {
    this.#id += 1;
    const id = this.#id;
    const answer = await new Promise<Answer>((resolve) => {
      this.#waiting.set(id, resolve);
      this.process.send({ id, ...job });
    });
    this.#waiting.delete(id);
    if (answer.error) throw Object.assign(new Error(answer.error.message), answer.error);
    return answer.result;
  }
}
