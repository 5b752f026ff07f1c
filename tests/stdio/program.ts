import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { inject } from 'vitest';

export interface Message {
  readonly jsonrpc?: string;
  readonly id?: number | string | null;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown> & { content?: readonly { text: string }[]; isError?: boolean };
  readonly error?: { code: number; message: string };
}

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** The program with nothing between the test and its three streams. */
export interface Program {
  readonly child: ChildProcess;
  /** Sends a message, or bytes as they are. */
  send(message: Message | string | Buffer): void;
  /** Sends a request of 2025-11-25 and gives its answer. */
  ask(method: string, params?: Record<string, unknown>): Promise<Message>;
  /** Introduces itself as a client of 2025-11-25. */
  initialize(): Promise<Message>;
  /** Calls a tool as a client of 2025-11-25 and gives the text of the answer. */
  call(name: string, args?: Record<string, unknown>): Promise<string>;
  /** The answer to a request. */
  answer(id: number | string): Promise<Message>;
  /** Every line of stdout so far. @throws if one is not JSON */
  readonly messages: readonly Message[];
  readonly stdout: string;
  readonly stderr: string;
  readonly exit: Promise<Exit>;
  /** Ends the input and waits for the end. */
  finish(): Promise<Exit>;
}

export interface Launch {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
}

const running = new Set<ChildProcess>();

/** Ends what a failed test left behind. */
export const killAll = (): void => {
  for (const child of running) child.kill('SIGKILL');
};

/** Starts `kestra-mcp --stdio` with these variables and no others. */
export const start = ({ args = ['--stdio'], env = {}, cwd = tmpdir() }: Launch = {}): Program => {
  const child = spawn(process.execPath, [inject('program'), ...args], {
    cwd,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  running.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const wake of [...waiting]) wake();
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin?.on('error', () => undefined);
  const waiting = new Set<() => void>();
  const exit = once(child, 'close').then(([code, signal]: (number | string | null)[]): Exit => {
    running.delete(child);
    for (const wake of [...waiting]) wake();
    return { code: code as number | null, signal: signal as string | null };
  });

  const parsed: Message[] = [];
  let read = 0;
  /** @throws if a line is not JSON */
  const messages = () => {
    for (let end = stdout.indexOf('\n', read); end >= 0; end = stdout.indexOf('\n', read)) {
      parsed.push(JSON.parse(stdout.slice(read, end)) as Message);
      read = end + 1;
    }
    return parsed;
  };
  const answer = (id: number | string) =>
    new Promise<Message>((resolve, reject) => {
      const look = () => {
        const found = messages().find((message) => message.id === id && message.method === undefined);
        if (!found && child.exitCode === null && child.signalCode === null) return;
        waiting.delete(look);
        if (found) resolve(found);
        else reject(new Error(`the program ended with ${child.exitCode ?? child.signalCode} before it answered ${id}:\n${stderr}`));
      };
      waiting.add(look);
      look();
    });
  const send = (message: Message | string | Buffer): void => {
    child.stdin?.write(typeof message === 'string' || Buffer.isBuffer(message) ? message : `${JSON.stringify(message)}\n`);
  };
  let next = 1000;
  const ask = (method: string, params: Record<string, unknown> = {}) => {
    const id = next++;
    send({ jsonrpc: '2.0', id, method, params });
    return answer(id);
  };

  return {
    child,
    send,
    ask,
    answer,
    initialize: async () => {
      const said = await ask('initialize', {
        protocolVersion: '2025-11-25',
        capabilities: {},
        clientInfo: { name: 'wire', version: '1' },
      });
      send({ jsonrpc: '2.0', method: 'notifications/initialized' });
      return said;
    },
    call: async (name, args = {}) => {
      const { result, error } = await ask('tools/call', { name, arguments: args });
      return result?.content?.map(({ text }) => text).join('\n') ?? JSON.stringify(error);
    },
    get messages() {
      return messages();
    },
    get stdout() {
      return stdout;
    },
    get stderr() {
      return stderr;
    },
    exit,
    finish: () => {
      child.stdin?.end();
      return exit;
    },
  };
};

/** Runs the program to its end. */
export const run = async (launch: Launch): Promise<Exit & { stdout: string; stderr: string }> => {
  const program = start(launch);
  const exit = await program.finish();
  return { ...exit, stdout: program.stdout, stderr: program.stderr };
};

/** Each line of stderr, which must be JSON. */
export const logOf = (stderr: string): Record<string, unknown>[] =>
  stderr
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** The settings for a Kestra. */
export const settingsFor = ({ url }: { url: string }, password = 'Kestra-1234'): Record<string, string> => ({
  KESTRA_API_URL: url,
  KESTRA_USERNAME: 'kestra@example.com',
  KESTRA_PASSWORD: password,
});
