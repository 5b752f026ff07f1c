import { defineConfig } from 'vitest/config';

/** What is installed and how: the image, the chart, the Compose file, the bundle. `tests/deploy/install` brings what these need. */
export default defineConfig({
  test: {
    include: ['tests/deploy/**/*.test.ts'],
    globalSetup: ['tests/harness/build.ts'],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 900_000,
  },
});
