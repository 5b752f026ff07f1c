import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Rolldown } from 'tsdown';

/** The folder of the installed package that a bundled module is of. */
const packageOf = (moduleId: string): string | undefined => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(moduleId)?.[0];

const licenseOf = (folder: string): { name: string; text: string } => {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, string>;
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file));
  const texts = files.sort().map((file) => readFileSync(join(folder, file), 'utf8').trim());
  return { name: `${name} ${version} (${license})`, text: texts.join('\n\n') };
};

/** Their licenses ask that the text goes with the code: THIRD-PARTY-LICENSES.txt beside the bundle, each text once. */
export const thirdPartyLicenses = (): Rolldown.Plugin => ({
  name: 'third-party-licenses',
  generateBundle(_, bundle) {
    const modules = Object.values(bundle).flatMap((output) => (output.type === 'chunk' ? output.moduleIds : []));
    const folders = new Set(modules.map(packageOf).filter((folder) => folder !== undefined && existsSync(join(folder, 'package.json'))));
    const names = new Map<string, Set<string>>();
    for (const folder of [...folders].sort()) {
      const { name, text } = licenseOf(folder as string);
      names.set(text, new Set(names.get(text)).add(name));
    }
    const source = [...names].map(([text, whose]) => `${[...whose].join('\n')}\n\n${text}\n`).join(`\n${'-'.repeat(80)}\n\n`);
    this.emitFile({ type: 'asset', fileName: 'THIRD-PARTY-LICENSES.txt', source });
  },
});
