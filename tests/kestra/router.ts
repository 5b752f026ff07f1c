import { readFileSync } from 'node:fs';
import type { Edition, Line } from './dialect.ts';
import { object, string } from './json.ts';

/** A route of Kestra: `METHOD /path/{parameter}`, and where it exists. */
interface Entry {
  key: string;
  method: string;
  segments: string[];
  editions: Set<Edition>;
  literals: number;
}

/** What a request is for. */
export type Match =
  | { kind: 'route'; key: string; params: Record<string, string> }
  | { kind: 'wrongMethod'; allowed: string[] }
  | { kind: 'unknown' };

/** Every route of a line, from the contracts, and the few that no document lists. */
export class Router {
  readonly #bySize = new Map<number, Entry[]>();

  constructor(line: Line, more: readonly string[] = []) {
    const text = readFileSync(new URL(`../../openapi/kestra-${line}.json`, import.meta.url), 'utf8');
    const routes = object(object(JSON.parse(text)).routes);
    for (const [path, methods] of Object.entries(routes)) {
      for (const [method, edition] of Object.entries(object(methods))) this.#add(`${method.toUpperCase()} ${path}`, string(edition));
    }
    for (const key of more) this.#add(key, 'both');
  }

  #add(key: string, edition: string | undefined): void {
    const [method = '', path = ''] = key.split(' ');
    const segments = path.split('/');
    const editions: Edition[] = edition === 'ee' ? ['EE'] : edition === 'oss' ? ['OSS'] : ['OSS', 'EE'];
    const literals = segments.filter((segment) => !segment.startsWith('{')).length;
    const entries = this.#bySize.get(segments.length) ?? [];
    const known = entries.find((entry) => entry.key === key);
    if (known) {
      // Enterprise has what the open-source edition has, though its document leaves some of it out.
      if (known.editions.has('OSS')) known.editions.add('EE');
      return;
    }
    entries.push({ key, method, segments, editions: new Set(editions), literals });
    entries.sort((a, b) => b.literals - a.literals || compareLiterals(a.segments, b.segments));
    this.#bySize.set(segments.length, entries);
  }

  /** Finds the route of a raw path: the one with the most literal parts wins, as in Kestra. */
  match(method: string, path: string, edition: Edition): Match {
    const given = path.split('/');
    const allowed: string[] = [];
    for (const entry of this.#bySize.get(given.length) ?? []) {
      if (!entry.editions.has(edition) || !fits(entry.segments, given)) continue;
      if (entry.method === method) return { kind: 'route', key: entry.key, params: paramsOf(entry.segments, given) };
      allowed.push(entry.method);
    }
    return allowed.length ? { kind: 'wrongMethod', allowed: [...new Set(allowed)].sort() } : { kind: 'unknown' };
  }
}

function compareLiterals(a: string[], b: string[]): number {
  const first = (segments: string[]): number => segments.findIndex((segment, index) => segment.startsWith('{') && index > 3);
  return first(b) - first(a);
}

function fits(segments: string[], given: string[]): boolean {
  return segments.every((segment, index) => segment === given[index] || (segment.startsWith('{') && given[index] !== ''));
}

function paramsOf(segments: string[], given: string[]): Record<string, string> {
  const params: Record<string, string> = {};
  for (const [index, segment] of segments.entries()) {
    if (segment.startsWith('{')) params[segment.slice(1, -1)] = decode(given[index] ?? '');
  }
  return params;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
