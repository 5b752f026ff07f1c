import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { readConfig } from '../../src/config.ts';
import { asked, folder, newEnv, services, text } from './compose.ts';
import { installed } from './tools.ts';

const all = services(newEnv());

it("is of the Compose Specification's schema, and a wrong file would be found out", () => {
  // Its names for itself are of an older draft than its words.
  const nameless = (key: string, value: unknown): unknown => (/^(id|\$schema)$/.test(key) && typeof value === 'string' ? undefined : value);
  const schema = JSON.parse(readFileSync(installed('compose/compose-spec.json'), 'utf8'), nameless) as object;
  const validate = new Ajv2019({ strict: false, validateFormats: false }).compile(schema);
  const file = parse(text) as { services: object };
  expect(validate(file), JSON.stringify(validate.errors)).toBe(true);
  expect(validate({ services: { ...file.services, other: { image: 'x', port: [1] } } })).toBe(false);
});

it('asks for what .env.example names, and new-env makes each anew', () => {
  const named = Object.keys(parseEnv(readFileSync(join(folder, '.env.example'), 'utf8')));
  const [one, other] = [newEnv(), newEnv()];
  expect([...asked].sort()).toEqual(named.sort());
  expect(Object.keys(one).sort()).toEqual(named);
  expect(named.filter((name) => !one[name] || one[name].length < 40 || one[name] === other[name])).toEqual([]);
});

it('images are pinned, but the one that is built here', () => {
  const images = Object.values(all).filter(({ build }) => !build);
  expect(images.map(({ image }) => image).filter((image) => !/:v?\d+\.\d+(\.\d+)?$/.test(image))).toEqual([]);
});

it('nothing is reached from elsewhere, and no port is open twice', () => {
  const ports = Object.values(all).flatMap((service) => service.ports ?? []);
  expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  expect(new Set(ports.map((port) => port.split(':')[1])).size).toBe(ports.length);
});

it('each waits for what it needs, and every file that is mounted exists', () => {
  for (const [name, { depends_on = {}, volumes = [], healthcheck, build }] of Object.entries(all)) {
    expect(healthcheck !== undefined || build !== undefined, `${name} is looked at`).toBe(true);
    for (const [other, { condition }] of Object.entries(depends_on)) {
      expect([condition, all[other]?.healthcheck !== undefined], `${name} waits for ${other}`).toEqual(['service_healthy', true]);
    }
    const files = volumes.map((volume) => volume.split(':')[0] ?? '').filter((source) => source.startsWith('.'));
    expect(files.filter((file) => !existsSync(join(folder, file)))).toEqual([]);
  }
});

it('each database that is used is made', () => {
  const made = readFileSync(join(folder, 'postgres/databases.sql'), 'utf8');
  const used = [...JSON.stringify(all).matchAll(/postgres(?:ql)?:\/\/(?:[^\s@/]*@)?postgres:5432\/(\w+)/g)].map(([, name]) => name);
  expect(used.sort()).toEqual(['kestra', 'kestra_mcp', 'keycloak']);
  for (const name of used) expect(made).toContain(`CREATE DATABASE ${name};`);
});

it('kestra-mcp takes its settings', () => {
  const config = readConfig({ KESTRA_MCP_HOST: '0.0.0.0', ...all['kestra-mcp']?.environment });
  expect(config.warnings).toEqual([expect.stringContaining('One Kestra credential serves everybody')]);
});

it("Keycloak's realm sends people back to where kestra-mcp is", () => {
  const { publicUrl } = readConfig({ ...all['kestra-mcp']?.environment }).http;
  const realm = readFileSync(join(folder, 'keycloak/realm.json'), 'utf8');
  const { clients } = JSON.parse(realm) as { clients: { redirectUris: string[]; attributes: Record<string, string> }[] };
  expect(clients[0]?.redirectUris).toEqual([`${publicUrl}/oauth/callback`]);
  expect(clients[0]?.attributes['post.logout.redirect.uris']).toBe(`${publicUrl}/account/signed-out`);
  const variables = [...realm.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => name);
  expect(variables.filter((name) => !all.keycloak?.environment[name])).toEqual([]);
});
