import { createLog } from '../../src/log.ts';
import { stopOnSignals } from '../../src/server/serve.ts';
import { startServer } from './harness.ts';

/** A server in a process of its own, to be told to stop. */
const server = await startServer();
stopOnSignals(server.running, createLog('error'));
process.stdout.write(`${server.port}\n`);
