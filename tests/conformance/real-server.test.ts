import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { FakeIdp } from '../auth/fake-idp.ts';
import { Program, settings } from '../harness/program.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { conformance, type Revision, revisions } from './suite.ts';
import { type WithToken, withToken } from './with-token.ts';

const baseline = (revision: Revision): string => join(import.meta.dirname, `real-server.${revision}.yml`);

let kestra: Kestra;
let idp: FakeIdp;
const running: Program[] = [];
let open: WithToken;
const urls = { 'where nobody signs in': '', 'with the token of somebody who signed in': '' };

beforeAll(async () => {
  kestra = await startKestra({ version: '2.0.0-SNAPSHOT', edition: 'EE' });
  idp = await new FakeIdp().start();
  const credential = { KESTRA_API_TOKEN: kestra.headers.authorization?.replace('Bearer ', ''), KESTRA_CREDENTIALS: 'shared' };
  const start = async (env: Record<string, string>) => {
    const program = await Program.start({ ...(await settings({ kestra, idp })), ...credential, ...env }, idp);
    running.push(program);
    return program;
  };
  const nobody = await start({ KESTRA_MCP_TRANSPORT: 'http', KESTRA_MCP_AUTH: 'none' });
  urls['where nobody signs in'] = nobody.base;
  const team = await start({});
  open = await withToken(team.base, (await team.client.signIn()).tokens.access_token);
  urls['with the token of somebody who signed in'] = open.url;
});
afterAll(async () => {
  await open?.stop();
  await Promise.all(running.map((program) => program.stop()));
  await idp?.stop();
  await kestra?.close();
});

describe.each(Object.keys(urls) as (keyof typeof urls)[])('the program, %s', (who) => {
  test.each(revisions)('does what %s asks, but for the lines of its baseline', async (revision) => {
    const { exitCode, output } = await conformance([
      'server',
      ...['--url', `${urls[who]}/mcp`],
      ...['--requirements', revision],
      ...['--expected-failures', baseline(revision)],
    ]);
    expect(exitCode, output.slice(output.indexOf('=== SUMMARY'))).toBe(0);
    // The suite puts up with a line for a check that is not there: a mistyped one would stand for ever.
    const failed = [...output.matchAll(/^ {2}~ (\S+)$/gm)].map(([, name]) => name);
    expect(failed.sort()).toEqual([...parse(readFileSync(baseline(revision), 'utf8')).server].sort());
  });
});

test.each(revisions)('every line of the baseline for %s says why', (revision) => {
  const lines = readFileSync(baseline(revision), 'utf8').split('\n');
  for (const line of lines.filter((each) => each.startsWith('  - '))) expect(line).toMatch(/^ {2}- [\w.-]+:[\w.-]+ +# \S.{10,}/);
});
