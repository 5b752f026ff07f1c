const width = 140;

/** JSON with sorted keys, a value to a line where it fits, so that a change reads as a small diff. */
export function print(value: unknown): string {
  return `${lines(canonical(value), 0, 0)}\n`;
}

/** The same value with sorted keys, at every depth. */
export function canonical<T>(value: T): T {
  return sorted(value) as T;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sorted(inner)]));
}

function lines(value: unknown, depth: number, used: number): string {
  const short = JSON.stringify(value);
  if (typeof value !== 'object' || value === null || (depth > 1 && used + short.length <= width)) return short;
  const indent = ' '.repeat(depth + 1);
  const close = ' '.repeat(depth);
  if (Array.isArray(value)) return `[\n${value.map((inner) => indent + lines(inner, depth + 1, indent.length)).join(',\n')}\n${close}]`;
  const fields = Object.entries(value).map(([key, inner]) => {
    const start = `${indent}${JSON.stringify(key)}: `;
    return start + lines(inner, depth + 1, start.length);
  });
  return `{\n${fields.join(',\n')}\n${close}}`;
}
