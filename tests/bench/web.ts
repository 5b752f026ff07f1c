/** What is measured over HTTP: calls of people who are signed in, the check of their tokens, and many at once. */

import { Harness } from '../auth/harness.ts';
import type { Contenders } from './contenders.ts';
import { getFlow, repeat, round, times, warmUp } from './measure.ts';
import { provider, signedIn, startTeam } from './team.ts';
import type { Version } from './web-peer.ts';

/** Calls over HTTP, ours of somebody who signed in; and how many fail if `clients` of `people` call at once, `each` one after the other. */
export const onTheWeb = async (contenders: Contenders, rounds: number, { people = 50, clients = 200, each = 5 } = {}) => {
  const { ours, tokens, stop } = await startTeam(contenders, people);
  const bare = await contenders.bareOnTheWeb();
  try {
    const callOurs = (version: Version, token = tokens[0]) => ours.call(getFlow.name, getFlow.arguments, version, token);

    const calls = async (version: Version) => {
      const work = {
        ours: { peer: ours, once: () => callOurs(version) },
        bare: { peer: bare, once: () => bare.call(getFlow.name, getFlow.arguments, version) },
      };
      for (const { once } of Object.values(work)) await times(warmUp, once);
      return repeat(rounds, () => round(work));
    };
    const found = { '2025-11-25': await calls('2025-11-25'), '2026-07-28': await calls('2026-07-28') };
    let errors = 0;
    const client = async (i: number) => {
      for (let n = 0; n < each; n++) await callOurs('2025-11-25', tokens[i % tokens.length]).catch(() => errors++);
    };
    await Promise.all(Array.from({ length: clients }, (_, i) => client(i)));
    return { calls: found, errors };
  } finally {
    await Promise.all([bare.close(), stop()]);
  }
};

/** CPU milliseconds that the check of one token takes, in this process and from a store with `people` who are signed in. */
export const tokenCheck = async (rounds: number, people = 50): Promise<number[]> => {
  const { idp, users } = await provider(people);
  const harness = await Harness.start({ idp });
  const headers = (await signedIn(harness, users)).map((token) => `Bearer ${token}`);
  const check = async (): Promise<void> => {
    for (const header of headers) await harness.bearer.authenticate(header);
  };
  await times(20, check);
  const found = await repeat(rounds, async () => {
    const before = process.cpuUsage();
    await times(20, check);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000 / (20 * people);
  });
  await harness.stop();
  await idp.stop();
  return found;
};
