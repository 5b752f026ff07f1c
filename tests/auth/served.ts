import { createInterface } from 'node:readline';
import { FakeIdp } from './fake-idp.ts';
import { Harness } from './harness.ts';

/** The program in a process of its own, to be killed: says `loaded`, and when it is told what to serve, `ready`. */
const lines = createInterface({ input: process.stdin });
process.stdout.write('loaded\n');
lines.once('line', async (line) => {
  const { idpUrl, ...options } = JSON.parse(line) as { idpUrl: string; file: string; key: string; port: number };
  const idp = new FakeIdp();
  idp.url = idpUrl;
  await Harness.start({ ...options, idp });
  process.stdout.write('ready\n');
});
