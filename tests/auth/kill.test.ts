import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'tsdown';
import { describe, expect, it } from 'vitest';
import { generateKey } from '../../src/store/seal.ts';
import { freePort } from '../harness/free-port.ts';
import { FakeIdp } from './fake-idp.ts';
import { Harness, type Tokens } from './harness.ts';

const rounds = Number(process.env.KILL_ROUNDS ?? 10);

const root = fileURLToPath(new URL('../..', import.meta.url));
const bundled = join(root, 'node_modules/.cache/kestra-mcp-served');

/** One file starts five times as fast as a thousand. */
const bundle = () =>
  build({
    cwd: root,
    entry: ['tests/auth/served.ts'],
    outDir: bundled,
    format: 'esm',
    platform: 'node',
    noExternal: [/^(?!better-sqlite3)/],
    dts: false,
    config: false,
    logLevel: 'silent',
  });

/** A program that is loaded and waits to be told to serve. */
const load = async (): Promise<ChildProcess> => {
  const child = spawn(process.execPath, [join(bundled, 'served.mjs')], { stdio: ['pipe', 'pipe', 'inherit'] });
  await said(child, 'loaded');
  return child;
};

const said = async (child: ChildProcess, word: string): Promise<void> => {
  for await (const [chunk] of on(child)) if (String(chunk).includes(word)) return;
};

async function* on(child: ChildProcess): AsyncGenerator<unknown[]> {
  while (child.exitCode === null && child.stdout) yield await once(child.stdout, 'data');
}

describe('P02 kill -9 at any instant during a refresh storm', () => {
  it(`loses no acknowledged token, ${rounds} times`, { timeout: 60_000 + rounds * 10_000 }, async () => {
    await bundle();
    const idp = await new FakeIdp().start();
    const what = {
      idpUrl: idp.url,
      file: join(mkdtempSync(join(tmpdir(), 'kestra-mcp-')), 'store.db'),
      key: generateKey(),
      port: await freePort(),
    };
    const serve = async (child: ChildProcess): Promise<ChildProcess> => {
      child.stdin?.write(`${JSON.stringify(what)}\n`);
      await said(child, 'ready');
      return child;
    };
    const h = Harness.remote(`http://127.0.0.1:${what.port}`, idp);
    let running = await serve(await load());
    const clientId = await h.reg();
    const sessions: { tokens: Tokens }[] = [];
    for (let i = 0; i < 6; i++) sessions.push({ tokens: (await h.signIn({ clientId })).tokens });

    // A kill may come before the first refresh of a round, but there must have been storms.
    let refreshes = 0;
    for (let round = 0; round < rounds; round++) {
      const next = await load();
      const storm = sessions.map(async (session) => {
        for (;;) {
          const answer = await h.refresh(clientId, session.tokens.refresh_token).catch(() => undefined);
          const body = answer && (await answer.json().catch(() => undefined));
          if (!answer || !body) return;
          expect(answer.status, JSON.stringify(body)).toBe(200);
          session.tokens = body as Tokens;
          refreshes += 1;
        }
      });
      await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 200));
      running.kill('SIGKILL');
      await Promise.all(storm);
      running = await serve(next);
      for (const session of sessions) {
        const answer = await h.refresh(clientId, session.tokens.refresh_token);
        expect(answer.status, await answer.clone().text()).toBe(200);
        session.tokens = (await answer.json()) as Tokens;
        expect((await h.mcp(session.tokens.access_token)).status).toBe(200);
      }
    }
    expect(refreshes).toBeGreaterThan(rounds);
    running.kill('SIGKILL');
    await idp.stop();
  });
});
