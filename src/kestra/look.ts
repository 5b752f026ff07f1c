import type { KestraConfig } from '../config.ts';
import { verdictOf } from './breaker.ts';
import { Outgoing, type Transport } from './transport.ts';

const longestMs = 2000;
const everyMs = 1000;

/** Does Kestra answer at all, on nobody's behalf? Asked at most once a second, whoever wants to know. */
export const createLook = (config: KestraConfig, transport: () => Promise<Transport>): (() => Promise<boolean>) => {
  let last: { readonly answers: Promise<boolean>; endedAt?: number } | undefined;

  const ask = async (): Promise<boolean> => {
    const { send } = await transport();
    const signal = AbortSignal.timeout(longestMs);
    const outgoing = new Outgoing(`${config.url}/api/v1/configs`, { method: 'GET', sent: { accept: 'application/json' }, signal });
    const answer = await send(outgoing);
    await answer.text();
    return verdictOf({ answer }) === 'up';
  };

  return () => {
    if (last && (last.endedAt === undefined || Date.now() - last.endedAt < everyMs)) return last.answers;
    const asked: { answers: Promise<boolean>; endedAt?: number } = {
      answers: ask()
        .catch(() => false)
        .finally(() => {
          asked.endedAt = Date.now();
        }),
    };
    last = asked;
    return asked.answers;
  };
};
