import { editions, type Method } from './openapi.ts';
import type { Document } from './unite.ts';

/** The line whose operationIds and schemas the tools use. */
export const reference = '2.0';

/** On these lines an operation is served at another route than on the reference line. */
export interface Move {
  operation: string;
  lines: readonly string[];
  method: Method;
  path: string;
  why: string;
}

/** On these lines there is no such operation. */
export interface Absence {
  operation: string;
  lines: readonly string[];
  why: string;
}

/** Servers of one line have an operation at either of these paths; a client that gets 404 or 405 at one tries the other. */
export interface Elsewhere {
  operation: string;
  line: string;
  paths: readonly [string, string];
  why: string;
}

/**
 * Mends what the documents say wrongly. On the lines named it must match something, once the documents of both editions were read
 * (some faults stand in one of them only); on others it is tried.
 */
export interface Correction {
  name: string;
  lines: readonly string[];
  why: string;
  /** Changes the document in place and says how many places it changed. */
  apply: (document: Document) => number;
}

export interface Patches {
  moves: readonly Move[];
  absences: readonly Absence[];
  elsewhere: readonly Elsewhere[];
  corrections: readonly Correction[];
}

/** A line's document, mended. A correction that matches nothing on a line it names fails the run. */
export function correct(document: Document, corrections: readonly Correction[]): Document {
  const copy = structuredClone(document);
  const whole = editions.every((edition) => document.editions.includes(edition));
  const idle = corrections.filter(({ lines, apply }) => apply(copy) === 0 && whole && lines.includes(document.line));
  if (idle.length > 0) {
    throw new Error(
      idle.map(({ name }) => `patch "${name}" matches nothing in ${document.line}: correct or remove it in patches.ts`).join('\n'),
    );
  }
  return copy;
}
