import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { run } from '../../codegen/run.ts';
import { documentText, noPatches, workplace } from './kestra.ts';

const flow = 'get /api/v1/{tenant}/flows/{id}';
const app = 'get /api/v1/{tenant}/apps/{uid}';
const simple = documentText('2.0.0', { [flow]: { id: 'getFlow' } });

async function codegen(place: { openapi: string; generated: string }, ...args: string[]): Promise<{ code: number; text: string }> {
  let text = '';
  const catalog = pathToFileURL(join(place.openapi, 'catalog.mjs'));
  const code = await run([...args, '--openapi', place.openapi, '--generated', place.generated], {
    say: (said) => (text += said),
    patches: noPatches,
    catalog,
  });
  return { code, text };
}

describe('npm run codegen', () => {
  it('is up to date in this repository', async () => {
    let text = '';
    expect(await run(['--check'], { say: (said) => (text += said) }), text).toBe(0);
  });

  it('explains itself', async () => {
    const { code, text } = await codegen(await workplace(), '--help');
    expect(code).toBe(0);
    for (const option of ['--from', '--line', '--edition', '--check']) expect(text).toContain(option);
  });

  it('tells stale files with --check, and writes nothing then', async () => {
    const place = await workplace('getFlow');
    await codegen(place, '--from', await place.file(simple));
    expect(await codegen(place, '--check')).toEqual({ code: 0, text: 'Up to date.\n' });
    const routes = join(place.generated, 'routes.ts');
    await writeFile(routes, 'changed');
    await writeFile(join(place.generated, 'schema-0.9.d.ts'), 'left over');
    const { code, text } = await codegen(place, '--check');
    expect(code).toBe(1);
    expect(text).toContain('routes.ts');
    expect(text).toContain('schema-0.9.d.ts');
    expect(await readFile(routes, 'utf8')).toBe('changed');
    await codegen(place);
    expect((await codegen(place, '--check')).code).toBe(0);
  });

  it('reads the document of a running Kestra', async () => {
    const asked: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url);
      response.end(simple);
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const place = await workplace('getFlow');
    const { text } = await codegen(place, '--from', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.close();
    expect(asked).toEqual(['/swagger/kestra.yml']);
    expect(text).toContain('2.0 (oss 2.0.0)');
    expect(JSON.parse(await readFile(join(place.openapi, 'kestra-2.0.json'), 'utf8')).documents).toEqual({ oss: '2.0.0' });
  });

  it('says so when a Kestra does not answer', async () => {
    await expect(codegen(await workplace('getFlow'), '--from', 'http://127.0.0.1:1')).rejects.toThrow('http://127.0.0.1:1 does not answer');
  });

  it('asks for the line of a document that does not name it', async () => {
    const place = await workplace('getFlow');
    const old = await place.file(documentText('v1', { [flow]: { id: 'getFlow' } }));
    await expect(codegen(place, '--from', old)).rejects.toThrow('says version v1, which names no line: add --line');
    await codegen(place, '--from', await place.file(simple));
    expect((await codegen(place, '--from', old, '--line', '1.0', '--edition', 'ee')).text).toContain('1.0 (ee v1)');
  });

  it('reports what changed, and the tools that touches', async () => {
    const place = await workplace('getApp', 'getFlow', 'search');
    const schemas = (fields: object) => ({ Flow: { type: 'object', properties: { id: { type: 'string' }, ...fields } } });
    const reply = { $ref: '#/components/schemas/Flow' };
    const before = {
      [flow]: { id: 'getFlow', reply, query: { source: { type: 'boolean' } } },
      'get /search': { id: 'search' },
      'get /old': {},
    };
    const after = {
      [flow]: { id: 'getFlow', reply, query: { draft: { type: 'boolean', required: true } } },
      'get /search': { id: 'search' },
      'get /new': {},
    };
    await writeFile(
      join(place.openapi, 'catalog.mjs'),
      "export const tools = [{ name: 'get_flow', uses: ['getFlow'] }, { name: 'search', uses: ['search'] }, { name: 'get_app', uses: ['getApp', 'search'] }];",
    );
    await codegen(place, '--from', await place.file(documentText('2.0.0', before, schemas({ old: { type: 'string' } }))));
    const ee = await codegen(
      place,
      '--from',
      await place.file(documentText('2.0.0', { ...before, [app]: { id: 'getApp' } }, schemas({ old: { type: 'string' } }))),
    );
    expect(ee.text).toContain('getApp: added');
    expect(ee.text).toContain('Tools touched: get_app\n');

    const twice = ['--from', await place.file(documentText('2.0.1', after, schemas({ now: { type: 'string' } })))];
    twice.push(
      '--from',
      await place.file(documentText('2.0.1', { ...after, [app]: { id: 'getApp' } }, schemas({ now: { type: 'string' } }))),
    );
    const { text } = await codegen(place, ...twice);
    expect(text).toContain('oss document: 2.0.0 -> 2.0.1');
    expect(text).toContain('getFlow: query parameter draft added (required)');
    expect(text).toContain('getFlow: query parameter source lost');
    expect(text).toContain('Flow: added: now; lost: old  [getFlow]');
    expect(text).toContain('routes added: 1 (get /new)');
    expect(text).toContain('routes gone: 1 (get /old)');
    expect(text).toContain('Tools touched: get_flow\n');
    expect((await codegen(place, ...twice)).text).toContain('nothing changed');
  });

  it('does without the tools where they cannot be imported', async () => {
    const place = await workplace('getFlow');
    await codegen(place, '--from', await place.file(simple));
    const { code, text } = await codegen(
      place,
      '--from',
      await place.file(documentText('2.0.1', { [flow]: { id: 'getFlow', query: { source: { type: 'boolean' } } } })),
    );
    expect(code).toBe(0);
    expect(text).toContain('Tools touched: unknown, the catalogue of tools cannot be read');
  });

  it('leaves the disk as it was when it fails', async () => {
    const place = await workplace('getFlow');
    await codegen(place, '--from', await place.file(simple));
    const before = await readFile(join(place.openapi, 'kestra-2.0.json'), 'utf8');
    await expect(codegen(place, '--from', await place.file(documentText('2.0.1', { 'get /moved': { id: 'getFlow' } })))).rejects.toThrow(
      'getFlow: the oss document of 2.0 has no get',
    );
    expect(await readFile(join(place.openapi, 'kestra-2.0.json'), 'utf8')).toBe(before);
  });
});
