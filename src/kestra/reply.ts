import { KestraError } from './failure.ts';
import type { Incoming } from './incoming.ts';

/**
 * The body by what was sent, held against what was expected: JSON as a value, text as a string, events and files as a stream, nothing as
 * undefined.
 * @throws KestraError `kestra_unreadable` if it is something else, such as a login page with 200, or nothing where JSON must be
 */
export const readReply = async (response: Incoming, expected: string | undefined): Promise<unknown> => {
  const type = (response.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (response.status === 204 || response.headers.get('content-length') === '0')
    return expected === 'application/json' || expected === 'text/event-stream' ? unreadable(response, 'nothing') : undefined;
  if (expected === 'text/event-stream') return type === expected ? response.stream() : unreadable(response, type);
  if (type === 'text/html' && expected !== type) return unreadable(response, type);
  if (isJson(type) || isJson(expected)) {
    const text = await response.text();
    if (text === '' && expected !== 'application/json') return undefined;
    return isJson(type) ? parsed(text, response, type) : unreadable(response, type);
  }
  return type.startsWith('text/') || type.endsWith('yaml') ? await response.text() : response.stream();
};

/** Kestra's kill declares text/json, and may answer without a body. */
const isJson = (type: string | undefined): boolean => type !== undefined && /^(application|text)\/(.+\+)?json$/.test(type);

const parsed = (text: string, response: Incoming, type: string): unknown => {
  try {
    const value: unknown = JSON.parse(text);
    if (value !== null) return value;
  } catch {
    // As unreadable as a null where something must be.
  }
  return unreadable(response, `${type}, not whole`);
};

const unreadable = (response: Incoming, type: string): never => {
  response.discard();
  throw new KestraError(
    'kestra_unreadable',
    "The answer is not one of Kestra's: something in between (a proxy, a login page) may have given it. An administrator should check KESTRA_API_URL.",
    {
      status: response.status,
      mayHaveArrived: true,
      detail: { type },
    },
  );
};
