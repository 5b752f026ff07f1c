/** What no server of this kind can be faster than: express gives back the JSON that it was sent. */
import express from 'express';

const app = express();
app.get('/livez', (_, response) => void response.sendStatus(200));
app.post('/mcp', express.json(), (request, response) => void response.json(request.body));
app.listen(Number(process.env.KESTRA_MCP_PORT), '127.0.0.1');
