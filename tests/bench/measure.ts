import { spawn } from 'node:child_process';
import { once as happens } from 'node:events';
import type { Contenders } from './contenders.ts';
import { flow } from './flow.ts';
import { inTurns } from './medians.ts';
import type { Peer } from './peer.ts';
import { cpuMs, residentMiB } from './process.ts';

export const getFlow = { name: 'get_flow', arguments: { namespace: flow.namespace, flow_id: flow.id } };
const call = (peer: Peer) => () => peer.request('tools/call', getFlow);
const list = (peer: Peer) => () => peer.request('tools/list');

export const times = async (count: number, once: () => Promise<unknown>): Promise<void> => {
  for (let i = 0; i < count; i++) await once();
};

/** Milliseconds from the start of the process to the first answer to tools/list; and those of a Node that does nothing. */
export const coldStart = ({ ours, bare }: Contenders, rounds: number) => {
  const start = (create: () => Peer) => async () => {
    const began = performance.now();
    const peer = create();
    await peer.initialize();
    await list(peer)();
    const took = performance.now() - began;
    await peer.close();
    return took;
  };
  const nothing = async () => {
    const began = performance.now();
    await happens(spawn(process.execPath, ['-e', '0']), 'exit');
    return performance.now() - began;
  };
  return inTurns(rounds, { ours: start(ours), bare: start(bare), nothing });
};

/** MiB in memory after a tools/list and a hundred calls. */
export const memory = ({ ours, bare }: Contenders, rounds: number) => {
  const use = (create: () => Peer) => async () => {
    const peer = create();
    await peer.initialize();
    await list(peer)();
    await times(100, call(peer));
    const resident = residentMiB(peer.pid);
    await peer.close();
    return resident;
  };
  return inTurns(rounds, { ours: use(ours), bare: use(bare) });
};

export interface Cost {
  readonly cpu: number;
  readonly wall: number;
}

type Work = Readonly<Record<string, { readonly peer?: { readonly pid: number }; readonly once: () => Promise<unknown> }>>;

export const warmUp = 800;
const turns = 12;
const batch = 25;

/**
 * One round: small batches in turns, since a busy moment lasts longer than those and meets all alike. The CPU of a server is read at the
 * ends of the round alone, for while others have their turn it does nothing.
 */
export const round = async <W extends Work>(work: W): Promise<Record<keyof W, Cost>> => {
  const used = Object.values(work).map(({ peer }) => (peer ? cpuMs(peer.pid) : 0));
  const walls = await inTurns(
    turns,
    Object.fromEntries(
      Object.entries(work).map(([name, { once }]) => [
        name,
        async () => {
          const began = performance.now();
          await times(batch, once);
          return performance.now() - began;
        },
      ]),
    ),
  );
  const costs = Object.entries(work).map(([name, { peer }], i) => {
    const wall = (walls[name] ?? []).reduce((sum, each) => sum + each, 0);
    const cpu = peer ? cpuMs(peer.pid) - (used[i] ?? 0) : 0;
    return [name, { wall: wall / (turns * batch), cpu: cpu / (turns * batch) }];
  });
  return Object.fromEntries(costs) as Record<keyof W, Cost>;
};

/** What one call and one tools/list cost servers that are warm, in milliseconds; and one fetch of the same URL without any server. */
export const work = async ({ ours, bare, kestra }: Contenders, rounds: number) => {
  const url = `${kestra.url}/api/v1/main/flows/${flow.namespace}/${flow.id}?source=true`;
  const peers = { ours: ours(), bare: bare() };
  const calls = {
    ours: { peer: peers.ours, once: call(peers.ours) },
    bare: { peer: peers.bare, once: call(peers.bare) },
    direct: { once: async () => (await fetch(url, { headers: kestra.headers })).json() },
  };
  const lists = { ours: { peer: peers.ours, once: list(peers.ours) }, bare: { peer: peers.bare, once: list(peers.bare) } };
  for (const peer of Object.values(peers)) await peer.initialize();
  for (const { once } of [...Object.values(calls), ...Object.values(lists)]) await times(warmUp, once);
  const { tools } = (await peers.ours.request('tools/list')) as { tools: unknown[] };
  const found = {
    calls: await repeat(rounds, () => round(calls)),
    lists: await repeat(rounds, () => round(lists)),
    tools: { count: tools.length, tokens: Math.ceil(JSON.stringify(tools).length / 4) },
  };
  await Promise.all(Object.values(peers).map((peer) => peer.close()));
  return found;
};

export const repeat = async <T>(count: number, measure: () => Promise<T>): Promise<T[]> => {
  const found: T[] = [];
  for (let i = 0; i < count; i++) found.push(await measure());
  return found;
};
