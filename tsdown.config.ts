import { defineConfig } from 'tsdown';
import { thirdPartyLicenses } from './third-party-licenses.ts';

export default defineConfig({
  entry: { main: 'src/main.ts' },
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  // Half as much to read at the start; names stay, for the stack traces in the log.
  minify: { compress: { keepNames: { function: true, class: true } }, mangle: { keepNames: true } },
  sourcemap: true,
  dts: false,
  banner: '#!/usr/bin/env node',
  // OpenTelemetry's packages as modules: of these only what is used is kept, and as CommonJS they do not survive being joined.
  inputOptions: { resolve: { mainFields: ['module', 'main'] } },
  plugins: [thirdPartyLicenses()],
  deps: { alwaysBundle: [/.*/], neverBundle: ['better-sqlite3', 'pg-native'] },
});
