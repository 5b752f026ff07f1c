import { now } from '../clock.ts';
import { current, isEnd } from '../lifecycle.ts';
import { executionJson, logJson } from '../present.ts';
import { type Call, param, type Route } from '../route.ts';
import { rank } from '../state.ts';

type Send = (id: string, data: unknown) => void;

/** A stream of events that stays open until the server ends it or the client goes away. */
function stream(call: Call, kind: 'execution' | 'logs', open: (send: Send, end: () => void) => () => void): Response {
  const { follows } = call.world.state;
  const mark = { kind, id: param(call, 'executionId') };
  const encoder = new TextEncoder();
  let stop: (() => void) | undefined;
  const close = (): void => {
    stop?.();
    const index = follows.indexOf(mark);
    if (index >= 0) follows.splice(index, 1);
  };
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      follows.push(mark);
      const send: Send = (id, data) => controller.enqueue(encoder.encode(`id: ${id}\ndata: ${JSON.stringify(data)}\n\n`));
      let ended = false;
      stop = open(send, () => {
        ended = true;
        close();
        controller.close();
      });
      if (ended) stop();
    },
    cancel: close,
  });
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}

function follow(call: Call): Response {
  const { state } = call.world;
  const id = param(call, 'executionId');
  return stream(call, 'execution', (send, end) => {
    send('start', { id, labels: [], originalId: id, deleted: false, metadata: { attemptNumber: 1, originalCreatedDate: now() } });
    const show = (): boolean => {
      const execution = state.executions.get(id);
      if (!execution) return false;
      const done = isEnd(current(execution.life));
      send(done ? 'end' : 'progress', executionJson(execution, call.line));
      return done;
    };
    if (show()) {
      end();
      return () => undefined;
    }
    const stop = state.onChange((changed) => {
      if (changed !== id || !state.executions.has(id)) return;
      if (show()) {
        stop();
        end();
      }
    });
    return stop;
  });
}

function followLogs(call: Call): Response {
  const { state } = call.world;
  const id = param(call, 'executionId');
  const asked = call.query.get('minLevel');
  const least = rank(asked);
  return stream(call, 'logs', (send) => {
    send('start', call.line === '1.3' ? { attemptNumber: null } : {});
    let seen = 0;
    const show = (): void => {
      for (; seen < state.logs.length; seen++) {
        const log = state.logs[seen];
        if (log?.executionId === id && rank(log.level) >= least) send('progress', logJson(log, call.line === '2.0'));
      }
    };
    show();
    return state.onChange(show);
  });
}

export const followRoutes: Route[] = [
  { on: 'GET /api/v1/{tenant}/executions/{executionId}/follow', handle: follow },
  { on: 'GET /api/v1/{tenant}/logs/{executionId}/follow', handle: followLogs },
];
