import { isObject, type Json, type JsonObject } from './json.ts';

/** An expression could not be evaluated; the message is Kestra's. */
export class ExpressionError extends Error {}

type Value = Json | undefined;
type Token = { kind: 'name' | 'number' | 'string' | 'sign'; text: string };

const signs = /^(\?\?|==|!=|>=|<=|[()[\].,|~<>+*/%?:-])/;

/** Renders the `{{ … }}` parts of a text: the small part of Pebble that test flows need. A text that is one expression still gives a string. */
export function render(text: string, variables: JsonObject): string {
  return text.replace(/\{\{(.*?)\}\}/gs, (_, source: string) => show(evaluate(source, variables, text)));
}

/** Renders every string inside a value. */
export function renderAll(value: Json, variables: JsonObject): Json {
  if (typeof value === 'string') return render(value, variables);
  if (Array.isArray(value)) return value.map((item) => renderAll(item, variables));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, renderAll(item ?? null, variables)]));
}

/** Whether a condition holds, the way Kestra decides: an empty text, `false` and `0` do not. */
export function truthy(rendered: string): boolean {
  const text = rendered.trim();
  return text !== '' && text !== 'false' && text !== '0' && text !== 'null';
}

function show(value: Value): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function tokens(source: string): Token[] {
  const found: Token[] = [];
  let rest = source.trim();
  while (rest) {
    const string = /^'([^']*)'|^"([^"]*)"/.exec(rest);
    const number = /^\d+(\.\d+)?/.exec(rest);
    const name = /^[A-Za-z_][\w-]*/.exec(rest);
    const sign = signs.exec(rest);
    if (string) found.push({ kind: 'string', text: string[1] ?? string[2] ?? '' });
    else if (number) found.push({ kind: 'number', text: number[0] });
    else if (name) found.push({ kind: 'name', text: name[0] });
    else if (sign) found.push({ kind: 'sign', text: sign[0] });
    else throw new ExpressionError(`Unable to parse the expression: ${source}`);
    rest = rest.slice((string ?? number ?? name ?? sign)?.[0].length ?? 1).trimStart();
  }
  return found;
}

function evaluate(source: string, variables: JsonObject, whole: string): Value {
  const parser = new Parser(tokens(source), variables, whole);
  return parser.whole();
}

class Parser {
  readonly #tokens: Token[];
  readonly #variables: JsonObject;
  readonly #text: string;
  #at = 0;

  constructor(list: Token[], variables: JsonObject, text: string) {
    this.#tokens = list;
    this.#variables = variables;
    this.#text = text;
  }

  whole(): Value {
    const value = this.#choice();
    if (this.#at < this.#tokens.length) throw new ExpressionError(`Unexpected token "${this.#tokens[this.#at]?.text}" in ${this.#text}`);
    return value;
  }

  #take(...texts: string[]): string | undefined {
    const token = this.#tokens[this.#at];
    if (!token || token.kind === 'string' || !texts.includes(token.text)) return undefined;
    this.#at++;
    return token.text;
  }

  #choice(): Value {
    const value = this.#or();
    if (!this.#take('?')) return value;
    const yes = this.#choice();
    this.#take(':');
    const no = this.#choice();
    return truthy(show(value)) ? yes : no;
  }

  #or(): Value {
    let value = this.#and();
    while (this.#take('or')) {
      const other = this.#and();
      value = truthy(show(value)) || truthy(show(other));
    }
    return value;
  }

  #and(): Value {
    let value = this.#compare();
    while (this.#take('and')) {
      const other = this.#compare();
      value = truthy(show(value)) && truthy(show(other));
    }
    return value;
  }

  #compare(): Value {
    if (this.#take('not')) return !truthy(show(this.#compare()));
    const left = this.#sum();
    const sign = this.#take('==', '!=', '>=', '<=', '>', '<');
    if (!sign) return left;
    const right = this.#sum();
    if (sign === '==') return show(left) === show(right);
    if (sign === '!=') return show(left) !== show(right);
    const difference = Number(left) - Number(right);
    return sign === '>' ? difference > 0 : sign === '<' ? difference < 0 : sign === '>=' ? difference >= 0 : difference <= 0;
  }

  #sum(): Value {
    let value = this.#piped();
    for (;;) {
      const sign = this.#take('~', '+', '-', '*', '/', '%');
      if (!sign) return value;
      const other = this.#piped();
      const [a, b] = [Number(value), Number(other)];
      if (sign === '~') value = show(value) + show(other);
      else if (sign === '+') value = Number.isNaN(a + b) ? show(value) + show(other) : a + b;
      else value = sign === '-' ? a - b : sign === '*' ? a * b : sign === '/' ? a / b : a % b;
    }
  }

  /** `??` binds tightest here and also covers a name that is missing. */
  #piped(): Value {
    const start = this.#at;
    let value: Value;
    let missing: ExpressionError | undefined;
    try {
      value = this.#path();
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      missing = error;
      this.#skipPath(start);
    }
    for (;;) {
      if (this.#take('??')) {
        const other = this.#path();
        if (missing || value === null || value === undefined) value = other;
        missing = undefined;
      } else if (this.#take('|')) {
        const name = this.#tokens[this.#at++]?.text ?? '';
        const given = this.#take('(') ? this.#list(')') : [];
        if (name === 'default') {
          if (missing || value === null || value === undefined) value = given[0];
          missing = undefined;
        } else if (!missing) value = filter(name, value, given);
      } else break;
    }
    if (missing) throw missing;
    return value;
  }

  #skipPath(start: number): void {
    this.#at = start;
    while (this.#tokens[this.#at] && !['??', '|', ')', ',', ']'].includes(this.#tokens[this.#at]?.text ?? '')) this.#at++;
  }

  #list(end: string): Value[] {
    const values: Value[] = [];
    while (!this.#take(end)) {
      values.push(this.#choice());
      this.#take(',');
      if (this.#at >= this.#tokens.length) break;
    }
    return values;
  }

  #path(): Value {
    const token = this.#tokens[this.#at++];
    if (!token) throw new ExpressionError(`Unexpected end of ${this.#text}`);
    if (token.kind === 'string') return token.text;
    if (token.kind === 'number') return Number(token.text);
    if (token.text === '-') return -Number(this.#path());
    if (token.text === '(') {
      const value = this.#choice();
      this.#take(')');
      return value;
    }
    if (token.text === '[') return this.#list(']').map((item) => item ?? null);
    if (token.kind !== 'name') throw new ExpressionError(`Unexpected token "${token.text}" in ${this.#text}`);
    if (token.text === 'true' || token.text === 'false') return token.text === 'true';
    if (token.text === 'null') return null;
    if (this.#take('(')) return call(token.text, this.#list(')'), this.#variables);
    let value = this.#member(this.#variables, token.text);
    for (;;) {
      if (this.#take('.')) {
        const name = this.#tokens[this.#at++]?.text ?? '';
        value = this.#member(value, name);
      } else if (this.#take('[')) {
        value = this.#member(value, show(this.#list(']')[0]));
      } else return value;
    }
  }

  #member(value: Value, name: string): Value {
    if (Array.isArray(value)) return value[Number(name)];
    if (isObject(value) && Object.hasOwn(value, name)) return value[name];
    throw new ExpressionError(`Unable to find \`${name}\` used in the expression \`${this.#text}\` at line 1`);
  }
}

function call(name: string, given: Value[], variables: JsonObject): Value {
  if (name === 'now') return new Date().toISOString();
  if (name === 'kv' || name === 'secret' || name === 'envs') {
    const known = variables[`__${name}`];
    return isObject(known) ? known[show(given[0])] : undefined;
  }
  if (name === 'json' || name === 'fromJson') return JSON.parse(show(given[0])) as Json;
  if (name === 'max') return Math.max(...given.map(Number));
  if (name === 'min') return Math.min(...given.map(Number));
  throw new ExpressionError(`Function or Macro [${name}] does not exist.`);
}

function filter(name: string, value: Value, given: Value[]): Value {
  if (name === 'upper') return show(value).toUpperCase();
  if (name === 'lower') return show(value).toLowerCase();
  if (name === 'trim') return show(value).trim();
  if (name === 'length') return Array.isArray(value) ? value.length : show(value).length;
  if (name === 'json' || name === 'toJson') return JSON.stringify(value);
  if (name === 'number') return Number(value);
  if (name === 'first') return Array.isArray(value) ? value[0] : show(value)[0];
  if (name === 'last') return Array.isArray(value) ? value.at(-1) : show(value).at(-1);
  if (name === 'join') return Array.isArray(value) ? value.map(show).join(show(given[0])) : show(value);
  throw new ExpressionError(`Filter [${name}] does not exist.`);
}
