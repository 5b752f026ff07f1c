import { Console } from 'node:console';
import { Writable } from 'node:stream';
import type { Server } from '@modelcontextprotocol/server';
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio';
import type { Log } from '../log.ts';

const graceMs = 1500;

/** How it ended: the client left or a signal came, or the input can't be read any further. */
export type Ending = 'left' | 'broken';

/**
 * Serves one client over stdin and stdout until its input ends or a signal comes, then resolves; whatever still runs is aborted.
 * From here on stdout carries the protocol and nothing else: anything that other code prints goes to stderr.
 */
export const runStdio = (create: () => Server, log: Log): Promise<Ending> => {
  const protocol = reserveStdout();
  const transport = new StdioServerTransport(process.stdin, protocol);

  return new Promise((resolve) => {
    let stopped = false;
    const stop = (why: string, ending: Ending = 'left') => {
      if (stopped) return;
      stopped = true;
      log[ending === 'left' ? 'debug' : 'error']({ why }, 'stopping');
      setTimeout(resolve, graceMs, ending).unref();
      void handle.close().finally(() => resolve(ending));
    };
    const close = transport.close.bind(transport);
    transport.close = async () => {
      await close();
      if (process.stdin.readableEnded || process.stdin.destroyed || protocol.destroyed) stop('the client is gone');
      else stop('a message was larger than the 10 MB that are allowed', 'broken');
    };
    const handle = serveStdio(create, { transport, onerror: (error) => log.warn({ err: error }, 'protocol') });
    process.once('SIGTERM', () => stop('SIGTERM'));
    process.once('SIGINT', () => stop('SIGINT'));
    process.stdin.once('end', () => stop('end of input'));
    process.stdin.once('error', () => stop('input failed'));
    protocol.once('error', () => stop('the client is gone'));
  });
};

const reserveStdout = (): Writable => {
  const write = process.stdout.write.bind(process.stdout);
  const protocol = new Writable({ decodeStrings: false, write: (chunk, encoding, done) => void write(chunk, encoding, done) });
  process.stdout.on('error', (error) => protocol.destroy(error));
  process.stdout.write = process.stderr.write.bind(process.stderr) as typeof process.stdout.write;
  globalThis.console = new Console(process.stderr);
  return protocol;
};
