import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

/** What a tool answered. */
export interface Answer {
  /** As a model reads it. */
  readonly text: string;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly isError: boolean;
}

/** An MCP client in the place of an assistant, connected to the server. */
export interface Assistant {
  call(tool: string, args: Readonly<Record<string, unknown>>, onProgress: (message: string) => void): Promise<Answer>;
  /** What the server has logged. */
  readonly log: string;
  close(): Promise<void>;
}

/** The server as a child process, as desktop clients start it. */
export const overStdio = async (program: string, env: Readonly<Record<string, string>>): Promise<Assistant> => {
  const transport = new StdioClientTransport({ command: process.execPath, args: [program, '--stdio'], env: { ...env }, stderr: 'pipe' });
  let log = '';
  transport.stderr?.on('data', (piece: Buffer) => {
    log += piece.toString('utf8');
  });
  const client = new Client({ name: 'kestra-mcp-demo', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
  await client.connect(transport);
  return {
    call: async (tool, args, onProgress) => {
      const result = await client.callTool({ name: tool, arguments: args }, { onprogress: ({ message = '' }) => onProgress(message) });
      const text = result.content.map((part) => (part.type === 'text' ? part.text : '')).join('\n');
      return { text, facts: (result.structuredContent ?? {}) as Answer['facts'], isError: result.isError === true };
    },
    get log() {
      return log;
    },
    close: () => client.close(),
  };
};
