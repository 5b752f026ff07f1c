import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '..', '..');

/** A fenced block. */
export interface Block {
  readonly file: string;
  readonly language: string;
  readonly text: string;
}

export interface Document {
  /** From the root of the repository. */
  readonly file: string;
  readonly text: string;
  readonly blocks: readonly Block[];
  /** As links name them: GitHub's way to make an anchor of a heading. */
  readonly anchors: readonly string[];
  readonly links: readonly string[];
}

const files = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CODE_OF_CONDUCT.md', 'CHANGELOG.md', 'openapi/README.md'],
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

const anchorOf = (heading: string): string =>
  heading
    .replace(/[`*]/g, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

const read = (file: string): Document => {
  const text = readFileSync(join(root, file), 'utf8');
  const prose = text.replace(/^```[\s\S]*?^```$/gm, '');
  return {
    file,
    text,
    blocks: [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = '', block = '']) => ({ file, language, text: block })),
    anchors: [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading)),
    links: [...prose.matchAll(/\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"/g)].map(([, link, other]) => link ?? other ?? ''),
  };
};

/** Everything that is written for people. */
export const documents: readonly Document[] = files.map(read);

/** The blocks of one language. */
export const blocksOf = (language: string): readonly Block[] =>
  documents.flatMap(({ blocks }) => blocks.filter((block) => block.language === language));

/** The blocks of one language under a heading. */
export const under = (file: string, heading: string, language: string): readonly Block[] => {
  const section =
    documents
      .find((document) => document.file === file)
      ?.text.split(/^## /m)
      .find((part) => part.startsWith(`${heading}\n`)) ?? '';
  return blocksOf(language).filter((block) => block.file === file && section.includes(block.text));
};
