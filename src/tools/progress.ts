import type { Context } from './tool.ts';

const heartbeatMs = 5000;

/** An execution as far as its progress shows. */
export interface Seen {
  readonly state: { readonly current: string };
  readonly taskRunList?: readonly { readonly taskId: string; readonly state: { readonly current: string } }[];
}

/** Tells the client how far an execution is: tasks done of tasks known, and a sign of life every five seconds. */
export interface Reporter {
  see(execution: Seen): void;
  stop(): void;
}

export const reportProgress = (
  { progress }: Pick<Context, 'progress'>,
  executionId: string,
  ended: (state: string) => boolean,
): Reporter => {
  if (!progress) return { see: () => undefined, stop: () => undefined };
  let message = '';
  let done = 0;
  let known = 0;
  // The protocol wants every number above the one before, so a sign of life counts a little of the task under way.
  let sent = -1;
  const send = () => {
    sent = done > sent ? done : sent + (Math.floor(sent) + 1 - sent) / 2;
    progress(sent, Math.max(known, Math.ceil(sent)) || undefined, message);
  };
  const heart = setInterval(send, heartbeatMs);
  return {
    see: ({ state, taskRunList = [] }) => {
      done = taskRunList.filter((task) => ended(task.state.current)).length;
      known = taskRunList.length;
      const at = taskRunList.findLast((task) => !ended(task.state.current))?.taskId;
      const now = `${executionId} ${state.current}: ${done} of ${known} tasks done${at ? `, at ${at}` : ''}`;
      if (now === message) return;
      message = now;
      send();
      heart.refresh();
    },
    stop: () => clearInterval(heart),
  };
};
