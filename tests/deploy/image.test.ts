import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateKey } from '../../src/store/seal.ts';
import { FakeIdp, fakeClient } from '../auth/fake-idp.ts';
import { freePort } from '../harness/free-port.ts';
import { type Kestra, startKestra } from '../kestra/server.ts';
import { Image } from './image.ts';
import { installed, root } from './tools.ts';

it('hadolint finds nothing', () => {
  expect(execFileSync(installed('hadolint/bin/hadolint'), [join(root, 'Dockerfile')], { encoding: 'utf8' })).toBe('');
});

describe('the image, its steps done in layers above this machine', () => {
  let image: Image;
  let kestra: Kestra;
  let idp: FakeIdp;
  let env: Record<string, string>;
  beforeAll(async () => {
    image = new Image();
    [kestra, idp] = await Promise.all([startKestra({ version: '2.0.0-SNAPSHOT' }), new FakeIdp().start()]);
    env = {
      KESTRA_API_URL: kestra.url,
      KESTRA_MCP_PORT: String(await freePort()),
      KESTRA_MCP_PUBLIC_URL: 'https://kestra-mcp.example.com',
      ENCRYPTION_KEY: generateKey(),
      OIDC_ISSUER_URL: idp.url,
      OIDC_CLIENT_ID: fakeClient.id,
      OIDC_CLIENT_SECRET: fakeClient.secret,
    };
  });
  afterAll(async () => {
    await Promise.all([kestra?.close(), idp?.stop()]);
    image?.remove();
  });

  it('holds the program and what it needs to run, no source and no tool of development', () => {
    const app = join(image.layer, 'app');
    expect(readdirSync(app).sort()).toEqual(['LICENSE', 'dist', 'node_modules', 'package.json']);
    expect(readdirSync(join(app, 'node_modules'))).not.toContain('typescript');
    const files = readdirSync(app, { recursive: true, encoding: 'utf8' }).map((file) => statSync(join(app, file)));
    expect(files.reduce((bytes, file) => bytes + (file.isFile() ? file.size : 0), 0)).toBeLessThan(12_000_000);
  });

  it('serves as no root on a root that is read-only, says that it is healthy, lets an administrator in, and stops at SIGTERM', async () => {
    const server = image.run([], env);
    let log = '';
    server.stderr?.on('data', (chunk: Buffer) => {
      log += chunk.toString();
    });
    const ended = new Promise<number | null>((resolve) => server.once('close', resolve));
    const url = `http://127.0.0.1:${env.KESTRA_MCP_PORT}`;
    const ready = () =>
      fetch(`${url}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      );
    while (!(await ready())) {
      if (server.exitCode !== null) throw new Error(log);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(await image.healthcheck(env)).toBe(0);
    expect(await image.exec(['kestra-mcp', 'list-users'], env)).toBe(0);
    expect(await image.exec(['touch', '/var/tmp/here'], env)).not.toBe(0);
    expect(await image.exec(['touch', '/data/here'], env)).toBe(0);
    server.kill('SIGTERM');
    expect(await ended, log).toBe(0);
    expect(await image.healthcheck(env)).toBe(1);
  });
});
