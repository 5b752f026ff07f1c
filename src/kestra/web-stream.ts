import type { Readable } from 'node:stream';

/**
 * A stream of Node as one of the web. Cancelling closes it at once, even while a read is pending (undici's own waits for the next piece)
 * and while a piece is on its way (Node's `Readable.toWeb` then throws where nobody can catch it).
 */
export const webStream = (source: Readable): ReadableStream<Uint8Array> => {
  let over = false;
  const once = (action: () => void) => () => {
    if (!over) action();
    over = true;
  };
  return new ReadableStream<Uint8Array>({
    start: (controller) => {
      source.on('data', (piece: Uint8Array) => {
        if (over) return;
        controller.enqueue(piece);
        if ((controller.desiredSize ?? 0) <= 0) source.pause();
      });
      source.on(
        'end',
        once(() => controller.close()),
      );
      source.on('error', (error) => once(() => controller.error(error))());
      source.on(
        'close',
        once(() => controller.error(new Error('closed before its end'))),
      );
    },
    pull: () => {
      source.resume();
    },
    cancel: () => {
      over = true;
      source.destroy();
    },
  });
};
