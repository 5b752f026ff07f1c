import { PublicError } from '../errors.ts';
import { everyRoute, type Line, type Route } from './generated/routes.ts';

interface Pattern {
  readonly shape: RegExp;
  readonly most: number;
  readonly words: string;
}

const plain: Pattern = { shape: /^[A-Za-z0-9]+$/, most: 100, words: 'letters and digits only' };
const name: Pattern = {
  shape: /^[a-zA-Z0-9][a-zA-Z0-9._-]*$/,
  most: 256,
  words: 'letters, digits, dots, - and _, beginning with a letter or digit',
};
const namespace: Pattern = {
  shape: /^[a-z0-9][a-z0-9._-]*$/,
  most: 256,
  words: 'lower-case letters, digits, dots, - and _, beginning with a letter or digit',
};

/** Kestra's own patterns. A parameter that isn't listed must be a plain id. */
const patterns: Readonly<Record<string, Pattern>> = {
  tenant: name,
  namespace,
  id: name,
  flowId: name,
  triggerId: name,
  cls: name,
  key: name,
  kind: name,
  metric: name,
};

/**
 * The path of a call, safe to send.
 *
 * Encoding alone isn't enough: URL parsing climbs with `..`, and Kestra prefers literal routes to parameters, so that flow `by-query` in
 * namespace `restart` would be a bulk restart. So each value must have Kestra's own form, and the path must match no more specific route.
 * @throws PublicError `invalid_input`, before anything is sent
 */
export const buildPath = (line: Line, method: Route['method'], route: string, values: Readonly<Record<string, unknown>>): string => {
  const path = route.replace(/\{([^}]+)\}/g, (_, key: string) => encodeURIComponent(checked(key, values[key])));
  const segments = path.split('/');
  if (rivals(line, method, route).some((rival) => matches(rival, segments))) {
    throw new PublicError(
      'invalid_input',
      'Kestra would take these names for another of its operations, so nothing was sent. Use other names.',
    );
  }
  return path;
};

const checked = (key: string, value: unknown): string => {
  const pattern = patterns[key] ?? plain;
  if (typeof value === 'string' && value.length <= pattern.most && pattern.shape.test(value)) return value;
  throw new PublicError(
    'invalid_input',
    `${key === 'id' ? 'flow id' : key} is not a valid one: Kestra allows ${pattern.words}, ${pattern.most} characters at most.`,
  );
};

/** The segments of a route, undefined for a parameter. */
type Segments = readonly (string | undefined)[];

const found = new Map<string, readonly Segments[]>();

/** The other routes of the document that Kestra may prefer to this one: as long, and literal where this one has a parameter. */
const rivals = (line: Line, method: Route['method'], route: string): readonly Segments[] => {
  const key = `${line} ${method} ${route}`;
  const known = found.get(key);
  if (known) return known;
  const own = segmentsOf(route);
  const others = everyRoute[line]
    .map((entry) => entry.split(' '))
    .filter(([verb, path]) => verb?.toLowerCase() === method && path !== route)
    .map(([, path = '']) => segmentsOf(path))
    .filter((other) => other.length === own.length && other.some((segment, i) => segment !== undefined && own[i] === undefined));
  found.set(key, others);
  return others;
};

const segmentsOf = (route: string): Segments => route.split('/').map((segment) => (segment.includes('{') ? undefined : segment));

const matches = (route: Segments, path: readonly string[]): boolean =>
  route.every((segment, i) => segment === undefined || segment === path[i]);
