/** What goes wrong with a request. */
export type Trouble =
  /** Answers as it should, later. */
  | { kind: 'slow'; milliseconds: number }
  /** Never answers. */
  | { kind: 'hang' }
  /** Closes the connection without looking at the request. */
  | { kind: 'dropBefore' }
  /** Does what was asked, then closes the connection without an answer. */
  | { kind: 'dropAfter' }
  /** A login page with status 200. */
  | { kind: 'html' }
  | { kind: 'redirect'; location?: string }
  | { kind: 'status'; status: number; retryAfter?: number; body?: string }
  /** The first half of the answer, and a proper end. */
  | { kind: 'truncated' }
  /** The first half of the answer, then the connection breaks. */
  | { kind: 'cut' }
  | { kind: 'contentType'; type: string }
  /** The status it should have, without a body. */
  | { kind: 'empty' };

/** Which requests a fault is for; everything that is given has to fit. */
export interface Aim {
  method?: string;
  /** A part of the path, or a pattern for the path with its query. */
  path?: string | RegExp;
  /** How many requests to leave alone first. */
  skip?: number;
  /** How often; `Infinity` for always. One by default. */
  times?: number;
}

/** A fault that has been set. */
export interface Fault {
  /** How many requests it has hit. */
  readonly hits: number;
  remove(): void;
}

interface Entry {
  aim: Aim;
  trouble: Trouble;
  left: number;
  skip: number;
  hits: number;
}

/** The faults of a server: the first that fits a request hits it. */
export class Faults {
  readonly #entries: Entry[] = [];

  /** Makes the next request (or those that fit) go wrong. */
  add(trouble: Trouble, aim: Aim = {}): Fault {
    const entry: Entry = { aim, trouble, left: aim.times ?? 1, skip: aim.skip ?? 0, hits: 0 };
    this.#entries.push(entry);
    return {
      get hits() {
        return entry.hits;
      },
      remove: () => {
        entry.left = 0;
      },
    };
  }

  /** No faults any more. */
  clear(): void {
    this.#entries.length = 0;
  }

  /** The trouble that a request gets into, which uses it up. */
  take(method: string, target: string): Trouble | undefined {
    for (const entry of this.#entries) {
      if (entry.left <= 0 || !fits(entry.aim, method, target)) continue;
      if (entry.skip > 0) {
        entry.skip--;
        continue;
      }
      entry.left--;
      entry.hits++;
      return entry.trouble;
    }
    return undefined;
  }
}

function fits({ method, path }: Aim, given: string, target: string): boolean {
  if (method && method.toUpperCase() !== given) return false;
  if (path === undefined) return true;
  return typeof path === 'string' ? target.includes(path) : path.test(target);
}

/** The answer that a fault puts in place of the real one, if it does. */
export function replacement(trouble: Trouble | undefined): Response | undefined {
  if (trouble?.kind === 'html') {
    const page = '<!doctype html><html><head><title>Sign in</title></head><body><form method="post" action="/login"></form></body></html>';
    return new Response(page, { headers: { 'content-type': 'text/html; charset=utf-8' } });
  }
  if (trouble?.kind === 'redirect')
    return new Response(null, { status: 302, headers: { location: trouble.location ?? 'https://login.example.com/' } });
  if (trouble?.kind === 'status') {
    return new Response(trouble.body ?? null, {
      status: trouble.status,
      headers: trouble.retryAfter === undefined ? {} : { 'retry-after': String(trouble.retryAfter) },
    });
  }
  return undefined;
}

/** The real answer, spoilt. */
export async function spoil(trouble: Trouble | undefined, response: Response): Promise<Response> {
  if (trouble?.kind === 'contentType') {
    return new Response(response.body, { status: response.status, headers: { 'content-type': trouble.type } });
  }
  if (trouble?.kind === 'empty') return new Response(null, { status: response.status, headers: response.headers });
  if (trouble?.kind === 'truncated' || trouble?.kind === 'cut') {
    const text = await response.text();
    return new Response(text.slice(0, Math.floor(text.length / 2)), { status: response.status, headers: response.headers });
  }
  return response;
}
