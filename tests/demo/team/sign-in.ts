import { createHash, randomBytes } from 'node:crypto';
import { Jar } from '../../auth/jar.ts';

const redirectUri = 'http://127.0.0.1:49152/callback';

/**
 * A whole sign-in as an MCP client and a browser do it: registration, consent, the identity provider, the code, the token.
 * @returns the access token
 */
export const signIn = async (base: string, account: string): Promise<string> => {
  const { client_id } = await json(
    await fetch(`${base}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ client_name: 'The demo', redirect_uris: [redirectUri], grant_types: ['authorization_code', 'refresh_token'] }),
    }),
  );
  const verifier = randomBytes(32).toString('base64url');
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: String(client_id),
    redirect_uri: redirectUri,
    state: 'demo',
    resource: `${base}/mcp`,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  const jar = new Jar();
  const consent = await (await jar.fetch(`${base}/authorize?${query}`)).text();
  const hidden = [...consent.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g)].map(([, name = '', value = '']) => [
    name,
    value,
  ]);
  let response = await jar.fetch(`${base}/authorize`, {
    method: 'POST',
    headers: { Origin: base, 'Sec-Fetch-Site': 'same-origin' },
    body: new URLSearchParams({ ...Object.fromEntries(hidden), write: 'yes', decision: 'approve' }),
  });
  let url = base;
  for (let step = 0; step < 12; step++) {
    const location = response.headers.get('location');
    if (!location) throw new Error(`the sign-in stopped at ${new URL(url).pathname} (${response.status})`);
    url = new URL(location, url).href;
    if (url.startsWith(redirectUri)) break;
    response = await jar.fetch(/\/pick\/[^?]+$/.test(url) ? `${url}?account=${account}` : url);
  }
  const code = new URL(url).searchParams.get('code') ?? '';
  const tokens = await json(
    await fetch(`${base}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        client_id: String(client_id),
        code,
        redirect_uri: redirectUri,
        code_verifier: verifier,
      }),
    }),
  );
  return String(tokens.access_token);
};

const json = async (response: Response): Promise<Record<string, unknown>> => {
  const body = (await response.json()) as Record<string, unknown>;
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${JSON.stringify(body)}`);
  return body;
};
