import { blank, type Contract, compareLines, factsFrom, refresh } from './contract.ts';
import type { RawDocument } from './document.ts';
import { factsOf } from './facts.ts';
import { indexOf, indexOfFacts, locate } from './locate.ts';
import type { Edition } from './openapi.ts';
import { type Patches, reference } from './patch.ts';

/** An official document, and the line and edition it is of. */
export interface Source {
  raw: RawDocument;
  line: string;
  edition: Edition;
}

/** Takes documents into the contracts of their lines; a line that was unseen gets a contract of its own. */
export function refreshAll(
  contracts: readonly Contract[],
  sources: readonly Source[],
  inUse: readonly string[],
  patches: Patches,
): Contract[] {
  const byLine = new Map(contracts.map((contract) => [contract.line, contract]));
  const inOrder = [...sources].sort((a, b) => rank(a.line) - rank(b.line) || compareLines(a.line, b.line));
  for (const { raw, line, edition } of inOrder) {
    const known = byLine.get(line);
    const sibling = sources.find((source) => source.line === line && source.edition !== edition);
    const remembered = known && factsFrom(known, edition === 'ee' ? 'oss' : 'ee');
    const other = sibling ? indexOf(sibling.raw) : remembered && indexOfFacts(remembered);
    const places = locate(raw, { line, edition, inUse, known, referenceLine: byLine.get(reference), other, patches });
    byLine.set(line, refresh(known ?? blank(line), edition, factsOf(raw, places)));
  }
  return [...byLine.values()].sort((a, b) => compareLines(a.line, b.line));
}

/** The reference line first: the others are matched against it. */
const rank = (line: string): number => (line === reference ? 0 : 1);
