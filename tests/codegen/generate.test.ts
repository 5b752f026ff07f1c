import { describe, expect, it } from 'vitest';
import { editionOf, parseDocument } from '../../codegen/document.ts';
import { generate } from '../../codegen/generate.ts';
import type { Schema } from '../../codegen/openapi.ts';
import type { Patches } from '../../codegen/patch.ts';
import { patches as listed } from '../../codegen/patches.ts';
import { refreshAll } from '../../codegen/refresh.ts';
import { unite } from '../../codegen/unite.ts';
import { documentText, noPatches, type Served } from './kestra.ts';

const flow = 'get /api/v1/{tenant}/flows/{id}';
const kill = 'delete /api/v1/{tenant}/executions/{id}/actions/kill';
const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

function read(version: string, line: string, routes: Record<string, Served>, schemas: Record<string, Schema> = {}) {
  const raw = parseDocument(documentText(version, routes, schemas));
  return { raw, line, edition: editionOf(raw) };
}
const isEe: Record<string, Served> = { 'get /api/v1/{tenant}/apps/{uid}': {} };

describe('what is generated', () => {
  it('is the same bytes from the same contracts', async () => {
    const contracts = refreshAll(
      [],
      [read('2.0.0', '2.0', { [flow]: { id: 'getFlow' }, [kill]: { id: 'kill' } })],
      ['getFlow', 'kill'],
      noPatches,
    );
    const [once, twice] = [
      await generate(contracts, ['getFlow', 'kill'], noPatches),
      await generate(contracts, ['getFlow', 'kill'], noPatches),
    ];
    expect(twice).toEqual(once);
  });

  it('has a line for every contract, of lines unseen before too', async () => {
    const contracts = refreshAll(
      [],
      [read('2.0.0', '2.0', { [flow]: { id: 'getFlow' } }), read('3.0.0', '3.0', { [flow]: {} })],
      ['getFlow'],
      noPatches,
    );
    const { sources, contracts: files } = await generate(contracts, ['getFlow'], noPatches);
    expect([...sources.keys()]).toEqual(['schema-2.0.d.ts', 'schema-3.0.d.ts', 'routes.ts']);
    expect([...files.keys()]).toEqual(['kestra-2.0.json', 'kestra-3.0.json']);
    expect(sources.get('routes.ts')).toContain("export const lines = ['2.0', '3.0'] as const;");
  });

  it('lets a reply of 2.0 be empty where it is on an older line', async () => {
    const contracts = refreshAll(
      [],
      [read('2.0.0', '2.0', { [kill]: { id: 'kill' } }), read('1.3.0', '1.3', { [kill]: { status: '202', reply: null } })],
      ['kill'],
      noPatches,
    );
    const { sources } = await generate(contracts, ['kill'], noPatches);
    expect(sources.get('schema-2.0.d.ts')).toMatch(/204: \{\s+headers: \{[^}]*\};\s+content\?: never/);
    expect(sources.get('routes.ts')).toContain("'1.3': { method: 'delete', path: '/api/v1/{tenant}/executions/{id}/actions/kill' },");
  });

  it('fails where an operation in use is in no contract', async () => {
    const contracts = refreshAll(
      [],
      [read('2.0.0', '2.0', { [flow]: { id: 'getFlow' } }), read('2.0.0', '2.0', { [flow]: { id: 'getFlow' }, ...isEe })],
      ['getFlow'],
      noPatches,
    );
    await expect(generate(contracts, ['getFlow', 'getFlows'], noPatches)).rejects.toThrow(
      'getFlows is in operations.json, but not in the contract of 2.0',
    );
  });

  it('fails for a patch that matches nothing, and names it', async () => {
    const routes = { [flow]: { id: 'getFlow' } };
    const contracts = refreshAll([], [read('2.0.0', '2.0', routes), read('2.0.0', '2.0', { ...routes, ...isEe })], ['getFlow'], noPatches);
    const cases: [Partial<Patches>, string][] = [
      [
        { corrections: [{ name: 'mend the moon', lines: ['2.0'], why: 'dark', apply: () => 0 }] },
        'patch "mend the moon" matches nothing in 2.0',
      ],
      [
        { moves: [{ operation: 'getFlow', lines: ['2.0'], method: 'get', path: '/x', why: '' }] },
        'patch "move of getFlow" matches nothing in 2.0',
      ],
      [{ moves: [{ operation: 'fly', lines: ['2.0'], method: 'get', path: '/x', why: '' }] }, 'patch "move of fly" matches nothing in 2.0'],
      [{ absences: [{ operation: 'getFlow', lines: ['2.0'], why: '' }] }, 'patch "absence of getFlow" matches nothing in 2.0'],
      [
        { elsewhere: [{ operation: 'getFlow', line: '2.0', paths: ['/x', '/y'], why: '' }] },
        'patch "other path of getFlow" matches nothing in 2.0',
      ],
    ];
    for (const [patches, message] of cases)
      await expect(generate(contracts, ['getFlow'], { ...noPatches, ...patches })).rejects.toThrow(message);
  });
});

describe('where the editions differ', () => {
  const united = (ee: Schema, oss: Schema, more: Record<string, Schema> = {}) => {
    const sources = [
      read('2.0.0', '2.0', { [flow]: { id: 'getFlow', reply: ref('Flow') }, ...isEe }, { Flow: ee, ...more }),
      read('2.0.0', '2.0', { [flow]: { id: 'getFlow', reply: ref('Flow') } }, { Flow: oss, ...more }),
    ];
    const [contract] = refreshAll([], sources, ['getFlow'], noPatches);
    if (!contract) throw new Error('no contract');
    return unite(contract).schemas.Flow;
  };
  const text = { type: 'string' };

  it('a field that one lacks is optional', () => {
    const ee = { type: 'object', required: ['draft', 'id'], properties: { id: text, draft: { type: 'boolean' } } };
    const oss = { type: 'object', required: ['id'], properties: { id: text } };
    expect(united(ee, oss)).toEqual({ type: 'object', required: ['id'], properties: { id: text, draft: { type: 'boolean' } } });
  });

  it('two types become either, enums their union, and anything wins', () => {
    const object = (field: Schema): Schema => ({ type: 'object', properties: { field } });
    expect(united(object(text), object({ type: 'integer' }))).toEqual(object({ anyOf: [text, { type: 'integer' }] }));
    expect(united(object({ ...text, enum: ['A'] }), object({ ...text, enum: ['B'] }))).toEqual(object({ ...text, enum: ['A', 'B'] }));
    expect(united(object({ type: 'object' }), object(text))).toEqual(object({}));
    expect(united(object({ ...text, nullable: true }), object(text))).toEqual(object({ ...text, nullable: true }));
  });

  it('a parameter that one needs is required', () => {
    const served = (required: boolean): Served => ({ id: 'getFlow', query: { source: { type: 'boolean', required } } });
    const sources = [read('2.0.0', '2.0', { [flow]: served(true), ...isEe }), read('2.0.0', '2.0', { [flow]: served(false) })];
    const [contract] = refreshAll([], sources, ['getFlow'], noPatches);
    const parameter = contract && unite(contract).operations.getFlow?.parameters.find(({ name }) => name === 'source');
    expect(parameter?.required).toBe(true);
  });
});

describe('the corrections', () => {
  it('each say why, and have a name of their own', () => {
    const names = listed.corrections.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { why } of [...listed.corrections, ...listed.moves, ...listed.absences, ...listed.elsewhere]) expect(why).not.toBe('');
  });

  it('give filters their wire form, by the names that servers take', async () => {
    const field = { type: 'string', enum: ['FLOW_ID', 'LABELS', 'QUERY', 'namespace'] };
    const filter = { type: 'object', properties: { field: ref('QueryFilter.Field'), operation: ref('QueryFilter.Op') } };
    const schemas = { QueryFilter: filter, 'QueryFilter.Field': field, 'QueryFilter.Op': { type: 'string', enum: ['EQUALS'] } };
    const text = documentText(
      '2.0.0',
      { [flow]: { id: 'getFlow', query: { filters: { type: 'array' } }, reply: ref('QueryFilter') } },
      schemas,
    );
    const contracts = refreshAll([], [{ raw: parseDocument(text), line: '2.0', edition: 'oss' }], ['getFlow'], noPatches);
    const types = (await generate(contracts, ['getFlow'], { ...noPatches, corrections: listed.corrections })).sources.get(
      'schema-2.0.d.ts',
    );
    expect(types).toContain('filters?: components["schemas"]["Filters"]');
    expect(types).toMatch(/Filters: \{\s+flowId\?: \S+FilterOps"\];\s+labels\?: \S+LabelOps"\];\s+namespace\?: \S+;\s+q\?: /);
  });
});
