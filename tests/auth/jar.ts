/** One browser: its cookies, kept by origin as far as these tests need it. */
export class Jar {
  readonly #cookies = new Map<string, Map<string, string>>();
  /** What a browser adds to its requests by itself. */
  readonly headers: Record<string, string> = {};

  cookies(url: string): Map<string, string> {
    const { origin } = new URL(url);
    const held = this.#cookies.get(origin) ?? new Map<string, string>();
    this.#cookies.set(origin, held);
    return held;
  }

  /** Sends a request as this browser does, and follows nothing. */
  async fetch(url: string, init: RequestInit = {}): Promise<Response> {
    const held = this.cookies(url);
    const headers = new Headers({ ...this.headers, ...Object.fromEntries(new Headers(init.headers)) });
    if (held.size > 0) headers.set('Cookie', [...held].map(([name, value]) => `${name}=${value}`).join('; '));
    const response = await fetch(url, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/; *Max-Age=0/i.test(line)) held.delete(name);
      else held.set(name, value);
    }
    return response;
  }
}
