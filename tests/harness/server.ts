import { Client as CurrentClient } from '@modelcontextprotocol/client';
import { StdioClientTransport as CurrentTransport } from '@modelcontextprotocol/client/stdio';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { inject } from 'vitest';
import type { Kestra } from '../kestra/server.ts';

/** Which MCP client: 2026-07-28 with @modelcontextprotocol/client, or 2025-11-25 with @modelcontextprotocol/sdk. */
export type ClientKind = 'current' | 'legacy';

export interface Options {
  /** The Kestra to work with; without one there is no KESTRA_API_URL and no credential but what `env` says. */
  kestra?: Pick<Kestra, 'url' | 'headers'>;
  /** Beats what follows from `kestra`; an undefined value takes a variable away. */
  env?: Readonly<Record<string, string | undefined>>;
  client?: ClientKind;
  /** Who answers the forms that the server asks for; without one the client says that it can't ask anybody. */
  user?: User;
}

/** What somebody says to a form. */
export interface Said {
  action: 'accept' | 'decline' | 'cancel';
  content?: Record<string, string | number | boolean | string[]>;
}
export type User = (question: { message: string }) => Said | Promise<Said>;

/** What a tool answered. */
export interface Answer {
  /** As a model reads it. */
  text: string;
  structured: Record<string, unknown>;
  isError: boolean;
}

export interface Progress {
  progress: number;
  total?: number | undefined;
  message?: string | undefined;
}

export interface CallOptions {
  /** Asks for progress notifications. */
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
  /** Milliseconds; 60 s unless given. */
  timeout?: number;
}

export interface ListedTool {
  name: string;
  title?: string | undefined;
  description?: string | undefined;
  inputSchema: Record<string, unknown>;
  annotations?: Record<string, unknown> | undefined;
}

export interface More {
  listResourceTemplates(): Promise<{ resourceTemplates: readonly { name: string; uriTemplate: string }[] }>;
  readResource(params: { uri: string }): Promise<{ contents: readonly { uri: string; mimeType?: string | undefined; text?: string }[] }>;
  listPrompts(): Promise<{ prompts: readonly { name: string; arguments?: readonly { name: string }[] | undefined }[] }>;
  getPrompt(params: { name: string; arguments?: Record<string, string> }): Promise<{ messages: readonly { content: object }[] }>;
  complete(params: Completing): Promise<{ completion: { values: string[]; hasMore?: boolean | undefined } }>;
}

export interface Completing {
  ref: { type: 'ref/resource'; uri: string } | { type: 'ref/prompt'; name: string };
  argument: { name: string; value: string };
  context?: { arguments?: Record<string, string> };
}

/** The program, running, with a client that is connected to it. */
export interface Server {
  /** @throws the client's error with `code` where the server answers a JSON-RPC error */
  call(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<Answer>;
  listTools(): Promise<ListedTool[]>;
  /** What else the protocol has: resources, prompts and completion. @throws the client's error */
  readonly more: More;
  /** The lines of stderr so far, each of them JSON. */
  readonly log: Readonly<Record<string, unknown>>[];
  /** The same, as it came. */
  readonly stderr: string;
  /** Everything that came over stdout and is not of the protocol: nothing, always. */
  readonly strays: Error[];
  readonly instructions: string | undefined;
  readonly pid: number;
  /** Ends the input and waits for the process to be gone. @throws if anything strayed to stdout */
  stop(): Promise<void>;
}

/** Starts `node dist/main.mjs --stdio` as a client would. */
export const startServer = async ({ kestra, env = {}, client: kind = 'current', user }: Options = {}): Promise<Server> => {
  const launch = {
    command: process.execPath,
    args: [inject('program'), '--stdio'],
    env: defined({ KESTRA_API_URL: kestra?.url, ...(kestra && credentialOf(kestra)), ...env }),
    stderr: 'pipe' as const,
  };
  const { transport, connect, ...client } = kind === 'current' ? currentClient(launch, user) : legacyClient(launch, user);
  const strays: Error[] = [];
  let stderr = '';
  transport.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString('utf8');
  });
  transport.onerror = (error) => strays.push(error);
  await connect();
  return {
    call: async (name, args = {}, options = {}) => {
      const result = (await client.call(name, args, options)) as RawResult;
      return {
        text: result.content.map((part) => part.text ?? '').join('\n'),
        structured: result.structuredContent ?? {},
        isError: result.isError === true,
      };
    },
    listTools: async () => (await client.list()).tools as ListedTool[],
    more: client.more,
    get log() {
      return stderr
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    get stderr() {
      return stderr;
    },
    strays,
    instructions: client.instructions(),
    pid: transport.pid ?? 0,
    stop: async () => {
      await client.close();
      if (strays.length > 0) throw new AggregateError(strays, `the protocol was broken: ${strays.map(String).join('; ')}`);
    },
  };
};

interface RawResult {
  content: readonly { text?: string }[];
  structuredContent?: Record<string, unknown>;
  isError?: boolean;
}

type Launch = ConstructorParameters<typeof LegacyTransport>[0];

/** What the two clients have in common. */
interface Connection {
  transport: CurrentTransport | LegacyTransport;
  connect(): Promise<void>;
  call(name: string, args: Record<string, unknown>, options: CallOptions): Promise<unknown>;
  list(): Promise<{ tools: unknown[] }>;
  more: More;
  instructions(): string | undefined;
  close(): Promise<void>;
}

const identity = { name: 'kestra-mcp-tests', version: '1.0.0' };

/** What a client declares that can show its user a form. */
const asking = (user: User | undefined) => (user ? { capabilities: { elicitation: { form: {} } } } : {});

/** A client of 2026-07-28, over whatever transport it is then connected with. */
export const newClient = (user?: User): CurrentClient => {
  const client = new CurrentClient(identity, { ...asking(user), versionNegotiation: { mode: { pin: '2026-07-28' } } });
  if (user) client.setRequestHandler('elicitation/create', async ({ params }) => ({ ...(await user(params)) }));
  return client;
};

const currentClient = (launch: Launch, user: User | undefined): Connection => {
  const client = newClient(user);
  const transport = new CurrentTransport(launch);
  return {
    transport,
    connect: () => client.connect(transport),
    call: (name, args, options) => client.callTool({ name, arguments: args }, requestOptions(options)),
    list: () => client.listTools(),
    more: client as unknown as More,
    instructions: () => client.getInstructions(),
    close: () => client.close(),
  };
};

const legacyClient = (launch: Launch, user: User | undefined): Connection => {
  const client = new LegacyClient(identity, asking(user));
  if (user) client.setRequestHandler(ElicitRequestSchema, async ({ params }) => ({ ...(await user(params)) }));
  const transport = new LegacyTransport(launch);
  return {
    transport,
    connect: () => client.connect(transport),
    call: (name, args, options) => client.callTool({ name, arguments: args }, undefined, requestOptions(options)),
    list: () => client.listTools(),
    more: client as unknown as More,
    instructions: () => client.getInstructions(),
    close: () => client.close(),
  };
};

const requestOptions = ({ onProgress, signal, timeout }: CallOptions) => ({
  ...(onProgress && { onprogress: onProgress }),
  ...(signal && { signal }),
  ...(timeout !== undefined && { timeout }),
});

const defined = <T>(values: Readonly<Record<string, T | undefined>>): Record<string, T> =>
  Object.fromEntries(Object.entries(values).filter((entry): entry is [string, T] => entry[1] !== undefined));

const credentialOf = ({ headers: { authorization } }: Pick<Kestra, 'headers'>): Record<string, string> => {
  const [scheme, value = ''] = authorization.split(' ');
  if (scheme === 'Bearer') return { KESTRA_API_TOKEN: value };
  const [username = '', password = ''] = Buffer.from(value, 'base64').toString('utf8').split(':');
  return { KESTRA_USERNAME: username, KESTRA_PASSWORD: password };
};
