/** What ours is measured against: the least server of the same SDK, with one tool that makes the same fetch and gives what it got. */
import { McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { z } from 'zod';

const { KESTRA_API_URL, KESTRA_API_TOKEN } = process.env;

serveStdio(() => {
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
