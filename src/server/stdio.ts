import { Console } from 'node:console';
import { Writable } from 'node:stream';
import type { Server } from '@modelcontextprotocol/server';
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio';
import type { Log } from '../log.ts';

const graceMs = 1500;

/**
 * Serves one client over stdin and stdout until its input ends or a signal comes, then resolves; whatever still runs is aborted.
 * From here on stdout carries the protocol and nothing else: anything that other code prints goes to stderr.
 */
export const runStdio = (create: () => Server, log: Log): Promise<void> => {
  const protocol = reserveStdout();
  const transport = new StdioServerTransport(process.stdin, protocol);
  const handle = serveStdio(create, { transport, onerror: (error) => log.warn({ err: error }, 'protocol') });

  return new Promise((resolve) => {
    const stop = (why: string) => {
      log.debug({ why }, 'stopping');
      setTimeout(resolve, graceMs).unref();
      void handle.close().finally(resolve);
    };
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
