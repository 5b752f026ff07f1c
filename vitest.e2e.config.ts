import { defineConfig } from 'vitest/config';

/** With a real identity provider, browser and MCP clients: `tests/e2e/install` brings what these need. One file at a time, for the machine's sake. */
export default defineConfig({
  test: {
    include: ['tests/e2e/**/*.test.ts'],
    globalSetup: ['tests/harness/build.ts', 'tests/e2e/keycloak/setup.ts'],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 300_000,
  },
});
