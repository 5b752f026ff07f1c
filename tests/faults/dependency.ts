import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { FakeIdp } from '../auth/fake-idp.ts';
import { freePort } from '../harness/free-port.ts';
import type { KestraProcess } from './kestra-process.ts';

const newKey = (): string =>
  generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

/** Something that the program leans on, in a process of its own: to be frozen and killed, and to come back at the same place. */
export class Dependency {
  readonly url: string;
  readonly #command: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(file: string, port: number, options: object) {
    this.url = `http://127.0.0.1:${port}`;
    this.#command = ['--import', 'tsx', join(import.meta.dirname, file), JSON.stringify({ ...options, port })];
  }

  static async kestra(options: Omit<KestraProcess, 'port'> = {}): Promise<Dependency> {
    const kestra = new Dependency('kestra-process.ts', await freePort(), options);
    await kestra.start();
    return kestra;
  }

  /** With its words for the harness, which only know where it is. */
  static async identityProvider(): Promise<Dependency & { readonly words: FakeIdp }> {
    const provider = new Dependency('idp-process.ts', await freePort(), { privateKey: newKey() });
    await provider.start();
    const words = new FakeIdp();
    words.url = provider.url;
    return Object.assign(provider, { words });
  }

  /** @throws with what it said, if it does not come up */
  async start(): Promise<void> {
    const child = spawn(process.execPath, this.#command, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', () => reject(new Error(said)));
    });
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }
}
