/** The middle one. */
export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? Number.NaN) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
};

/**
 * Measures several things in turns, each round in another order, so that whatever else the machine does meets them all alike.
 * @returns for each thing its measurements, round by round
 */
export const inTurns = async <Name extends string, Found>(
  rounds: number,
  things: Readonly<Record<Name, () => Promise<Found>>>,
): Promise<Record<Name, Found[]>> => {
  const names = Object.keys(things) as Name[];
  const found = Object.fromEntries(names.map((name) => [name, [] as Found[]])) as Record<Name, Found[]>;
  for (let round = 0; round < rounds; round++) {
    const first = round % names.length;
    for (const name of [...names.slice(first), ...names.slice(0, first)]) found[name].push(await things[name]());
  }
  return found;
};

/** The median of what the one is to the other in each round: a busy moment spoils its round and no other. */
export const ratio = (ours: readonly number[], others: readonly number[]): number =>
  median(ours.map((value, round) => value / (others[round] ?? Number.NaN)));
