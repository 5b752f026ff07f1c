import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { serializeQuery } from '../../src/kestra/query.ts';
import { startKestra } from '../kestra/server.ts';
import { type Connected, connect } from './connect.ts';
import { type Answering, json, page, serve } from './server.ts';

let server: Answering;
let client: Connected;
beforeEach(async () => {
  server = await serve((response, { target }) => json(response, target.endsWith('/validate') ? [{ index: 0 }] : { ...page, id: 'x1' }));
  client = connect(server.url);
});
afterEach(async () => {
  await client.kestra.close();
  await server.close();
});

const sent = () => server.asked.at(-1) as Answering['asked'][number];
const at = { namespace: 'a.b', id: 'c' };

describe('a source', () => {
  test.each([
    ['as it is', 'id: c\nnamespace: a.b\n'],
    ['CR LF, tabs and blanks at the end', 'id: c\r\nnamespace: a.b\t \r\n\r\n'],
    ['no line end', 'id: c'],
    ['every script', 'description: "Straße 日本語 🙂 \u00a0\u2028 e\u0301"\n'],
    ['a byte order mark', '\ufeffid: c\n'],
    ['what looks like JSON', '{"id": "c"}'],
    ['a megabyte', `# ${'x'.repeat(1_000_000)}\n`],
  ])('arrives byte for byte: %s', async (_, source) => {
    await client.invoke('createFlow', { body: source });
    expect(sent().body.equals(Buffer.from(source, 'utf8'))).toBe(true);
    await client.invoke('updateFlow', { path: at, body: source });
    expect(sent().body.equals(Buffer.from(source, 'utf8'))).toBe(true);
    expect(sent().headers['content-type']).toBe('application/x-yaml');
    expect(sent().headers['content-length']).toBe(String(Buffer.byteLength(source)));
  });
});

/** The parts of a multipart body, by RFC 7578. */
const partsOf = ({ headers, body }: Answering['asked'][number]): { head: string; content: Buffer }[] => {
  const boundary = /^multipart\/form-data; boundary=(\S+)$/.exec(headers['content-type'] ?? '')?.[1];
  if (boundary === undefined) throw new Error(`not a form: ${headers['content-type']}`);
  const text = body.toString('latin1');
  expect(text.endsWith(`--${boundary}--\r\n`)).toBe(true);
  return text
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => {
      const [, head = '', content = ''] = /^\r\n(.*?)\r\n\r\n(.*)\r\n$/s.exec(part) ?? [];
      return { head: Buffer.from(head, 'latin1').toString('utf8'), content: Buffer.from(content, 'latin1') };
    });
};

describe('a form', () => {
  const execute = (body: Record<string, unknown>) => client.invoke('createExecution', { path: at, body });

  test('is sent even if it is empty', async () => {
    await execute({});
    expect(partsOf(sent())).toEqual([]);
    expect(Number(sent().headers['content-length'])).toBe(sent().body.length);
  });

  test.each([
    ['a text', 'plain'],
    ['no text', ''],
    ['LF, CR and CR LF', 'one\ntwo\rthree\r\nfour\n'],
    ['what looks like a boundary', '--form\r\ncontent-disposition: form-data; name="b"\r\n\r\nx\r\n--form--'],
    ['every script', 'Straße 日本語 🙂'],
    ['NUL', 'a\0b'],
  ])('has strings as they are: %s', async (_, text) => {
    await execute({ name: text });
    expect(partsOf(sent())).toEqual([{ head: 'Content-Disposition: form-data; name="name"', content: Buffer.from(text, 'utf8') }]);
  });

  test('has everything else as JSON, in order, and leaves out what is null', async () => {
    await execute({ int: 7, off: false, list: [1, 'a'], map: { k: null }, none: null, left: undefined, last: 'x' });
    expect(partsOf(sent()).map(({ head, content }) => `${head.slice(37)} ${content}`)).toEqual([
      '"int" 7',
      '"off" false',
      '"list" [1,"a"]',
      '"map" {"k":null}',
      '"last" x',
    ]);
  });

  test('has files with their names and bytes', async () => {
    const content = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    await execute({ upload: new File([content], 'naïve "report"\r\n.csv'), plain: new Blob(['x']) });
    expect(partsOf(sent())).toEqual([
      {
        head: 'Content-Disposition: form-data; name="upload"; filename="naïve %22report%22%0D%0A.csv"\r\nContent-Type: application/octet-stream',
        content,
      },
      {
        head: 'Content-Disposition: form-data; name="plain"; filename="plain"\r\nContent-Type: application/octet-stream',
        content: Buffer.from('x'),
      },
    ]);
  });

  test('can not be broken by the name of an input', async () => {
    await execute({ 'a"; filename="x\r\nX-Evil: 1': 'y' });
    expect(partsOf(sent()).map(({ head }) => head)).toEqual(['Content-Disposition: form-data; name="a%22; filename=%22x%0D%0AX-Evil: 1"']);
  });

  test.each(['1.3.25', '2.0.0-SNAPSHOT'] as const)('is what Kestra %s reads: a line feed stays one', async (version) => {
    const kestra = await startKestra({ version });
    const own = connect(kestra.url);
    const flow =
      'id: echo\nnamespace: form\ninputs:\n  - id: text\n    type: STRING\ntasks:\n  - id: log\n    type: io.kestra.plugin.core.log.Log\n    message: hi\n';
    await own.invoke('createFlow', { body: flow });
    const { id: executionId } = await own.invoke('createExecution', { path: { namespace: 'form', id: 'echo' }, body: { text: 'a\nb' } });
    expect((await own.invoke('getExecution', { path: { executionId } })).inputs).toEqual({ text: 'a\nb' });
    expect(kestra.offences).toEqual([]);
    await own.kestra.close();
    await kestra.close();
  });
});

describe('what else goes along', () => {
  test.each([
    ['searchFlows', 'application/json', () => client.invoke('searchFlows', {})],
    [
      'followExecution',
      'text/event-stream',
      () => client.invoke('followExecution', { path: { executionId: 'x1' } }).catch(() => undefined),
    ],
    // Kestra's kill answers text/json alone and refuses an Accept of application/json with 406.
    ['killExecution', '*/*', () => client.invoke('killExecution', { path: { executionId: 'x1' } })],
  ])('%s accepts %s', async (_, accept, call) => {
    await call();
    expect(sent().headers.accept).toBe(accept);
  });

  test('no body and no content type where there is none to send', async () => {
    await client.invoke('searchFlows', {});
    await client.invoke('killExecution', { path: { executionId: 'x1' } });
    for (const { headers, body } of server.asked) expect([headers['content-type'], body.length]).toEqual([undefined, 0]);
  });

  test.each([
    ['/', '/api/v1/main/flows/search'],
    ['/kestra', '/kestra/api/v1/main/flows/search'],
  ])('the base path %s of the address', async (base, target) => {
    const behind = await serve((response, { target: asked }) => json(response, asked.endsWith('/configs') ? { version: '2.0.0' } : page));
    const own = connect(`${behind.url}${base === '/' ? '' : base}`);
    await own.invoke('searchFlows', {});
    expect(behind.asked.at(-1)?.target).toBe(target);
    await own.kestra.close();
    await behind.close();
  });

  test('the tenant', async () => {
    const own = connect(server.url, { tenant: 'team-1' });
    await own.invoke('getFlow', { path: at });
    expect(sent().target).toBe('/api/v1/team-1/flows/a.b/c');
    await own.kestra.close();
  });
});

describe('a query', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['numbers and flags', { page: 1, size: 0, source: true, off: false }, 'page=1&size=0&source=true&off=false'],
    ['what is left out', { page: undefined, size: 2 }, 'size=2'],
    ['null', { q: null }, 'q='],
    ['a list, repeated', { sort: ['a:asc', 'b:desc'] }, 'sort=a:asc&sort=b:desc'],
    ['an empty list', { sort: [] }, ''],
    ['a filter', { filters: { namespace: { EQUALS: 'a.b' } } }, 'filters[namespace][EQUALS]=a.b'],
    ['a filter with a list', { filters: { state: { IN: ['FAILED', 'KILLED'] } } }, 'filters[state][IN]=FAILED,KILLED'],
    [
      'labels, nested',
      { filters: { labels: { EQUALS: { env: 'prod', 'system.correlationId': 'u1' } } } },
      'filters[labels][EQUALS][env]=prod&filters[labels][EQUALS][system.correlationId]=u1',
    ],
    ['two filters on one field', { filters: { n: { EQUALS: 'a', REGEX: '^a' } } }, 'filters[n][EQUALS]=a&filters[n][REGEX]=^a'],
    ['an empty filter', { filters: {} }, ''],
    ['what means something in a URL', { q: 'a&b=c#d?e/f+g %h"é🙂\r\n\0' }, 'q=a&b=c#d?e/f+g %h"é🙂\r\n\0'],
    ['a key that does', { filters: { labels: { EQUALS: { 'a]&x[=': '1' } } } }, 'filters[labels][EQUALS][a]&x[=]=1'],
  ])('%s', (_, query, decoded) => {
    const pairs = [...new URLSearchParams(serializeQuery(query))].map(([key, value]) => `${key}=${value}`);
    expect(pairs.join('&')).toBe(decoded);
    expect(serializeQuery(query)).toMatch(/^[A-Za-z0-9*._%=&+-]*$/);
  });

  test('reaches the wire as it was made', async () => {
    await client.invoke('searchExecutions', {
      query: { page: 2, sort: ['state.startDate:desc'], filters: { labels: { EQUALS: { 'a/b': 'c d' } } } },
    });
    expect(sent().target).toBe(
      '/api/v1/main/executions/search?page=2&sort=state.startDate%3Adesc&filters%5Blabels%5D%5BEQUALS%5D%5Ba%2Fb%5D=c+d',
    );
  });
});
