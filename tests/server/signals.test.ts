import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { call, type TestServer } from './harness.ts';

const token = 'user1:kestra.read';

const start = async (): Promise<{ child: ChildProcess; server: TestServer }> => {
  const program = fileURLToPath(new URL('stoppable.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, server: { url: `http://127.0.0.1:${Number(line)}` } as TestServer };
};
const settle = () => new Promise((resolve) => setTimeout(resolve, 300));

test('P07 SIGTERM: the call that waits answers, exit code 0', async () => {
  const { child, server } = await start();
  const answer = await call(server, token, 'wait', { ms: 60_000 });
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await answer.text()).toContain('stopping');
  expect(await exited).toEqual([0, null]);
});

test('P07 a second signal does not wait for what still runs', async () => {
  const { child, server } = await start();
  const cut = expect(call(server, token, 'whoami', { ms: 60_000 })).rejects.toThrow();
  await settle();
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await settle();
  expect(child.exitCode).toBeNull();
  child.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
  await cut;
});
