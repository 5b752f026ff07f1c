/** The pretend Kestra, Enterprise since that has every tool; in a process of its own, so that its work counts as nobody else's. */
import { startKestra } from '../kestra/server.ts';
import { defaultUsers } from '../kestra/users.ts';
import { flow } from './flow.ts';
import { replay } from './replay.ts';

const kestra = await startKestra({ version: '2.0.0-SNAPSHOT', edition: 'EE' });
const saved = await fetch(`${kestra.url}/api/v1/main/flows`, {
  method: 'POST',
  headers: { ...kestra.headers, 'content-type': 'application/x-yaml' },
  body: flow.source,
});
if (!saved.ok) throw new Error(`the flow could not be saved: ${await saved.text()}`);
process.stdout.write(`${JSON.stringify({ url: kestra.url, again: await replay(kestra.url), token: defaultUsers[0]?.token })}\n`);
process.stdin.resume().once('end', () => process.exit());
