import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServer, type TestServer } from '../server/harness.ts';
import { fixtureServer } from './fixtures/server.ts';
import { conformance, failures, revisions } from './suite.ts';
import { type WithToken, withToken } from './with-token.ts';

let server: TestServer;
let open: WithToken;

beforeAll(async () => {
  server = await startServer({ createServer: fixtureServer });
  open = await withToken(server.url, 'user1:kestra.write');
});
afterAll(async () => {
  await open.stop();
  await server.stop();
});

/** What this server does not offer, in either revision, and need not: tasks are an extension; nothing resumes a stream that broke off. */
const optional = /^(tasks-|server-sse-polling:)/;

test.each(revisions)('the HTTP stack does all that %s asks, with what the suite wants to find behind it', async (revision) => {
  const { exitCode, output, checks } = await conformance(['server', '--url', `${open.url}/mcp`, '--requirements', revision]);
  const wrong = Object.entries(failures(checks)).filter(([name]) => !optional.test(name));
  expect(Object.fromEntries(wrong)).toEqual({});
  expect(exitCode, output).toBe(0);
  expect(checks.filter(({ status }) => status === 'SUCCESS').length).toBeGreaterThan(60);
});
