import { afterEach, describe, expect, test } from 'vitest';
import { readEvents } from '../../src/kestra/events.ts';
import { execute, reached, saveFlows } from '../harness/kestra.ts';
import { startKestra } from '../kestra/server.ts';
import { connect, failure } from './connect.ts';
import { serve } from './server.ts';

const undo: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

interface Source {
  readonly stream: ReadableStream<Uint8Array>;
  readonly closed: boolean;
}

/** A stream that gives these bytes, then stays open if `open`. */
const source = (chunks: readonly Uint8Array[], open = false): Source => {
  let closed = false;
  const waiting = [...chunks];
  const stream = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      const next = waiting.shift();
      if (next) controller.enqueue(next);
      else if (!open) controller.close();
      else return new Promise(() => undefined);
    },
    cancel: () => {
      closed = true;
    },
  });
  return {
    stream,
    get closed() {
      return closed;
    },
  };
};

const forever = () => ({ signal: new AbortController().signal, deadline: Date.now() + 60_000, idleMs: 60_000 });

const collect = async (stream: ReadableStream<Uint8Array>, limits = forever()): Promise<unknown[]> => {
  const found: unknown[] = [];
  for await (const event of readEvents(stream, limits)) found.push(event);
  return found;
};

const bytes = (text: string) => new TextEncoder().encode(text);

describe('a stream of events', () => {
  const events = [{ state: 'RUNNING' }, { state: 'SUCCESS', note: 'Straße 🙂 "x"\n' }, [1]];
  const text = (end: string) =>
    [
      `id: start${end}data: ${JSON.stringify(events[0])}${end}${end}`,
      `: a comment${end}${end}`,
      `event: progress${end}data:${JSON.stringify(events[1])}${end}retry: 3${end}${end}`,
      `data: [${end}data: 1]${end}${end}`,
    ].join('');

  test.each([
    ['LF', '\n'],
    ['CR LF', '\r\n'],
    ['CR', '\r'],
  ])('is read whatever byte it is split at, lines ending with %s', async (_, end) => {
    const whole = bytes(text(end));
    for (let at = 0; at <= whole.length; at++) {
      expect(await collect(source([whole.slice(0, at), whole.slice(at)]).stream), `split at ${at}`).toEqual(events);
    }
  });

  test('is read byte by byte', async () => {
    for (const end of ['\n', '\r\n', '\r']) {
      const single = [...bytes(text(end))].map((byte) => Uint8Array.of(byte));
      expect(await collect(source(single).stream)).toEqual(events);
    }
  });

  test.each([
    ['a byte order mark before', '\ufeffdata: 1\n\n', [1]],
    ['data that is not JSON', 'data: {"half\n\ndata: 2\n\n', [2]],
    ['an event that is not whole at the end', 'data: 1\n\ndata: 2\n', [1]],
    ['data without a colon, and fields that only look like it', 'data\n\ndatax: 1\n\n data: 2\n\ndata: 3\n\n', [3]],
    ['nothing', '', []],
    ['only comments', ': ping\n\n: ping\n\n', []],
  ])('%s', async (_, sent, expected) => {
    expect(await collect(source([bytes(sent)]).stream)).toEqual(expected);
  });

  test('is closed when the reader has seen enough', async () => {
    const endless = source([bytes('data: 1\n\ndata: 2\n\n')], true);
    for await (const event of readEvents(endless.stream, forever())) if (event === 2) break;
    expect(endless.closed).toBe(true);
  });

  test('is closed at the deadline', async () => {
    const endless = source([bytes('data: 1\n\n')], true);
    expect(await collect(endless.stream, { ...forever(), deadline: Date.now() + 50 })).toEqual([1]);
    expect(endless.closed).toBe(true);
  });

  test('is closed after a silence', async () => {
    const endless = source([bytes('data: 1\n\n')], true);
    expect(await collect(endless.stream, { ...forever(), idleMs: 50 })).toEqual([1]);
    expect(endless.closed).toBe(true);
  });

  test.each(['before', 'while'])('is closed when the caller gives up %s it is read', async (when) => {
    const endless = source([bytes('data: 1\n\n')], true);
    const abort = new AbortController();
    if (when === 'before') abort.abort();
    else setTimeout(() => abort.abort(), 20);
    await collect(endless.stream, { ...forever(), signal: abort.signal });
    expect(endless.closed).toBe(true);
  });

  test('is closed when what reads it fails', async () => {
    const endless = source([bytes('data: 1\n\n')], true);
    await expect(
      (async () => {
        for await (const _ of readEvents(endless.stream, forever())) throw new Error('mine');
      })(),
    ).rejects.toThrow('mine');
    expect(endless.closed).toBe(true);
  });
});

describe('following an execution', () => {
  test.each(['ends', 'breaks'])('a stream that %s on Kestra’s side is told apart', async (how) => {
    const server = await serve((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: {"a":1}\n\n', () => (how === 'ends' ? response.end() : response.destroy()));
    });
    const { kestra, invoke } = connect(server.url);
    undo.push(server.close, kestra.close);
    const stream = await invoke('followExecution', { path: { executionId: 'a1' } });
    if (how === 'ends') expect(await collect(stream)).toEqual([{ a: 1 }]);
    else expect((await failure(collect(stream))).code).toBe('kestra_unreachable');
  });

  test.each(['1.3.25', '2.0.0-SNAPSHOT'] as const)('leaves nothing open on %s, however it ends', async (version) => {
    const server = await startKestra({ version });
    undo.push(server.close);
    await saveFlows(server, 'id: hold\nnamespace: follow\ntasks:\n  - id: hold\n    type: io.kestra.plugin.core.flow.Pause\n');
    const executionId = await execute(server, 'follow', 'hold');
    await reached(server, executionId, 'PAUSED');
    const { kestra, credential } = connect(server.url);
    undo.push(kestra.close);
    const abort = new AbortController();
    const follow = async (act: (event: unknown) => void, limits = {}) => {
      const stream = await kestra.as({ credential, signal: abort.signal })('followExecution', { path: { executionId } });
      expect(server.openFollows).toBe(1);
      for await (const event of readEvents(stream, { ...forever(), signal: abort.signal, ...limits })) act(event);
    };
    const nothing = () => undefined;
    await follow(nothing, { deadline: Date.now() + 100 });
    await expect.poll(() => server.openFollows).toBe(0);
    await follow(nothing, { idleMs: 100 });
    await expect.poll(() => server.openFollows).toBe(0);
    await expect(
      follow(() => {
        throw new Error('mine');
      }),
    ).rejects.toThrow('mine');
    await expect.poll(() => server.openFollows).toBe(0);
    await follow(() => abort.abort()).catch(nothing);
    await expect.poll(() => server.openFollows).toBe(0);
    expect(server.offences).toEqual([]);
  });
});
