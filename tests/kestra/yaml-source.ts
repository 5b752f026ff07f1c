import { type CollectionTag, LineCounter, parseAllDocuments, type ScalarTag } from 'yaml';

/** Kestra's YAML is 1.1 in this: `yes`, `no`, `on` and `off` are booleans, even where an id stands. */
const booleans: ScalarTag = {
  identify: (value) => typeof value === 'boolean',
  default: true,
  tag: 'tag:yaml.org,2002:bool',
  test: /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/,
  resolve: (text) => /^(yes|true|on)$/i.test(text),
};

/** Reads a source as Kestra does: of several documents only the first counts. */
export function readYaml(source: string): { document: ReturnType<typeof parseAllDocuments>[number] | undefined; lines: LineCounter } {
  const lines = new LineCounter();
  const customTags = (tags: (CollectionTag | ScalarTag)[]): (CollectionTag | ScalarTag)[] => [
    booleans,
    ...tags.filter((tag) => tag.tag !== booleans.tag),
  ];
  const documents = [...parseAllDocuments(source, { lineCounter: lines, customTags: customTags as never })];
  const [document] = documents;
  return { document: document && !('empty' in document && document.empty) ? document : undefined, lines };
}
