import { writeSync } from 'node:fs';
import { openStore } from '../../src/store/open.ts';
import { parseKeyring } from '../../src/store/seal.ts';
import type { Store } from '../../src/store/store.ts';
import { here, tokens } from './contract/story.ts';

/** Another process on the same file: calls what it is told, or refreshes without end until it is killed. Run by processes.ts. */
const [, , key = ''] = process.argv;
const open = (file: string) => openStore(file, { keyring: parseKeyring({ ENCRYPTION_KEY: key }) });
let store: Store | undefined;

type Job =
  | { readonly id: number; readonly open: string }
  /** One call after the other, as fast as they go. */
  | { readonly id: number; readonly method: keyof Store; readonly calls: readonly (readonly unknown[])[] };

const work = async (job: Job): Promise<unknown> => {
  if ('open' in job) {
    await store?.close();
    store = await open(job.open);
    return null;
  }
  const method = store?.[job.method] as (...args: readonly unknown[]) => Promise<unknown>;
  const results: unknown[] = [];
  for (const args of job.calls) results.push(await method(...args));
  return results;
};

process.on('message', async (job: Job | { readonly storm: Record<string, string>; readonly file: string }) => {
  if ('storm' in job) return storm(await open(job.file), job.storm);
  try {
    process.send?.({ id: job.id, result: await work(job) });
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
