import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { parse } from 'yaml';
import { root } from './tools.ts';

export interface Service {
  readonly image: string;
  readonly build?: string;
  readonly ports?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly network_mode?: string;
}

export const folder = join(root, 'deploy/compose');
export const text = readFileSync(join(folder, 'compose.yml'), 'utf8');

/** The variables that it asks for. */
export const asked = new Set([...text.matchAll(/\$\{(\w+):\?/g)].map(([, name = '']) => name));

/** What `new-env` makes. */
export const newEnv = (): Record<string, string> =>
  parseEnv(execFileSync(join(folder, 'new-env'), { encoding: 'utf8' })) as Record<string, string>;

/** The file with the variables filled in as Compose does it. @throws where one is missing */
export const services = (env: Readonly<Record<string, string>>): Record<string, Service> => {
  const filled = text.replace(/\$\{(\w+):\?[^}]*\}/g, (_, name: string) => {
    if (!env[name]) throw new Error(`${name} is not set`);
    return env[name];
  });
  return (parse(filled) as { services: Record<string, Service> }).services;
};
