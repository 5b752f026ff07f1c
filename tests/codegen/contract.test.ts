import { describe, expect, it } from 'vitest';
import type { Contract } from '../../codegen/contract.ts';
import { editionOf, lineOf, parseDocument } from '../../codegen/document.ts';
import { generate } from '../../codegen/generate.ts';
import type { Edition } from '../../codegen/openapi.ts';
import type { Patches } from '../../codegen/patch.ts';
import { print } from '../../codegen/print.ts';
import { refreshAll } from '../../codegen/refresh.ts';
import { unite } from '../../codegen/unite.ts';
import { documentText, noPatches } from './kestra.ts';

const source = (edition: Edition, text: string) => {
  const raw = parseDocument(text);
  return { raw, line: lineOf(raw.info.version) ?? '', edition };
};
const flow = 'get /api/v1/{tenant}/flows/{id}';
const kill = 'delete /api/v1/{tenant}/executions/{id}/actions/kill';
const oldKill = 'delete /api/v1/{tenant}/executions/{id}/kill';
const app = 'get /api/v1/{tenant}/apps/{uid}';
const contractOf = (contracts: readonly Contract[], line = '2.0'): Contract => {
  const found = contracts.find((contract) => contract.line === line);
  if (!found) throw new Error(`no contract of ${line}`);
  return found;
};
const oss2 = source('oss', documentText('2.0.1', { [flow]: { id: 'getFlow' }, [kill]: { id: 'kill' }, 'get /ping': {} }));
const ee2 = source('ee', documentText('2.0.0-SNAPSHOT', { [flow]: { id: 'getFlow' }, [kill]: { id: 'kill' }, [app]: { id: 'getApp' } }));
const inUse = ['getApp', 'getFlow', 'kill'];
const both = refreshAll([], [ee2, oss2], inUse, noPatches);
const moved: Patches = {
  ...noPatches,
  moves: [{ operation: 'kill', lines: ['1.3'], method: 'delete', path: '/api/v1/{tenant}/executions/{executionId}/kill', why: 'actions' }],
};

describe('a contract', () => {
  it('is the union of both editions by route', () => {
    const contract = contractOf(both);
    expect(Object.keys(contract.operations)).toEqual(['getApp', 'getFlow', 'kill']);
    expect(contract.routes['/ping']).toEqual({ get: 'oss' });
    expect(contract.routes['/api/v1/{tenant}/flows/{id}']).toEqual({ get: 'both' });
    expect(contract.documents).toEqual({ ee: '2.0.0-SNAPSHOT', oss: '2.0.1' });
  });

  it('knows what only the Enterprise Edition serves', () => {
    const { operations } = unite(contractOf(both));
    expect(operations.getApp?.edition).toBe('ee');
    expect(operations.getFlow?.edition).toBeUndefined();
  });

  it('keeps what only the other edition has when one is refreshed', () => {
    const newer = source('oss', documentText('2.0.2', { [flow]: { id: 'getFlow' }, [kill]: { id: 'kill' }, 'get /pong': {} }));
    const contract = contractOf(refreshAll(both, [newer], inUse, noPatches));
    expect(contract.operations.getApp?.ee).toBeDefined();
    expect(contract.routes['/api/v1/{tenant}/apps/{uid}']).toEqual({ get: 'ee' });
    expect(contract.routes['/ping']).toBeUndefined();
    expect(contract.routes['/pong']).toEqual({ get: 'oss' });
  });

  it('is the same whichever edition is read first, and however often', () => {
    const again = refreshAll(refreshAll([], [oss2], inUse, noPatches), [ee2], inUse, noPatches);
    expect(print(contractOf(again))).toBe(print(contractOf(both)));
    expect(print(contractOf(refreshAll(again, [oss2, ee2], inUse, noPatches)))).toBe(print(contractOf(both)));
  });

  it('holds facts, no prose', () => {
    const schemas = { Flow: { type: 'object', properties: { description: { type: 'string' }, tags: { type: 'array', items: {} } } } };
    const routes = { [flow]: { id: 'getFlow', reply: { $ref: '#/components/schemas/Flow' }, query: { source: { type: 'boolean' } } } };
    const text = print(contractOf(refreshAll([], [source('oss', documentText('2.0.0', routes, schemas))], ['getFlow'], noPatches)));
    expect(text.toLowerCase()).not.toContain('prose');
    expect(text).toContain('"description"');
  });

  it('has only the operations in use, and the schemas they reach', () => {
    const schemas = { Flow: { type: 'object' }, Other: { type: 'object' } };
    const routes = {
      [flow]: { id: 'getFlow', reply: { $ref: '#/components/schemas/Flow' } },
      'get /other': { reply: { $ref: '#/components/schemas/Other' } },
    };
    const contract = contractOf(refreshAll([], [source('oss', documentText('2.0.0', routes, schemas))], ['getFlow'], noPatches));
    expect(Object.keys(contract.operations)).toEqual(['getFlow']);
    expect(Object.keys(contract.schemas)).toEqual(['Flow']);
  });
});

describe('an older line', () => {
  it('is matched by method and route, whatever its ids and parameter names', () => {
    const old = source(
      'ee',
      documentText('1.3.0', { 'get /api/v1/{tenant}/flows/{flowId}': { id: 'flow' }, [kill]: {}, [app]: { id: 'getFlow' } }),
    );
    const contract = contractOf(refreshAll(both, [old], inUse, noPatches), '1.3');
    expect(contract.operations.getFlow?.ee?.path).toBe('/api/v1/{tenant}/flows/{flowId}');
    expect(contract.operations.getApp?.ee?.path).toBe('/api/v1/{tenant}/apps/{uid}');
  });

  it('has listed moves under the id of 2.0', () => {
    const old = source('oss', documentText('1.3.25', { [flow]: {}, [oldKill]: { id: 'killIt' } }));
    const contract = contractOf(refreshAll(both, [old], inUse, moved), '1.3');
    expect(contract.operations.kill?.oss?.path).toBe('/api/v1/{tenant}/executions/{id}/kill');
  });

  it('fails the run where a route differs and is not listed', () => {
    const old = source('oss', documentText('1.3.25', { [flow]: {}, [oldKill]: { id: 'kill' } }));
    expect(() => refreshAll(both, [old], inUse, noPatches)).toThrow(
      'kill: the oss document of 1.3 has no delete /api/v1/{tenant}/executions/{id}/actions/kill, and patches.ts lists neither a move nor an absence of it. It has an operation of that id at delete /api/v1/{tenant}/executions/{id}/kill.',
    );
  });

  it('may lack an operation where that is listed', () => {
    const old = source('oss', documentText('1.3.25', { [flow]: {} }));
    const patches = { ...noPatches, absences: [{ operation: 'kill', lines: ['1.3'], why: 'came later' }] };
    expect(Object.keys(contractOf(refreshAll(both, [old], inUse, patches), '1.3').operations)).toEqual(['getFlow']);
  });

  it('may have in one document what the other of its version lacks', () => {
    const ee = source('ee', documentText('1.3.0', { [flow]: {}, [app]: {} }));
    const oss = source('oss', documentText('1.3.25', { [flow]: {}, [kill]: {} }));
    expect(contractOf(refreshAll(both, [ee, oss], inUse, noPatches), '1.3').operations.kill?.oss).toBeDefined();
  });
});

describe('the reference line', () => {
  const general = (extra: object = {}) =>
    source('ee', documentText('2.0.0', { [oldKill]: { id: 'kill' }, [flow]: { id: 'getFlow' }, [app]: {}, ...extra }));

  it('fails the run when a known operation moves unlisted', () => {
    expect(() => refreshAll(both, [general()], inUse, noPatches)).toThrow('kill: the ee document of 2.0 has no delete');
  });

  it('follows an operation between listed paths, and gives the other one', async () => {
    const paths = ['/api/v1/{tenant}/executions/{id}/actions/kill', '/api/v1/{tenant}/executions/{id}/kill'] as const;
    const patches = { ...noPatches, elsewhere: [{ operation: 'kill', line: '2.0', paths, why: 'moved' }] };
    for (const [contracts, path, elsewhere] of [
      [both, ...paths],
      [refreshAll(both, [general()], inUse, patches), paths[1], paths[0]],
    ] as const) {
      const routes = (await generate(contracts, inUse, patches)).sources.get('routes.ts');
      expect(routes).toContain(`path: '${path}', reply: 'application/json', elsewhere: '${elsewhere}'`);
      for (const each of paths) expect(routes).toContain(`'DELETE ${each}',`);
    }
  });
});

describe('a document', () => {
  it('names its line by its version, if that is one', () => {
    expect(['2.0.0-SNAPSHOT', '1.3.25', 'v2.1', 'v1'].map(lineOf)).toEqual(['2.0', '1.3', '2.1', undefined]);
  });

  it('shows its edition by the routes it has', () => {
    expect([oss2, ee2].map(({ raw }) => editionOf(raw))).toEqual(['oss', 'ee']);
  });

  it('may continue quoted texts as strict YAML forbids', () => {
    const text = 'openapi: 3.0.1\ninfo:\n  description: "one\\\n  \\ two"\n  version: v1\npaths: {}\n';
    expect(parseDocument(text).info.version).toBe('v1');
  });

  it('is refused with the reason if it is something else', () => {
    expect(() => parseDocument('<html>Sign in</html>')).toThrow();
    expect(() => parseDocument('a: [')).toThrow();
  });
});
