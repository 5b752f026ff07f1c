import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Dispatcher } from 'undici';
import { webStream } from './web-stream.ts';

/**
 * An answer of Kestra, its body not yet read. As much of a Response as is in use: the whole of fetch costs twice the time of a call and a
 * third of that to start.
 */
export interface Incoming {
  readonly status: number;
  readonly ok: boolean;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
  stream(): ReadableStream<Uint8Array>;
  /** Closes the connection rather than read the body. */
  discard(): void;
}

/** Codings that `received` undoes. */
export const acceptedCodings = 'gzip';

/** An answer as undici gives it, for reading. */
export const received = async ({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<Incoming> => {
  const plain = headers['content-encoding'] === 'gzip' ? await unzipped(body) : undefined;
  return {
    status: statusCode,
    ok: statusCode >= 200 && statusCode < 300,
    headers: {
      get: (name) => {
        const value = headers[name.toLowerCase()];
        return value === undefined ? null : String(value);
      },
    },
    text: () => (plain ? text(plain) : body.text()),
    stream: () => webStream(plain ?? body),
    discard: () => {
      body.on('error', () => undefined).destroy();
    },
  };
};

const unzipped = async (body: Readable): Promise<Readable> => {
  const { constants, createGunzip } = await import('node:zlib');
  // What is there is given at once, and events are sent piece by piece.
  const plain = createGunzip({ flush: constants.Z_SYNC_FLUSH });
  body.once('error', (error) => plain.destroy(error));
  plain.once('error', () => undefined).once('close', () => body.destroy());
  return body.pipe(plain);
};
