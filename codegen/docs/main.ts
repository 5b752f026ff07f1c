import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { permissionsPage } from './permissions.ts';
import { toolsPage } from './tools.ts';

/** The pages of docs/ that are made from the code. */
const pages: Readonly<Record<string, () => string>> = { 'permissions.md': permissionsPage, 'tools.md': toolsPage };

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
for (const [name, made] of Object.entries(pages)) {
  const path = fileURLToPath(new URL(`../../docs/${name}`, import.meta.url));
  const page = made();
  if (existsSync(path) && readFileSync(path, 'utf8') === page) continue;
  if (values.check) {
    process.stderr.write(`docs/${name} is out of date: run \`npm run docs\`\n`);
    process.exitCode = 1;
  } else writeFileSync(path, page);
}
