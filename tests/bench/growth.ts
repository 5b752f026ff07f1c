/** What stays behind: in memory of many calls, in the store's files of calls and of sign-ins. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { WebSocket } from 'undici';
import { freePort } from '../harness/free-port.ts';
import type { Contenders } from './contenders.ts';
import { load } from './load.ts';
import { getFlow } from './measure.ts';
import { filesKiB, residentMiB } from './process.ts';
import { signedIn, startTeam, storeFile } from './team.ts';
import { toolCall } from './web-peer.ts';

/** Bytes of a process's heap that are in use after a garbage collection, by its inspector. */
const heapInUse = async (port: number): Promise<number> => {
  const [target] = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as { webSocketDebuggerUrl: string }[];
  const socket = new WebSocket(target?.webSocketDebuggerUrl ?? '');
  await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }));
  const ask = (id: number, method: string) =>
    new Promise<{ usedSize: number }>((resolve) => {
      socket.addEventListener('message', ({ data }) => {
        const message = JSON.parse(String(data)) as { id?: number; result: { usedSize: number } };
        if (message.id === id) resolve(message.result);
      });
      socket.send(JSON.stringify({ id, method }));
    });
  for (const id of [1, 2]) await ask(id, 'HeapProfiler.collectGarbage');
  const { usedSize } = await ask(3, 'Runtime.getHeapUsage');
  socket.close();
  return usedSize;
};

/** What the store takes once its log is in the file, as happens by itself when there is enough of it. */
const storeKiB = (folder: string): number => {
  const database = new Database(join(folder, storeFile));
  database.pragma('wal_checkpoint(TRUNCATE)');
  database.close();
  return filesKiB(folder);
};

/** Calls of twenty users at once, then sign-ins one after the other. */
export const growth = async (contenders: Contenders, { calls, signIns }: { readonly calls: number; readonly signIns: number }) => {
  const inspector = await freePort();
  const { ours, client, tokens, users, store, stop } = await startTeam(contenders, 20, {}, [`--inspect=127.0.0.1:${inspector}`]);
  try {
    const posts = tokens.map((token) => toolCall(getFlow.name, getFlow.arguments, '2026-07-28', token));
    await load(ours, 20, Math.min(calls, 5000), posts);
    const before = { heap: await heapInUse(inspector), resident: residentMiB(ours.pid), files: storeKiB(store) };
    await load(ours, 20, calls, posts);
    const after = { heap: await heapInUse(inspector), resident: residentMiB(ours.pid), files: storeKiB(store) };
    await signedIn(
      client,
      Array.from({ length: signIns }, (_, i) => users[i % users.length] ?? ''),
    );
    return {
      calls,
      signIns,
      bytesACall: (after.heap - before.heap) / calls,
      memory: [before.resident, after.resident],
      filesOfCalls: after.files - before.files,
      files: storeKiB(store) - after.files,
    };
  } finally {
    await stop();
  }
};
