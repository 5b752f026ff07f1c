import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Redeemed, Rotation } from '../../../src/store/records.ts';
import { generateKey, parseKeyring } from '../../../src/store/seal.ts';
import type { Store } from '../../../src/store/store.ts';
import { Worker } from '../processes.ts';
import { connect, type Engine, here, isLive, type Place, refresh, signIn, tokens } from './story.ts';

/** How many times at least; a machine that has the time is told to do more. */
const rounds = Number(process.env.STORE_ROUNDS ?? 200);
const kills = Number(process.env.STORE_KILLS ?? 10);

/** Several processes, and several hosts where the engine has them, at one store. */
export const describeProcesses = (engine: Engine) =>
  describe(`several processes on ${engine.name}`, () => {
    const key = generateKey();
    let place: Place;
    let four: Worker[] = [];
    let workers: Worker[] = [];
    let store: Store | undefined;
    const start = async (count: number): Promise<Worker[]> => {
      const started = Array.from({ length: count }, () => new Worker(key));
      workers.push(...started);
      await Promise.all(started.map(({ ready }) => ready));
      return started;
    };
    const opened = async (): Promise<Store> => {
      store = await place.open({ keyring: parseKeyring({ ENCRYPTION_KEY: key }) });
      return store;
    };

    beforeAll(async () => {
      four = await start(4);
    });
    beforeEach(async () => {
      place = await engine.place();
    });
    afterEach(async () => {
      await store?.close();
      await place.destroy();
    });
    afterAll(async () => {
      for (const worker of workers) if (worker.process.exitCode === null && worker.process.signalCode === null) await worker.kill();
      workers = [];
    });

    it('P20: four that start at once on an empty place make one schema', async () => {
      await Promise.all(four.map((worker) => worker.open(place.location)));
      await Promise.all(four.map((worker) => worker.call('check')));
    });

    it(
      `P05: in ${rounds} rounds of two processes with one refresh token, one wins, and both hold the same pair`,
      async () => {
        const two = four.slice(0, 2);
        await Promise.all(two.map((worker) => worker.open(place.location)));
        let { refreshToken } = await connect(await opened());
        for (let i = 0; i < rounds; i += 1) {
          const request = { refreshToken, clientId: 'client-1' };
          const both = await Promise.all(two.map((worker) => worker.call<Rotation>('rotateRefresh', request, tokens(), here)));
          refreshToken = onePair(both);
        }
      },
      60_000 + rounds * 100,
    );

    it('P05: in 1,000 rounds of two processes, each as fast as it can, one wins', async () => {
      const two = four.slice(0, 2);
      await Promise.all(two.map((worker) => worker.open(place.location)));
      const local = await opened();
      let held: string[] = [];
      for (let i = 0; i < 50; i += 1) held.push((await connect(local)).refreshToken);
      for (let round = 0; round < 20; round += 1) {
        const calls = () => held.map((refreshToken) => [{ refreshToken, clientId: 'client-1' }, tokens(), here]);
        const [one = [], other = []] = await Promise.all(two.map((worker) => worker.calls<Rotation>('rotateRefresh', calls())));
        held = one.map((rotation, i) => onePair([rotation, other[i]]));
      }
    }, 60_000);

    it('P05: in 25 rounds of four processes with one code, one wins, and its tokens are dead', async () => {
      await Promise.all(four.map((worker) => worker.open(place.location)));
      const local = await opened();
      for (let i = 0; i < 25; i += 1) {
        const { code, clientId, challenge } = await signIn(local);
        const all = await Promise.all(
          four.map((worker) => worker.call<Redeemed>('redeemCode', { code, clientId, challenge, tokens: tokens() }, here)),
        );
        expect(all.map(({ outcome }) => outcome).sort()).toEqual(['grant_over', 'grant_over', 'redeemed', 'reused']);
        const [winner] = all.flatMap((one) => (one.outcome === 'redeemed' ? [one.answer] : []));
        expect(winner && (await isLive(local, winner))).toBe(false);
      }
    }, 60_000);

    it(
      `P02: ${kills} times kill -9 in a storm of refreshes loses no acknowledged token`,
      async () => {
        const names = ['a', 'b', 'c', 'd'];
        let local = await opened();
        const held: Record<string, string> = {};
        for (const name of names) held[name] = (await connect(local)).refreshToken;
        let acknowledged = 0;
        let replays = 0;
        const crew = await start(kills);
        for (const worker of crew) {
          await local.close();
          worker.storm(place.location, { ...held });
          while (!worker.output.includes('\n')) await pause(2);
          await pause(Math.random() * 60);
          await worker.kill();
          local = await opened();
          const access: Record<string, string> = {};
          for (const line of worker.output.split('\n').slice(0, -1)) {
            const [name = '', accessToken = '', refreshToken = ''] = line.split(' ');
            access[name] = accessToken;
            held[name] = refreshToken;
            acknowledged += 1;
          }
          for (const name of names) {
            if (access[name]) expect(await isLive(local, { accessToken: access[name] })).toBe(true);
            // The last pair it knows works; if the next one was made but its answer lost, that answer comes now.
            const rotation = await refresh(local, held[name] ?? '');
            expect(['rotated', 'replay']).toContain(rotation.outcome);
            if (rotation.outcome === 'replay') replays += 1;
            held[name] = ('answer' in rotation && rotation.answer.refreshToken) || '';
          }
        }
        expect(acknowledged).toBeGreaterThan(kills);
        expect(replays).toBeLessThanOrEqual(names.length * kills);
      },
      60_000 + kills * 3000,
    );

    it('P02: what one process was killed in does not stop another one that serves', async () => {
      const local = await opened();
      const [worker] = await start(1);
      const theirs = await connect(local);
      let mine = (await connect(local)).refreshToken;
      worker?.storm(place.location, { a: theirs.refreshToken });
      let served = 0;
      const until = performance.now() + 300;
      const killed = pause(150).then(() => worker?.kill());
      while (performance.now() < until) {
        const rotation = await refresh(local, mine);
        expect(rotation.outcome).toBe('rotated');
        mine = ('answer' in rotation && rotation.answer.refreshToken) || '';
        served += 1;
        await new Promise(setImmediate);
      }
      await killed;
      expect(served).toBeGreaterThan(5);
    }, 30_000);
  });

/** The refresh token of the pair that both hold, one of them as a replay. */
const onePair = (both: readonly (Rotation | undefined)[]): string => {
  expect(both.map((rotation) => rotation?.outcome).sort()).toEqual(['replay', 'rotated']);
  const [one, other] = both.map((rotation) => rotation && 'answer' in rotation && rotation.answer);
  expect(one).toEqual(other);
  return (one || undefined)?.refreshToken ?? '';
};
