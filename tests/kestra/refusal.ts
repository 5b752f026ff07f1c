/** An answer that refuses: Kestra's status and its words. */
export class Refusal extends Error {
  readonly status: number;
  readonly errors: readonly { path: string; message: string }[];

  constructor(status: number, message: string, errors: readonly { path: string; message: string }[] = []) {
    super(message);
    this.status = status;
    this.errors = errors;
  }
}

/** Nothing is there. */
export function notFound(what?: string): Refusal {
  return new Refusal(404, what === undefined ? 'Not Found' : `Not Found: ${what}`);
}

/** What was asked for is understood and wrong. */
export function illegalArgument(message: string): Refusal {
  return new Refusal(422, `Illegal argument: ${message}`);
}

/** It is not in the state for that. */
export function illegalState(message: string): Refusal {
  return new Refusal(409, `Illegal state: ${message}`);
}

/** A refusal as the body that Kestra sends. */
export function refusalJson(refusal: Refusal, href: string): object {
  return {
    message: refusal.message,
    logref: null,
    path: null,
    _links: {
      self: { href, templated: false, profile: null, deprecation: null, title: null, hreflang: null, type: null, name: null },
    },
    _embedded:
      refusal.errors.length === 0
        ? {}
        : { errors: refusal.errors.map(({ path, message }) => ({ message, logref: null, path, _links: {}, _embedded: {} })) },
  };
}
