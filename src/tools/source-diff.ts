import { createTwoFilesPatch } from 'diff';
import type { Block } from './answer.ts';

/** What changed between two sources, as a unified diff; the names say which they are. */
export const sourceDiff = (before: Named, after: Named, context = 3): Block => ({
  name: 'diff',
  language: 'diff',
  text: createTwoFilesPatch(before.name, after.name, ended(before.source), ended(after.source), '', '', { context }).replace(/^=+\n/, ''),
});

interface Named {
  readonly name: string;
  readonly source: string;
}

const ended = (text: string): string => (text.endsWith('\n') ? text : `${text}\n`);
