import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { freePort } from '../../harness/free-port.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The Keycloak of this run: the first test that asks for it starts it. */
    keycloak: { port: number; folder: string };
  }
}

/** Keeps a place for one Keycloak, and stops what was started there. */
export const setup = async (project: TestProject): Promise<() => Promise<void>> => {
  const folder = await mkdtemp(join(tmpdir(), 'kestra-mcp-keycloak-'));
  project.provide('keycloak', { port: await freePort(), folder });
  return async () => {
    execFileSync(join(import.meta.dirname, 'stop-keycloak.sh'), [join(folder, 'keycloak.pid')]);
    await rm(folder, { recursive: true, force: true });
  };
};
