import { type Document, isAlias, isMap, isScalar, parseAllDocuments, type YAMLMap } from 'yaml';
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
  const [problem] = [...document.errors, ...document.warnings];
  if (problem) refuse(/call stack/.test(problem.message) ? tooDeep : `The source is not valid YAML. ${firstLines(problem.message)}`);
  expand(document);
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

const onlyDocument = (text: string): Document => {
  let documents: Document[];
  try {
    const parsed = parseAllDocuments(text, { uniqueKeys: true, prettyErrors: true });
    documents = Array.isArray(parsed) ? [...parsed] : [];
  } catch (error) {
    return refuse(error instanceof RangeError ? tooDeep : 'The source is not YAML.');
  }
  const [document, ...others] = documents;
  if (!document) return refuse('The source is empty.');
  if (others.length > 0) refuse(`The source holds ${documents.length} YAML documents: send one at a time.`);
  return document;
};

const expand = (document: Document): void => {
  try {
    document.toJS({ maxAliasCount: mostAliases });
  } catch (error) {
    refuse(
      error instanceof ReferenceError ? `The source uses aliases more than ${mostAliases} times, or one that is not defined.` : tooDeep,
    );
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

const firstLines = (message: string): string => message.split('\n').slice(0, 4).join('\n').slice(0, 400);
