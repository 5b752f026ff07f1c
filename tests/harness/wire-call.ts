/** What a tools/call of MCP 2026-07-28 comes back with. */
export interface Answered {
  readonly result?: {
    readonly resultType: string;
    readonly requestState: string;
    readonly inputRequests: object;
    readonly isError?: boolean;
    readonly structuredContent?: Record<string, unknown>;
  };
  readonly error?: { readonly code: number; readonly message: string };
}

export interface WireCall {
  readonly token: string | undefined;
  readonly tool: string;
  readonly args: object;
  /** What the client declares that it can. */
  readonly can: object;
  readonly requestState?: string;
  readonly inputResponses?: object;
}

/** A tools/call as it goes over the wire, so that a test can say what no client of an SDK would. */
export const wireCall = async (base: string, { token, tool, args, can, ...params }: WireCall): Promise<Answered> => {
  const response = await fetch(`${base}/mcp`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': '2026-07-28',
      'Mcp-Method': 'tools/call',
      'Mcp-Name': tool,
      Authorization: `Bearer ${token}`,
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: {
        name: tool,
        arguments: args,
        ...params,
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
          'io.modelcontextprotocol/clientCapabilities': can,
        },
      },
    }),
  });
  const text = await response.text();
  return JSON.parse(/^data: (.+)$/m.exec(text)?.[1] ?? text) as Answered;
};
