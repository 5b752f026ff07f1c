/** The pretend Kestra in a process of its own, as its one argument says. It ends when its input does. */
import type { Aim, Trouble } from '../kestra/faults.ts';
import { startKestra } from '../kestra/server.ts';

export interface KestraProcess {
  readonly port: number;
  /** Sources that it has. */
  readonly flows?: readonly string[];
  readonly faults?: readonly { readonly trouble: Trouble; readonly aim: Omit<Aim, 'times'> }[];
}

const { port, flows = [], faults = [] } = JSON.parse(process.argv[2] ?? '{}') as KestraProcess;
const kestra = await startKestra({ version: '2.0.0-SNAPSHOT', edition: 'EE', port, remember: 1000 });
for (const body of flows) {
  const headers = { ...kestra.headers, 'content-type': 'application/x-yaml' };
  const { status } = await fetch(`${kestra.url}/api/v1/main/flows`, { method: 'POST', headers, body });
  if (status !== 200) throw new Error(`a flow could not be saved: ${status}`);
}
for (const { trouble, aim } of faults) kestra.faults.add(trouble, { ...aim, times: Number.POSITIVE_INFINITY });
process.stdout.write('up\n');
process.stdin.resume().once('end', () => process.exit());
