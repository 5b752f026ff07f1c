import { defineConfig } from 'vitest/config';

/** The official conformance suite against this server: `tests/conformance/install` brings it. */
export default defineConfig({
  test: {
    include: ['tests/conformance/**/*.test.ts'],
    globalSetup: ['tests/harness/build.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
