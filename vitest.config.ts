import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    exclude: [...configDefaults.exclude, 'tests/e2e/**', 'tests/deploy/**', 'tests/conformance/**'],
    globalSetup: ['tests/harness/build.ts'],
    // Tests share nothing but what they import: the program and Kestra are other processes and ports. Loading the modules once saves a third.
    isolate: false,
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
