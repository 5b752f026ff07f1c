import { afterAll, beforeAll, expect, test } from 'vitest';
import { FakeIdp } from '../auth/fake-idp.ts';
import { Jar } from '../auth/jar.ts';
import { freePort } from '../harness/free-port.ts';
import { Program, settings } from '../harness/program.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { conformance, failures } from './suite.ts';

let kestra: Kestra;
let idp: FakeIdp;
let program: Program;

beforeAll(async () => {
  kestra = await startKestra({ version: '2.0.0-SNAPSHOT', edition: 'EE' });
  idp = await new FakeIdp().start();
  program = await Program.start(await settings({ kestra, idp }), idp);
});
afterAll(async () => {
  await program?.stop();
  await idp?.stop();
  await kestra?.close();
});

/** Somebody with a browser: opens what the suite prints, consents, signs in at the provider, and goes back to where the client waits. */
const signInAt = async (url: string): Promise<void> => {
  const { client } = program;
  const jar = new Jar();
  const answer = await client.login(jar, 'eve', await client.approve(jar, await client.consentAt(jar, url)));
  await fetch(answer.headers.get('Location') ?? '');
};

/** Tells the client that nobody comes: it would wait for five minutes. */
const letGo = async (port: number, error: unknown): Promise<void> => {
  await fetch(`http://127.0.0.1:${port}/callback?${new URLSearchParams({ error: 'no_sign_in', error_description: String(error) })}`);
};

test('R92 the authorization server signs somebody in as the suite asks', async () => {
  const port = await freePort();
  const clientId = await program.client.reg({ redirect_uris: [`http://127.0.0.1:${port}/callback`] });
  let person: Promise<void> | undefined;
  let said = '';
  const { exitCode, output, checks } = await conformance(
    [
      'authorization',
      ...['--url', program.base],
      ...['--client-id', clientId],
      ...['--resource', `${program.base}/mcp`],
      ...['-p', String(port)],
    ],
    (text) => {
      said += text;
      const [url] = /http:\S+\/authorize\?\S+(?=\s)/.exec(said) ?? [];
      if (url) person ??= signInAt(url).catch((error: unknown) => letGo(port, error));
    },
  );
  await person;
  expect(failures(checks), output).toEqual({});
  expect(exitCode, output).toBe(0);
  expect(checks.filter(({ status }) => status === 'SUCCESS').map(({ id }) => id)).toEqual([
    'authorization-code-grant',
    'authorization-server-metadata',
    'authorization-server-metadata-cimd',
  ]);
});
