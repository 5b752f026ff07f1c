import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';

const declared = z.looseObject({}).transform(() => ({}));
const said = z.object({
  capabilities: z.object({
    elicitation: z.object({ form: declared.optional(), url: declared.optional() }).optional(),
    sampling: declared.optional(),
    roots: declared.optional(),
  }),
  clientInfo: z.object({ name: z.string().transform((name) => name.slice(0, 100)), version: z.string().transform((v) => v.slice(0, 50)) }),
});

/** What a client of 2025-11-25 and before says of itself in `initialize`, as far as this server may want to ask it something. */
export type Handshake = z.output<typeof said>;

export interface Handshakes {
  /** The Mcp-Session-Id of the session that these `params` of initialize begin; undefined for a client that can't be asked anything. */
  begin(params: unknown, principalKey: string): string | undefined;
  /** What the client of a session said. Undefined without one, and for an id of another caller, of other keys or of no server: it means nothing. */
  of(sessionId: string | undefined, principalKey: string): Handshake | undefined;
}

/**
 * Sessions of which nothing is kept: their id is what the client said, signed and bound to the caller, so any replica knows it, and after a
 * restart too. It authenticates nobody.
 * @param keys the first signs, all verify; without any no session begins
 */
export const handshakes = (keys: readonly Uint8Array[]): Handshakes => {
  const [first] = keys;
  const sign = (key: Uint8Array, body: string, principalKey: string): Buffer =>
    createHmac('sha256', key).update(`${body}\0${principalKey}`).digest();
  return {
    begin: (params, principalKey) => {
      const { data } = said.safeParse(params);
      const { elicitation, sampling, roots } = data?.capabilities ?? {};
      if (!first || !(elicitation || sampling || roots)) return undefined;
      const body = Buffer.from(JSON.stringify({ ...data, nonce: randomBytes(16).toString('base64url') })).toString('base64url');
      return `${body}.${sign(first, body, principalKey).toString('base64url')}`;
    },
    of: (sessionId, principalKey) => {
      if (sessionId === undefined) return undefined;
      const [body = '', signature = ''] = sessionId.split('.');
      const given = Buffer.from(signature, 'base64url');
      const genuine = (key: Uint8Array): boolean => {
        const expected = sign(key, body, principalKey);
        return given.length === expected.length && timingSafeEqual(given, expected);
      };
      if (!keys.some(genuine)) return undefined;
      return said.parse(JSON.parse(Buffer.from(body, 'base64url').toString()));
    },
  };
};
