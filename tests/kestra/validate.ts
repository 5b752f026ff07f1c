import { isMap, isScalar, isSeq, type Node } from 'yaml';
import { isObject, type JsonObject, string } from './json.ts';
import { Refusal } from './refusal.ts';
import { type Judge, strangeThing, type Violation, violations } from './violations.ts';
import { readYaml } from './yaml-source.ts';

/** A flow source that Kestra takes, or why it does not: once for whoever saves it, once for whoever only asks. */
export type Verdict = { flow: JsonObject } | { refusal: Refusal; constraints: string; flow?: JsonObject };

/** Checks a flow source the way Kestra does before it saves one. Of several documents only the first counts. */
export function checkFlow(source: string, judge: Judge): Verdict {
  const { document, lines } = readYaml(source);
  const root = document?.contents;
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `\n at [Source: (StringReader); line: ${line}, column: ${col}]`;
  };
  const lineOf = (offset: number): string => ` (at line ${lines.linePos(offset).line})`;
  if (!root) return unreadable(`No content to map due to end-of-input${at(0)}${lineOf(0)}`);
  if (!isMap(root)) return notAMap(root as Node, at, lineOf);
  for (const key of ['id', 'namespace', 'tasks']) {
    const node = root.get(key, true) as Node | undefined;
    const offset = node?.range?.[0] ?? 0;
    const chain = ` (through reference chain: io.kestra.core.models.flows.GenericFlow["${key}"])`;
    const wanted = key === 'tasks' ? '`java.util.ArrayList<io.kestra.core.models.tasks.GenericTask>`' : '`java.lang.String`';
    if (node && (key === 'tasks' ? isScalar(node) && node.value !== null : !isScalar(node))) {
      return unreadable(`Cannot deserialize value of type ${wanted} from ${kindOf(node)}${at(offset)}${chain}${lineOf(offset)}`);
    }
  }
  const problem = document?.errors[0];
  if (problem) return wrongSyntax(problem, at, lineOf);
  const flow: unknown = document?.toJS();
  return isObject(flow) ? checkDefinition(flow, judge) : unreadable('not a flow');
}

type Place = (offset: number) => string;

function wrongSyntax(problem: { message: string; pos: [number, number]; code: string }, at: Place, lineOf: Place): Verdict {
  const [offset] = problem.pos;
  const first = problem.message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? '';
  // Kestra's parser has other words for what is wrong; the form and the place are the same.
  const text = problem.code === 'DUPLICATE_KEY' ? "Duplicate field 'id'" : `while parsing a block\n${first}\n`;
  const verdict = unreadable(`${text}${at(offset)}${lineOf(offset)}`);
  return problem.code === 'DUPLICATE_KEY' ? { ...verdict, constraints: '' } : verdict;
}

function kindOf(node: Node): string {
  if (isMap(node)) return 'Object value (token `JsonToken.START_OBJECT`)';
  if (isSeq(node)) return 'Array value (token `JsonToken.START_ARRAY`)';
  return 'String value (token `JsonToken.VALUE_STRING`)';
}

function notAMap(root: Node, at: Place, lineOf: Place): Verdict {
  const offset = root.range?.[0] ?? 0;
  const say = (type: string, generic: string): string =>
    isScalar(root)
      ? `Cannot construct instance of \`${type}\` (although at least one Creator exists): no String-argument constructor/factory method to deserialize from String value ('${root.value}')`
      : `Cannot deserialize value of type \`${type}${generic}\` from ${kindOf(root)}`;
  const saved = unreadable(`${say('io.kestra.core.models.flows.GenericFlow', '')}${at(offset)}${lineOf(offset)}`);
  const asked = unreadable(`${say('java.util.LinkedHashMap', '<java.lang.String,java.lang.Object>')}${at(offset)}${lineOf(offset)}`);
  return { ...saved, constraints: asked.constraints };
}

function unreadable(detail: string): { refusal: Refusal; constraints: string } {
  const message = `YAML parsing error: ${detail}`;
  return {
    refusal: new Refusal(422, `Invalid entity: Illegal genericflow source: ${message}`, [{ path: 'yaml', message }]),
    constraints: `Validation error: Illegal Flow source: ${message.replace(/ \(through reference chain: [^)]*\)/, '')}`,
  };
}

function checkDefinition(flow: JsonObject, judge: Judge): Verdict {
  const odd = [flow.id, flow.namespace].find((value) => typeof value === 'number' || typeof value === 'boolean');
  if (odd !== undefined) {
    const type = typeof odd === 'number' ? 'java.lang.Integer' : 'java.lang.Boolean';
    const text = `class ${type} cannot be cast to class java.lang.String (${type} and java.lang.String are in module java.base of loader 'bootstrap')`;
    return { refusal: new Refusal(500, `Internal server error: ${text}`), constraints: `Unable to validate the flow: ${text}` };
  }
  const strange = strangeThing(flow, judge);
  if (strange)
    return {
      refusal: new Refusal(422, `Invalid entity: ${strange.message}`, strange.errors),
      constraints: `Validation error: ${strange.message}`,
    };
  const broken = violations(flow, judge);
  if (broken.length === 0) return { flow };
  const refusal = new Refusal(422, `Invalid entity: ${broken.map((one) => `${one.shown}: ${one.message}\n`).join('')}`, broken);
  return { refusal, constraints: `Validation error: ${broken.map(said).join('')}`, flow };
}

function said({ shown, message }: Violation): string {
  return shown === '' ? ` ${message}\n` : `${shown}: ${message}\n`;
}

/** The identity that a source gives itself, as far as it does. */
export function nameOf(flow: JsonObject | undefined): { namespace?: string; flow?: string } {
  const [namespace, id] = [string(flow?.namespace), string(flow?.id)];
  return { ...(namespace === undefined ? {} : { namespace }), ...(id === undefined ? {} : { flow: id }) };
}
