import { breakdown } from './failure.ts';

/**
 * The data of a server-sent event stream (WHATWG HTML §9.2), parsed as JSON. Ends with the stream, at the deadline, when the signal
 * aborts, or after `idleMs` without anything; the stream is closed in each case, since an abandoned one keeps a thread of Kestra busy.
 * @throws KestraError if the connection breaks
 */
export async function* readEvents(
  stream: ReadableStream<Uint8Array>,
  { signal, deadline, idleMs }: { signal: AbortSignal; deadline: number; idleMs: number },
): AsyncGenerator<unknown> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = '';
  let afterCr = false;
  try {
    while (!signal.aborted && Date.now() < deadline) {
      const chunk = await within(Math.min(idleMs, deadline - Date.now()), signal, reader.read()).catch((thrown: unknown) => {
        throw breakdown(thrown, signal);
      });
      if (!chunk?.value) return;
      const got = decoder.decode(chunk.value, { stream: true });
      // A line may end with CR LF, and the two may come apart.
      text += (afterCr ? got.replace(/^\n/, '') : got).replace(/\r\n?/g, '\n');
      if (got !== '') afterCr = got.endsWith('\r');
      const frames = text.split('\n\n');
      text = frames.pop() ?? '';
      for (const frame of frames) {
        const data = dataOf(frame);
        if (data !== undefined) yield data;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** What the promise gives, or undefined if the time is up or the signal aborts first. */
const within = async <T>(ms: number, signal: AbortSignal, promise: Promise<T>): Promise<T | undefined> => {
  let done = (): void => undefined;
  const enough = new Promise<undefined>((resolve) => {
    done = () => resolve(undefined);
  });
  const timer = setTimeout(done, ms);
  signal.addEventListener('abort', done);
  try {
    return await Promise.race([promise, enough]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', done);
  }
};

const dataOf = (frame: string): unknown => {
  const data = frame
    .split('\n')
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(5).replace(/^ /, ''))
    .join('\n');
  try {
    return data === '' ? undefined : JSON.parse(data);
  } catch {
    return undefined;
  }
};
