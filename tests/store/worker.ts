import { writeSync } from 'node:fs';
import { openStore } from '../../src/store/open.ts';
import { parseKeyring } from '../../src/store/seal.ts';
import type { Store } from '../../src/store/store.ts';
import { here, tokens } from './contract/story.ts';

/** Another process on the same file: calls what it is told, or refreshes without end until it is killed. Run by processes.ts. */
const [, , file = '', key = ''] = process.argv;
const open = () => openStore(file, { keyring: parseKeyring({ ENCRYPTION_KEY: key }) });
let store: Store | undefined;

export type Job =
  | { readonly id: number; readonly open: true }
  | { readonly id: number; readonly method: keyof Store; readonly args: readonly unknown[] };

process.on('message', async (job: Job | { readonly storm: Record<string, string> }) => {
  if ('storm' in job) return storm(await open(), job.storm);
  try {
    if ('open' in job) store = await open();
    const call = 'method' in job ? (store?.[job.method] as ((...args: readonly unknown[]) => Promise<unknown>) | undefined) : undefined;
    process.send?.({ id: job.id, result: call && 'method' in job ? await call(...job.args) : null });
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    process.send?.({ id: job.id, error: { code, message } });
  }
});
process.send?.('ready');

/** Each line on stdout acknowledges one pair: it is written before the next refresh of that client begins, and survives a kill. */
const storm = async (busy: Store, held: Record<string, string>): Promise<void> => {
  const client = async (name: string): Promise<void> => {
    for (;;) {
      const rotation = await busy.rotateRefresh({ refreshToken: held[name] ?? '', clientId: 'client-1' }, tokens(), here);
      if (rotation.outcome !== 'rotated' && rotation.outcome !== 'replay') throw new Error(`${name}: ${rotation.outcome}`);
      held[name] = rotation.answer.refreshToken ?? '';
      writeSync(1, `${name} ${rotation.answer.accessToken} ${held[name]}\n`);
      await new Promise(setImmediate);
    }
  };
  await Promise.all(Object.keys(held).map(client));
};
