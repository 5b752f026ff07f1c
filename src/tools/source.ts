import { Composer, type Document, isAlias, isMap, isScalar, LineCounter, Parser, visit, type YAMLMap } from 'yaml';
import { namespace as namespaceField, refuse } from './fields.ts';

const most = 1_000_000;
const mostAliases = 100;
const tooDeep = 'The source is nested too deeply.';

/** A YAML source whose namespace is beyond doubt: the one that permission is checked for is the one that Kestra will read. */
export interface Source {
  readonly text: string;
  readonly namespace: string;
  readonly id?: string;
  readonly document: Document;
}

/**
 * Parses a source once.
 * @throws PublicError `invalid_input` for what is not YAML, several documents, duplicate keys, too many aliases, and a namespace (or id) that
 * two parsers could read differently
 */
export const parseSource = (text: string): Source => {
  if (text.length > most) refuse(`The source has ${text.length} characters; ${most} are allowed.`);
  const document = onlyDocument(text);
  const root = document.contents;
  if (!isMap(root)) return refuse('The source must be a YAML mapping with id, namespace and tasks.');
  if (root.items.some(({ key }) => !isScalar(key) || key.tag !== undefined || key.value === '<<')) {
    refuse('The top level of the source may have plain keys only: no merge keys, tags or complex keys.');
  }
  const namespace = plainString(root, 'namespace') ?? refuse('The source has no namespace: add a line such as "namespace: company.team".');
  if (!namespaceField.safeParse(namespace).success)
    refuse(`namespace: ${JSON.stringify(namespace.slice(0, 100))} is not a namespace that Kestra allows.`);
  return { text, namespace, id: plainString(root, 'id'), document };
};

/** Stops at the second document and at the first mistake: a source may be made to have very many. */
const onlyDocument = (text: string): Document => {
  const lines = new LineCounter();
  // The library compares each key of a mapping with all before it, which takes minutes for a hundred thousand of them.
  const composer = new Composer({ uniqueKeys: false });
  let only: Document | undefined;
  try {
    for (const document of composer.compose(new Parser(lines.addNewLine).parse(text))) {
      if (only) return refuse('The source holds 2 YAML documents or more: send one at a time.');
      only = document;
      const [problem] = [...document.errors, ...document.warnings];
      if (problem)
        return refuse(/call stack/.test(problem.message) ? tooDeep : mistake(problem.message, place(text, lines, problem.pos[0])));
      visit(document, { Map: (_, map) => uniqueKeys(map, (at) => place(text, lines, at)) });
      document.toJS({ maxAliasCount: mostAliases });
    }
  } catch (error) {
    if (error instanceof ReferenceError) refuse(`The source uses aliases more than ${mostAliases} times, or one that is not defined.`);
    if (error instanceof RangeError) refuse(tooDeep);
    throw error;
  }
  return only ?? refuse('The source is empty.');
};

const mistake = (what: string, where: string): string => `The source is not valid YAML. ${what} ${where}`;

const place = (text: string, lines: LineCounter, offset: number): string => {
  const { line, col } = lines.linePos(offset);
  const [source = ''] = text.slice(lines.lineStarts[line - 1] ?? 0, offset + 100).split('\n');
  return `at line ${line}, column ${col}: ${source.slice(0, 200)}`;
};

/** Two keys that any parser could take for the same one: `1` and `"1"` are. */
const uniqueKeys = ({ items }: YAMLMap, where: (offset: number) => string): void => {
  const seen = new Set<string>();
  for (const { key } of items) {
    if (!isScalar(key)) continue;
    const name = String(key.value);
    if (seen.has(name)) refuse(mistake('Map keys must be unique', where(key.range?.[0] ?? 0)));
    seen.add(name);
  }
};

/** What YAML 1.2 reads as text and Kestra's parser, of YAML 1.1, as a truth value or a number. */
const otherwiseRead = /^(yes|no|on|off|[-+]?\d[\d_]*|[-+]?0[bx][\da-f_]+)$/i;

/** The value of a key, if it is one that every YAML parser reads as the same string. */
const plainString = (root: YAMLMap, name: string): string | undefined => {
  const node = root.items.find(({ key }) => isScalar(key) && key.value === name)?.value;
  if (node === undefined) return undefined;
  const plain = isScalar(node) && node.type === 'PLAIN' ? node.source : undefined;
  if (isAlias(node) || !isScalar(node) || typeof node.value !== 'string' || node.tag !== undefined || otherwiseRead.test(plain ?? '')) {
    return refuse(
      `${name} must be plain text (in quotes if it looks like a number or a yes or no), not a list, a mapping, an alias or a tagged value.`,
    );
  }
  return node.value;
};
