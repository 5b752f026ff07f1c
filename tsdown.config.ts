import { defineConfig } from 'tsdown';

export default defineConfig({
  entry: { main: 'src/main.ts' },
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  sourcemap: true,
  dts: false,
  banner: '#!/usr/bin/env node',
  deps: { alwaysBundle: [/.*/], neverBundle: ['better-sqlite3', 'pg-native'] },
});
