import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signedInPage } from '../../src/auth/pages/signed-in.ts';
import { Harness, pkce } from './harness.ts';
import { Jar } from './jar.ts';

let h: Harness;
beforeAll(async () => {
  h = await Harness.start({
    env: { KESTRA_MCP_TRUST_PROXY: '1' },
    clients: [{ client_id: 'backend', client_name: 'Backend', redirect_uris: ['https://b.example/cb'] }],
  });
});
afterAll(() => h.stop());

let address = 0;
const consent = async (metadata: Record<string, unknown>, parameters: Record<string, string> = {}) => {
  const answer = await fetch(`${h.base}/register`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Forwarded-For': `198.18.0.${address++}` },
    body: JSON.stringify({ redirect_uris: ['https://evil.example/cb'], ...metadata }),
  });
  const { client_id } = (await answer.json()) as { client_id: string };
  return page({
    client_id,
    redirect_uri: (metadata.redirect_uris as string[] | undefined)?.[0] ?? 'https://evil.example/cb',
    ...parameters,
  });
};
const page = async (parameters: Record<string, string>) => {
  const response = await new Jar().fetch(h.authorizeUrl({ code_challenge: pkce().challenge, ...parameters }));
  expect(response.status).toBe(200);
  return response.text();
};
/** What a reader sees, roughly: no markup, entities resolved. */
const seen = (html: string): string =>
  html
    .replace(/<style>[\s\S]*<\/style>/, '')
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
    .replace(/\s+/g, ' ');

describe('A01, A26, R32: the consent page', () => {
  test('A01 names the host that the answer goes to, larger than the name, and the provider has heard nothing', async () => {
    const before = h.idp.requests.length;
    const html = await consent({ client_name: 'Claude' });
    expect(html).toContain('<strong>evil.example</strong>');
    expect(html).toContain('https://evil.example/cb');
    const size = (selector: string) => Number(new RegExp(`\\n${selector} \\{[^}]*font-size: ([\\d.]+)rem`).exec(html)?.[1]);
    expect(size('\\.goes strong')).toBeGreaterThan(size('h1'));
    expect(h.idp.requests.length).toBe(before);
  });

  test('says that nobody has verified the name; that of the administrator is his', async () => {
    expect(seen(await consent({ client_name: 'Claude' }))).toMatch(/Claude unverified .*chose this name itself\. Nobody has verified it/);
    const own = seen(await page({ client_id: 'backend', redirect_uri: 'https://b.example/cb' }));
    expect(own).toContain('Backend set up by your administrator');
    expect(own).not.toContain('unverified');
  });

  test.each([
    ['<img src=x onerror=alert(1)>', '<img src=x onerror=alert(1)>'],
    ['"><script>alert(1)</script>', '"><script>alert(1)</script>'],
    ["' onmouseover='x", "' onmouseover='x"],
    ['{{7*7}} $\u007b7*7}', '{{7*7}} $\u007b7*7}'],
    ['a&amp;lt;b', 'a&amp;lt;b'],
    ['\u202Egnp.exe', 'gnp.exe'],
    ['Cl\u200Baude\u2066\u00AD\uFEFF', 'Claude'],
    ['Claude\u0000\r\n\tby\u2028us', 'Claude by us'],
    ['C\u0301\u0302\u0303\u0304\u0305laude', 'C\u0301\u0302laude'],
    ['x'.repeat(200), `${'x'.repeat(59)}…`],
  ])('the name %j is shown as %j', async (client_name, shown) => {
    const html = await consent({ client_name });
    expect(seen(html)).toContain(` ${shown} unverified would like`);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(html).not.toMatch(/[\u0000-\u0008\u000e-\u001f\u202a-\u202e\u2066-\u2069\u200b-\u200f\ufeff]/);
    expect(html).not.toMatch(/<(?:script|img|iframe|object|link(?! rel="icon")|a) /i);
    expect(html).toContain('<strong>evil.example</strong>');
  });

  test('a name of nothing that can be seen is no name', async () => {
    expect(seen(await consent({ client_name: '\u200B\u202E \u3164' }))).toContain('An application without a name');
    expect(seen(await consent({}))).toContain('An application without a name');
  });

  test('Claude with a Cyrillic letter: it says that alphabets are mixed', async () => {
    expect(seen(await consent({ client_name: 'Сlaude' }))).toContain('it mixes alphabets whose letters look alike');
    expect(seen(await consent({ client_name: 'Яндекс' }))).not.toContain('alphabets');
  });

  test('R32 loopback: warned of, with host and port', async () => {
    const text = seen(await consent({ redirect_uris: ['http://localhost:3000/cb'] }));
    expect(text).toContain('This computer localhost:3000');
    expect(text).toContain('A program on this computer is asking.');
  });

  test('a private-use scheme: warned of', async () => {
    const text = seen(await consent({ redirect_uris: ['cursor://anysphere.cursor-mcp/oauth/callback'] }));
    expect(text).toContain('An app that opens cursor:// links');
    expect(text).toContain('Any app can claim links');
  });

  test('scopes in words, with what each includes, and write can be unticked', async () => {
    const all = await consent({}, { scope: 'kestra.write' });
    expect(seen(all)).toMatch(/See flows.*Run start flows.*Change and delete/);
    expect(all).toContain('<input type="checkbox" name="write" value="yes" id="write" checked>');
    const read = seen(await consent({}, { scope: 'kestra.read' }));
    expect(read).toContain('See flows');
    expect(read).not.toMatch(/Run start|Change and delete/);
  });

  test('the parameters of the request are nowhere in the page as they came', async () => {
    const html = await consent({}, { state: '"><script>alert(1)</script>', nonce: '<b>' });
    expect(html).not.toContain('<script');
  });

  test('works without a script, has labels, landmarks, a language and one main heading', async () => {
    const html = await consent({});
    for (const part of ['<html lang="en"', '<main>', '<header>', '<label for="write">', 'name="viewport"', '<title>'])
      expect(html).toContain(part);
    expect(html.match(/<h1>/g)?.length).toBe(1);
    expect(html).not.toMatch(/<script|javascript:|\son\w+=|style="/);
  });
});

describe('A26, A51: headers of every page', () => {
  test.each([
    ['consent', async () => h.authorizeUrl({ client_id: await h.reg(), code_challenge: pkce().challenge })],
    ['an error at /authorize', async () => `${h.base}/authorize?client_id=%22%3E%3Cscript%3E`],
    ['an error at the callback', async () => `${h.base}/oauth/callback?error=%3Cscript%3E&state=x`],
    ['nothing here', async () => `${h.base}/nothing`],
    ['home', async () => `${h.base}/`],
  ])('%s', async (_, url) => {
    const answer = await fetch(await url(), { headers: { Accept: 'text/html' } });
    const html = await answer.text();
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const policy = answer.headers.get('content-security-policy') ?? '';
    const style = /<style>([\s\S]*)<\/style>/.exec(html)?.[1] ?? '';
    expect(policy).toContain(`style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("base-uri 'none'");
    expect(policy).not.toMatch(/unsafe|form-action|\*|https?:/);
    expect(answer.headers.get('x-frame-options')).toBe('DENY');
    expect(answer.headers.get('referrer-policy')).toBe('same-origin');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('cross-origin-opener-policy')).toBeNull();
    expect(html).not.toMatch(/<script/);
  });
});

test('the page that says it worked escapes what it was given', () => {
  const html = signedInPage({ person: '<b>Eve</b>', clientName: '"><img>', continueTo: 'https://c.example/cb?code=1&state="><script>' });
  expect(seen(html)).toContain('You are signed in as <b>Eve</b>');
  expect(html).toContain('href="https://c.example/cb?code=1&amp;state=&quot;&gt;&lt;script&gt;"');
  expect(html).not.toMatch(/<script|<img|<b>Eve/);
});
