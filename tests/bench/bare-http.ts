/** What ours is measured against over HTTP: the same handler of the SDK behind express, with the same tool as `bare.ts`, for anybody. */
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import express from 'express';
import { z } from 'zod';

const { KESTRA_API_URL, KESTRA_API_TOKEN, KESTRA_MCP_PORT } = process.env;

const handler = createMcpHandler(() => {
  const server = new McpServer({ name: 'bare', version: '1.0.0' });
  server.registerTool(
    'get_flow',
    { description: "A flow's source", inputSchema: z.object({ namespace: z.string(), flow_id: z.string() }) },
    async ({ namespace, flow_id }) => {
      const response = await fetch(`${KESTRA_API_URL}/api/v1/main/flows/${namespace}/${flow_id}?source=true`, {
        headers: { accept: 'application/json', authorization: `Bearer ${KESTRA_API_TOKEN}` },
      });
      return { content: [{ type: 'text', text: JSON.stringify(await response.json()) }] };
    },
  );
  return server;
});

const node = toNodeHandler(handler);
const app = express();
app.get('/livez', (_, response) => void response.sendStatus(200));
app.post('/mcp', express.json(), (request, response) => node(request, response, request.body));
app.listen(Number(KESTRA_MCP_PORT), '127.0.0.1');
